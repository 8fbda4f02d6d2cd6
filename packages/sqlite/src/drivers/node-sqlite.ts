/**
 * The way out: Node's own SQLite. It has no threads and cannot interrupt a statement, so it is not for hosts that run
 * strangers' SQL; it keeps the port honest and gives tests a driver without a native package. The module is asked for when
 * a file is opened: a Node without it runs everything else.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { assert, type SqlColumn, type SqlValue, TenaxError } from '@tenax/kernel'
import { readParameters } from '../core/parameters.ts'
import { type AuthorizerPolicy, ruleMatches } from '../core/policy.ts'
import { resultCodeName } from '../core/result-codes.ts'
import { tokenize } from '../core/tokens.ts'
import { type EngineConnection, type EngineDriver, EngineError, type EngineStatement } from '../driver.ts'

type NodeSqlite = typeof import('node:sqlite')

/** Node's built-in SQLite. `open` throws TenaxError `unavailable` on a Node whose SQLite has no authorizer: before 24.10. */
export const nodeSqliteDriver: EngineDriver = {
  name: 'node:sqlite',
  offThread: false,
  queryTimeout: false,
  open: (path) => new NodeConnection(path),
}

/** The platform's SQLite, or the reason why there is none. */
export function requireNodeSqlite(found: Partial<NodeSqlite> | undefined): NodeSqlite {
  if (isWhole(found)) return found
  throw new TenaxError(
    'unavailable',
    `the SQLite of Node ${process.versions.node} has no authorizer, or is not there`,
    {
      hint: 'use Node 24.10 or newer',
    },
  )
}

function isWhole(found: Partial<NodeSqlite> | undefined): found is NodeSqlite {
  return found?.DatabaseSync !== undefined && 'setAuthorizer' in found.DatabaseSync.prototype
}

class NodeConnection implements EngineConnection {
  readonly #db: DatabaseSync
  readonly #constants: NodeSqlite['constants']

  constructor(path: string) {
    // Declared as always there; a Node that is too old has it not.
    const found: Partial<NodeSqlite> | undefined = process.getBuiltinModule('node:sqlite')
    const { DatabaseSync, constants } = requireNodeSqlite(found)
    this.#constants = constants
    this.#db = translated(() => new DatabaseSync(path, { timeout: 0, enableDoubleQuotedStringLiterals: false }))
  }

  script(sql: string): void {
    translated(() => this.#db.exec(sql))
  }

  prepare(sql: string): EngineStatement {
    return new NodeStatement(
      translated(() => this.#db.prepare(sql)),
      readParameters(tokenize(sql)).names,
    )
  }

  prepareOffThread(sql: string): Promise<EngineStatement> {
    return Promise.try(() => this.prepare(sql))
  }

  setPolicy(policy: AuthorizerPolicy | undefined): void {
    const { SQLITE_OK, SQLITE_DENY } = this.#constants
    const actions = actionsOf(this.#constants)
    this.#db.setAuthorizer(
      policy === undefined
        ? null
        : (code, first, second) => (isAllowed(policy, [actions.get(code), first, second]) ? SQLITE_OK : SQLITE_DENY),
    )
  }

  inTransaction(): boolean {
    return this.#db.isTransaction
  }

  statementsHeld(): number {
    return 0
  }

  close(): void {
    if (this.#db.isOpen) this.#db.close()
  }
}

class NodeStatement implements EngineStatement {
  readonly #statement: StatementSync
  readonly #names: readonly (string | null)[]

  constructor(statement: StatementSync, names: readonly (string | null)[]) {
    this.#statement = statement
    this.#names = names
    statement.setReadBigInts(true)
    statement.setReturnArrays(true)
  }

  columns(): SqlColumn[] {
    return this.#statement.columns().map(({ name, type }) => ({ name, decltype: type }))
  }

  get(args: readonly SqlValue[] = []): SqlValue[] | undefined {
    return translated(() => {
      const row: unknown = this.#statement.get(...this.#bound(args))
      return row === undefined ? undefined : rowOf(row)
    })
  }

  all(args: readonly SqlValue[] = []): SqlValue[][] {
    return translated(() => this.#statement.all(...this.#bound(args)).map(rowOf))
  }

  getOffThread(args: readonly SqlValue[]): Promise<SqlValue[] | undefined> {
    return Promise.try(() => this.get(args))
  }

  allOffThread(args: readonly SqlValue[], _timeoutMs: number, rowsMax: number): Promise<SqlValue[][]> {
    return Promise.try(() => {
      const rows: SqlValue[][] = []
      for (const row of this.#statement.iterate(...this.#bound(args))) {
        rows.push(rowOf(row))
        if (rows.length === rowsMax) break
      }
      return rows
    }).catch((error: unknown) => {
      throw engineError(error)
    })
  }

  /** Node binds `:a`, `@a` and `$a` by name only, and counts the other values past them. */
  #bound(args: readonly SqlValue[]): [Record<string, SqlValue>, ...SqlValue[]] {
    const named: Record<string, SqlValue> = {}
    const others = args.filter((value, index) => {
      const name = this.#names[index]
      if (typeof name !== 'string' || name.startsWith('?')) return true
      named[name] = value
      return false
    })
    return [named, ...others]
  }
}

/** Rows are arrays once `setReturnArrays` is on; the declarations of Node do not follow that switch. */
function rowOf(row: unknown): SqlValue[] {
  assert(Array.isArray(row), 'node:sqlite answers rows as arrays')
  return row
}

let knownActions: ReadonlyMap<number, string> | undefined

/** Authorizer codes by number, for the actions that a policy speaks about. */
function actionsOf(constants: NodeSqlite['constants']): ReadonlyMap<number, string> {
  knownActions ??= new Map(
    Object.entries(constants)
      .filter(([name]) => !/^SQLITE_(CHANGESET_.*|OK|DENY|IGNORE|COPY)$/.test(name))
      .map(([name, value]) => [Number(value), name.slice('SQLITE_'.length)]),
  )
  return knownActions
}

type Asked = readonly [action: string | undefined, first: string | null, second: string | null]

function isAllowed(policy: AuthorizerPolicy, [action, first, second]: Asked): boolean {
  if (action === undefined) return false
  const asked = { action, ...subjectOf(action, first ?? undefined, second ?? undefined) }
  return policy.rules.find((rule) => ruleMatches(rule, asked))?.allow ?? false
}

/** Which argument of the callback is the table and which the thing (https://www.sqlite.org/c3ref/c_alter_table.html). */
function subjectOf(
  action: string,
  first?: string,
  second?: string,
): { table?: string | undefined; entity?: string | undefined } {
  if (action.endsWith('_INDEX') || action.endsWith('_TRIGGER')) return { entity: first, table: second }
  if (action.endsWith('_VTABLE')) return { table: first, entity: second }
  if (action.endsWith('_VIEW') || action === 'REINDEX') return { entity: first }
  if (action === 'FUNCTION') return { entity: second }
  if (action === 'ALTER_TABLE') return { table: second }
  return { table: first }
}

function translated<T>(fn: () => T): T {
  try {
    return fn()
  } catch (error) {
    throw engineError(error)
  }
}

function engineError(error: unknown): unknown {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return error
  const message = error.message
  if (error.errcode === 23 || message.startsWith('not authorized'))
    return new EngineError('SQLITE_AUTH', message, error)
  return new EngineError(resultCodeName(error.errcode), message, error)
}
