/**
 * The product's driver: libsql 0.6.0-pre.41, the first release with a rule-based authorizer, per-query timeouts and an
 * off-thread interface. One native connection serves its synchronous and its off-thread face.
 */
import '../native-threads.ts'
import { createRequire } from 'node:module'
import type { SqlColumn, SqlValue } from '@tenax/kernel'
import type { AuthorizerPolicy, NameSet } from '../core/policy.ts'
import { resultCodeName } from '../core/result-codes.ts'
import { type EngineConnection, type EngineDriver, EngineError, type EngineStatement } from '../driver.ts'

type Row = SqlValue[]
type Bound = null | bigint | number | string | Buffer

/** The part of the binding that is used here, by hand, because its own declarations say `any` throughout. */
interface NativeDatabase {
  authorizer(config: unknown): void
  inTransaction(): boolean
  close(): void
}
interface SyncStatement {
  readonly stmt: object
  raw(on: boolean): SyncStatement
  columns(): { name: string; type: string | null }[]
  get(args: Bound[], options?: { queryTimeout: number }): Row | undefined
  all(args: Bound[], options?: { queryTimeout: number }): Row[]
}
interface SyncDatabase {
  readonly db: NativeDatabase
  prepare(sql: string): SyncStatement
  exec(sql: string): void
  defaultSafeIntegers(on: boolean): void
}
interface OffThreadStatement {
  readonly stmt: object
  get(args: Bound[], options: { queryTimeout: number }): Promise<Row | undefined>
  iterate(
    args: Bound[],
    options: { queryTimeout: number },
  ): Promise<{
    next(): Promise<{ done: boolean; value: Row }>
    return(): unknown
  }>
}
interface Binding {
  new (path: string, options: { timeout: number }): SyncDatabase
  readonly Action: Readonly<Record<string, number>>
}
interface OffThreadBinding {
  readonly Database: new (native: NativeDatabase) => { prepare(sql: string): Promise<OffThreadStatement> }
  readonly Statement: new (native: object) => OffThreadStatement
}

const require = createRequire(import.meta.url)
const Database: Binding = require('libsql')
const offThread: OffThreadBinding = require('libsql/promise')

const ALLOW = 0
const DENY = 1

/** libSQL through its native binding. */
export const libsqlDriver: EngineDriver = {
  name: 'libsql',
  offThread: true,
  queryTimeout: true,
  open: (path) => new LibsqlConnection(path),
}

/**
 * Every statement of a connection is kept until the connection is closed: when the collector finalizes one while another
 * of the same connection runs off thread, SQLite waits for that other one on the event loop, for all tenants (decision 0009).
 */
class LibsqlConnection implements EngineConnection {
  readonly #db: SyncDatabase
  #held: object[] = []

  constructor(path: string) {
    this.#db = connected(path)
    this.#db.defaultSafeIntegers(true)
  }

  script(sql: string): void {
    translated(() => this.#db.exec(sql))
  }

  prepare(sql: string): EngineStatement {
    return this.#hold(translated(() => this.#db.prepare(sql)))
  }

  async prepareOffThread(sql: string): Promise<EngineStatement> {
    const prepared = await translatedAsync(() => new offThread.Database(this.#db.db).prepare(sql))
    return this.#hold(new (syncStatementClass())(prepared.stmt))
  }

  #hold(statement: SyncStatement): EngineStatement {
    this.#held.push(statement.stmt)
    return new LibsqlStatement(statement)
  }

  statementsHeld(): number {
    return this.#held.length
  }

  setPolicy(policy: AuthorizerPolicy | undefined): void {
    this.#db.db.authorizer(policy === undefined ? null : nativePolicy(policy))
  }

  inTransaction(): boolean {
    return this.#db.db.inTransaction()
  }

  close(): void {
    this.#db.db.close()
    this.#held = []
  }
}

class LibsqlStatement implements EngineStatement {
  readonly #sync: SyncStatement
  readonly #offThread: OffThreadStatement

  constructor(sync: SyncStatement) {
    this.#sync = sync
    if (sync.columns().length > 0) sync.raw(true)
    this.#offThread = new offThread.Statement(sync.stmt)
  }

  columns(): SqlColumn[] {
    return this.#sync.columns().map(({ name, type }) => ({ name, decltype: type }))
  }

  get(args: readonly SqlValue[] = [], timeoutMs = 0): Row | undefined {
    return translated(() => this.#sync.get(bound(args), { queryTimeout: timeoutMs }))
  }

  all(args: readonly SqlValue[] = [], timeoutMs = 0): Row[] {
    return translated(() => this.#sync.all(bound(args), { queryTimeout: timeoutMs }))
  }

  getOffThread(args: readonly SqlValue[], timeoutMs: number): Promise<Row | undefined> {
    return translatedAsync(() => this.#offThread.get(bound(args), { queryTimeout: timeoutMs }))
  }

  allOffThread(args: readonly SqlValue[], timeoutMs: number, rowsMax: number): Promise<Row[]> {
    return translatedAsync(async () => {
      const rows: Row[] = []
      const iterator = await this.#offThread.iterate(bound(args), { queryTimeout: timeoutMs })
      try {
        for (let next = await iterator.next(); !next.done && rows.length < rowsMax; next = await iterator.next()) {
          rows.push(next.value)
        }
      } finally {
        iterator.return()
      }
      return rows
    })
  }
}

type SyncStatementClass = new (native: object) => SyncStatement
let syncStatement: SyncStatementClass | undefined

/** The synchronous face of a native statement. The binding does not export its class; an instance leads to it. */
function syncStatementClass(): SyncStatementClass {
  if (syncStatement !== undefined) return syncStatement
  const database = new Database(':memory:', { timeout: 0 })
  syncStatement = database.prepare('SELECT 1').constructor as SyncStatementClass
  database.db.close()
  return syncStatement
}

/** The binding panics on an object with unnamed parameters, so values always go by position. */
function bound(args: readonly SqlValue[]): Bound[] {
  return args.map((value) =>
    value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : value,
  )
}

/** A failure to open carries the path and not the code, so it is said anew. */
function connected(path: string): SyncDatabase {
  try {
    return new Database(path, { timeout: 0 })
  } catch (error) {
    throw new EngineError('SQLITE_CANTOPEN', 'unable to open database file', error)
  }
}

const nativePolicies = new WeakMap<AuthorizerPolicy, object>()

function nativePolicy(policy: AuthorizerPolicy): object {
  const known = nativePolicies.get(policy)
  if (known !== undefined) return known
  const rules = policy.rules.map((rule) => ({
    action: rule.actions.map((action) => Database.Action[action]),
    ...(rule.table === undefined ? {} : { table: pattern(rule.table) }),
    ...(rule.entity === undefined ? {} : { entity: pattern(rule.entity) }),
    policy: rule.allow ? ALLOW : DENY,
  }))
  const native = { rules, defaultPolicy: DENY }
  nativePolicies.set(policy, native)
  return native
}

/** The engine's globs: `{a,b}` is one of, `[aA]` a set; a star stops at `/`, which no reserved name may contain. */
function pattern(set: NameSet): { glob: string } {
  if ('names' in set) return { glob: `{${set.names.join(',')}}` }
  const letters = [...set.prefix].map((char) => (/[a-z]/.test(char) ? `[${char}${char.toUpperCase()}]` : char))
  return { glob: `${letters.join('')}*` }
}

function translated<T>(fn: () => T): T {
  try {
    return fn()
  } catch (error) {
    throw engineError(error)
  }
}

async function translatedAsync<T>(fn: () => Promise<T>): Promise<T> {
  try {
    return await fn()
  } catch (error) {
    throw engineError(error)
  }
}

function engineError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof EngineError) return error
  const { code, message } = reportOf(error)
  if (code === 'SQLITE_AUTH') return new EngineError(code, 'not authorized', error)
  // A refused function comes as a plain SQLITE_ERROR; its text, pinned by the contract suite, is all that tells it apart.
  if (message.startsWith('not authorized')) return new EngineError('SQLITE_AUTH', message, error)
  return code?.startsWith('SQLITE_') === true ? new EngineError(code, message, error) : error
}

/** Where the binding forgets to convert (a failure to connect, a row of an iterator), the report is JSON in the message. */
function reportOf(error: Error): { code: string | undefined; message: string } {
  const report: unknown = error.message.startsWith('{"code":') ? JSON.parse(error.message) : error
  if (typeof report !== 'object' || report === null) return { code: undefined, message: error.message }
  const code = 'code' in report && typeof report.code === 'string' ? report.code : undefined
  const number = 'rawCode' in report && typeof report.rawCode === 'number' ? report.rawCode : undefined
  // It has no names for newer codes, among them that of a wrong type in a STRICT table.
  const known = code?.startsWith('SQLITE_') === true || number === undefined ? code : resultCodeName(number)
  return { code: known, message: 'message' in report ? String(report.message) : error.message }
}
