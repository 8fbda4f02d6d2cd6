/**
 * One SQLite file, open for its one writer.
 *
 * Invariants:
 *  1. Exactly one connection writes and checkpoints the file (`wal_autocheckpoint` is 0).
 *  2. One operation at a time: nothing synchronous runs while an off-thread call is pending. The caller's queue keeps it.
 *  3. BEGIN stands here and nowhere else; tenant text cannot contain it.
 *  4. A transaction that has spilled is never committed ({@link SpillWatch}).
 *  5. `close()` is called only after a TRUNCATE checkpoint that left the WAL at 0 bytes (LEDGER K4), because descriptors
 *     linger, and a late close by the collector may checkpoint again.
 */

import { fdatasync, futimesSync, statSync } from 'node:fs'
import { promisify } from 'node:util'
import { assert, TenaxError } from '@tenax/kernel'
import { changesSince, NO_CHANGES, readSizes, totalChanges } from './change-counters.ts'
import { COMPLAINTS_MAX, damageIn, QUICK_CHECK_SQL } from './complaints.ts'
import { type Bindings, bindValues } from './core/parameters.ts'
import type { EngineConnection, EngineDriver, EngineStatement } from './driver.ts'
import { sqlFailure } from './failure.ts'
import type {
  CommitHooks,
  CommitKind,
  Executed,
  ExecuteOptions,
  FileSizes,
  OpenOptions,
  SqliteFileSettings,
} from './file-options.ts'
import { MAINTENANCE_TIMEOUT_MS, PAGE_BYTES, SHORT_TIMEOUT_MS, STATEMENTS_HELD_MAX } from './limits.ts'
import { holdMainFile, type MainFileHold, releaseMainFile } from './main-files.ts'
import { MEMORY_PATH, openInMemory } from './memory-file.ts'
import { applyPragmas, SPILL_AT_LIMIT, SPILL_NEVER, type Synchronous } from './open-pragmas.ts'
import { SpillWatch, transactionTooLarge } from './spill-watch.ts'
import { executeNow } from './tenant-now.ts'
import { keepOffLoop, runTenantStatement, type TenantStatement } from './tenant-statement.ts'
import { TenantStatements } from './tenant-statements.ts'
import { mendVectorMetadata } from './vector-index.ts'

const syncDescriptor = promisify(fdatasync)

const SAVEPOINT_VERBS = { savepoint: 'SAVEPOINT', release: 'RELEASE', rollback_to: 'ROLLBACK TO' } as const

/** An open file. See the head of this module for what its caller must keep. */
export class SqliteFile {
  readonly path: string
  readonly settings: SqliteFileSettings
  readonly #driver: EngineDriver
  readonly #connection: EngineConnection
  readonly #hold: MainFileHold | undefined
  readonly #engineStatements = new Map<string, EngineStatement>()
  readonly #tenants: TenantStatements
  readonly #synchronous: Synchronous
  readonly #spills: SpillWatch
  #hooks: CommitHooks = { before: () => undefined, after: () => undefined }
  #mayHaveGrown = false
  #closed = false

  private constructor(hold: MainFileHold | undefined, connection: EngineConnection, options: OpenOptions) {
    this.path = hold?.realPath ?? MEMORY_PATH
    this.settings = options.settings
    this.#driver = options.driver
    this.#hold = hold
    this.#spills = new SpillWatch(`${this.path}-wal`)
    this.#connection = connection
    const engine = (sql: string) => this.engine(sql)
    this.#tenants = new TenantStatements({ connection, engine, nowMs: options.nowMs, reply: options.settings.reply })
    this.#synchronous = options.synchronous ?? 'full'
  }

  /**
   * Opens the existing file at `path` and asserts every pragma by reading it back.
   *
   * @throws TenaxError `internal` when the file is damaged or not in WAL mode
   */
  static open(path: string, options: OpenOptions): SqliteFile {
    const hold = holdMainFile(path)
    let connection: EngineConnection | undefined
    try {
      connection = options.driver.open(hold.realPath)
      applyPragmas(connection, { ...options.settings, synchronous: options.synchronous ?? 'full' })
      mendVectorMetadata(connection)
      return new SqliteFile(hold, connection, options)
    } catch (error) {
      connection?.close()
      releaseMainFile(hold)
      throw sqlFailure(error)
    }
  }

  /** A file in memory that holds `schema`, for tests: there is no log, and a transaction is as large as it gets. */
  static inMemory(schema: readonly string[], options: Omit<OpenOptions, 'synchronous'>): SqliteFile {
    return new SqliteFile(undefined, openInMemory(options.driver, schema), { ...options, synchronous: 'off' })
  }

  /** A raw descriptor of the main file, for reading a frozen file. Never close it. */
  get descriptor(): number {
    assert(this.#hold !== undefined, 'a file in memory has no descriptor')
    return this.#hold.descriptor
  }

  /** Says in the main file's time of change that it was in use until `nowMs`. */
  touch(nowMs: number): void {
    if (this.#hold !== undefined) futimesSync(this.#hold.descriptor, nowMs / 1_000, nowMs / 1_000)
  }

  /** Makes what a checkpoint has written durable, off the event loop. */
  syncMain(): Promise<void> {
    return syncDescriptor(this.descriptor)
  }

  /** Calls `hooks` synchronously around each COMMIT of this connection, so that nothing else runs on it between. */
  onCommit(hooks: CommitHooks): void {
    this.#hooks = hooks
  }

  /** Pages that the connection keeps in memory: what a transaction can change before it writes to the WAL. */
  get cachePages(): number {
    return Math.ceil((this.settings.cacheKib * 1024) / PAGE_BYTES)
  }

  /** A statement of the engine's own, compiled once, without the sandbox. */
  engine(sql: string): EngineStatement {
    const known = this.#engineStatements.get(sql)
    if (known !== undefined) return known
    const statement = this.#connection.prepare(sql)
    this.#engineStatements.set(sql, statement)
    return statement
  }

  /** True between BEGIN and its end, whoever ended it (`ON CONFLICT ROLLBACK`, `RAISE(ROLLBACK)`, a timeout, a full disk). */
  get inTransaction(): boolean {
    return this.#connection.inTransaction()
  }

  begin(mode: 'deferred' | 'immediate'): void {
    this.#spills.began()
    this.engine(mode === 'immediate' ? 'BEGIN IMMEDIATE' : 'BEGIN').get()
  }

  /**
   * Commits: with `full`, which waits for the disk, off the event loop; with `off`, before this returns.
   *
   * @throws TenaxError `transaction_too_large`: it is rolled back
   */
  async commit(kind: CommitKind): Promise<void> {
    if (!kind.isNumbered && this.#spills.hasSpilled()) return this.#endUnwritten()
    this.#refuseSpilled()
    this.#hooks.before(kind)
    if (this.#synchronous === 'full') await this.engine('COMMIT').getOffThread([], 0)
    else this.engine('COMMIT').get()
    this.#mayHaveGrown = true
    this.#tenants.forgetIfChanged()
    this.#hooks.after(kind)
  }

  /** True when something was committed since this was last asked: the moment to look at the WAL's size. */
  takeGrowth(): boolean {
    const grown = this.#mayHaveGrown
    this.#mayHaveGrown = false
    return grown
  }

  /** Ends the transaction, if there still is one, without its writes. */
  rollback(): void {
    if (this.inTransaction) this.engine('ROLLBACK').get()
    this.#tenants.forgetIfChanged()
  }

  /**
   * Ends a transaction that wrote nothing, though the log has changed: a statement of it spilled and failed, or it never held
   * the write lock and another process wrote meanwhile. There is nothing to refuse, and nothing to commit.
   */
  #endUnwritten(): void {
    this.rollback()
    this.#mayHaveGrown = true
  }

  /** Ends a transaction that is over the limit: its COMMIT could take away what was committed before (decision 0012). */
  #refuseSpilled(): void {
    if (!this.inTransaction || !this.#spills.hasSpilled()) return
    this.rollback()
    this.#mayHaveGrown = true
    throw transactionTooLarge()
  }

  /** Sets, releases or returns to a savepoint inside a transaction. The name is quoted, whatever it holds. */
  savepoint(verb: keyof typeof SAVEPOINT_VERBS, name: string): void {
    try {
      this.#connection.script(`${SAVEPOINT_VERBS[verb]} "${name.replaceAll('"', '""')}"`)
    } catch (error) {
      throw sqlFailure(error)
    }
    this.#tenants.forgetIfChanged()
  }

  /**
   * An engine transaction, whose `body` raises the LSN: synchronous from BEGIN to COMMIT, rolled back when `body` throws.
   * `rowsOnly`: it changes no schema, and few rows.
   */
  transaction<T>(body: () => T, { rowsOnly = false } = {}): T {
    this.begin('immediate')
    if (!rowsOnly) this.#spills.note()
    try {
      const result = body()
      this.#refuseSpilled()
      this.#hooks.before({ isNumbered: true })
      this.engine('COMMIT').get()
      this.#mayHaveGrown = true
      this.#hooks.after({ isNumbered: true })
      return result
    } catch (error) {
      this.rollback()
      throw error
    } finally {
      if (!rowsOnly) this.dropTenantStatements()
    }
  }

  /** Runs a script of the engine's own, statement by statement. */
  script(statements: readonly string[]): void {
    for (const sql of statements) this.#connection.prepare(sql).get()
  }

  /** The statement of this text, if it is compiled. */
  prepared(text: string): TenantStatement | undefined {
    return this.#tenants.get(text)
  }

  /**
   * Compiles what a tenant sent, or finds it compiled.
   *
   * @throws TenaxError `sql_error`, `sql_refused`
   */
  prepare(text: string): Promise<TenantStatement> {
    return this.#tenants.prepare(text)
  }

  /**
   * Runs a compiled statement of a tenant. `mayRunOnLoop` lets one that is known to be short run synchronously; if it
   * then takes too long, this throws {@link TooLongForLoop} and the caller runs it again without.
   */
  async execute(prepared: TenantStatement, bindings: Bindings, options: ExecuteOptions): Promise<Executed> {
    const values = bindValues(prepared.parsed.parameters, bindings)
    const onLoop =
      options.mayRunOnLoop && prepared.short && this.#driver.queryTimeout && this.#tenants.definitionsAreCheap()
    const writes = prepared.parsed.kind === 'write' || prepared.parsed.kind === 'schema'
    const before = writes ? totalChanges((sql) => this.engine(sql)) : 0n
    if (!onLoop) this.#spills.note()
    try {
      const ready = prepared.shape === 'late' ? await this.#tenants.compileLate(prepared) : prepared
      const rows = await runTenantStatement(ready, values, {
        offThread: !onLoop,
        timeoutMs: onLoop ? SHORT_TIMEOUT_MS : options.timeoutMs,
        limits: this.settings.reply,
      })
      if (writes && !onLoop) this.#refuseSpilled()
      const { wrote, ...effects } = writes ? changesSince((sql) => this.engine(sql), before) : NO_CHANGES
      const result = { columns: prepared.columns, rows, ...effects }
      return { result, wrote: wrote || prepared.parsed.kind === 'schema' }
    } catch (error) {
      const failure = sqlFailure(error)
      if (onLoop && failure instanceof TenaxError && failure.code === 'query_timeout') {
        keepOffLoop(prepared)
        throw new TooLongForLoop()
      }
      throw failure
    } finally {
      if (prepared.parsed.kind === 'schema') this.#tenants.schemaChanged()
    }
  }

  /** As `prepare` and `execute`, before it returns: for SQL that runs inside a commit of the engine's. */
  executeNow(text: string, bindings: Bindings, timeoutMs: number): Executed {
    this.#spills.note()
    const { reply } = this.settings
    const engine = (sql: string) => this.engine(sql)
    const parts = { connection: this.#connection, reply, statements: this.#tenants, engine }
    const executed = executeNow(parts, { text, bindings, timeoutMs })
    if (executed.wrote) this.#refuseSpilled()
    return executed
  }

  /** Forgets all compiled statements of the tenant. */
  dropTenantStatements(): void {
    this.#tenants.drop()
  }

  /** A switch of the connection (`foreign_keys`, `defer_foreign_keys`), read back. */
  setSwitch(name: 'foreign_keys' | 'defer_foreign_keys', on: boolean): void {
    this.engine(`PRAGMA ${name} = ${on ? 'ON' : 'OFF'}`).get()
  }

  /** Sets a number of the file's header; part of the transaction that is open. */
  setHeader(name: string, value: number): void {
    assert(name === 'user_version' || name === 'application_id', 'only two header fields are for tenants')
    this.#connection.script(`PRAGMA ${name} = ${value}`)
  }

  /** VACUUM, outside any transaction, off thread. */
  async vacuum(): Promise<void> {
    assert(!this.inTransaction, 'VACUUM runs outside a transaction')
    this.#connection.script(SPILL_NEVER) // it commits by itself; the page quota is its limit
    try {
      await this.#maintain('VACUUM')
    } finally {
      this.#connection.script(SPILL_AT_LIMIT)
    }
    this.dropTenantStatements()
    mendVectorMetadata(this.#connection)
  }

  /** `PRAGMA optimize`, inside a transaction or not. */
  async optimize(): Promise<void> {
    await this.#maintain('PRAGMA optimize')
  }

  async #maintain(sql: string): Promise<void> {
    this.#spills.note()
    try {
      await this.#connection.prepare(sql).getOffThread([], MAINTENANCE_TIMEOUT_MS)
    } catch (error) {
      throw sqlFailure(error)
    }
  }

  /**
   * Moves the whole WAL into the main file and cuts it to 0 bytes. False when another process's reader or writer was in
   * the way; nothing is lost then, and the next try goes on.
   */
  async checkpoint(): Promise<boolean> {
    assert(!this.inTransaction, 'a checkpoint runs outside a transaction')
    try {
      const row = await this.engine('PRAGMA wal_checkpoint(TRUNCATE)').getOffThread([], MAINTENANCE_TIMEOUT_MS)
      return row?.[0] === 0n && this.walBytes() === 0
    } catch (error) {
      throw sqlFailure(error)
    }
  }

  /** As `checkpoint`, before it returns: for small files whose connection is used by nobody else meanwhile. */
  checkpointNow(): boolean {
    assert(!this.inTransaction, 'a checkpoint runs outside a transaction')
    try {
      return this.engine('PRAGMA wal_checkpoint(TRUNCATE)').get()?.[0] === 0n && this.walBytes() === 0
    } catch (error) {
      throw sqlFailure(error)
    }
  }

  /** `PRAGMA quick_check`: undefined when sound, else the first complaint. */
  async quickCheck(): Promise<string | undefined> {
    return damageIn(await this.engine(QUICK_CHECK_SQL).allOffThread([], MAINTENANCE_TIMEOUT_MS, COMPLAINTS_MAX))
  }

  /** Bytes of the WAL, by its directory entry: the file itself is never opened here. */
  walBytes(): number {
    return statSync(`${this.path}-wal`, { throwIfNoEntry: false })?.size ?? 0
  }

  sizes(): FileSizes {
    return { ...readSizes((sql) => this.engine(sql)), walBytes: this.walBytes() }
  }

  /** An estimate of the memory that this handle holds, in bytes: page cache and compiled statements. */
  memoryBytes(): number {
    const statements = Math.max(this.#tenants.count + this.#engineStatements.size, this.#connection.statementsHeld())
    return this.settings.cacheKib * 1024 + statements * 5 * 1024
  }

  /** True when the connection has gathered so many statements that it should be closed and opened anew. */
  get isWorn(): boolean {
    return this.#connection.statementsHeld() > STATEMENTS_HELD_MAX
  }

  /** Drops the connection and everything compiled on it. Checkpoint first (invariant 5). Closing twice is harmless. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#engineStatements.clear()
    this.dropTenantStatements()
    this.#connection.close()
    if (this.#hold !== undefined) releaseMainFile(this.#hold)
  }
}

/** A statement that was let onto the event loop and did not end in time. If it wrote, its transaction is gone. */
export class TooLongForLoop extends Error {
  constructor() {
    super('the statement took too long for the event loop')
    this.name = 'TooLongForLoop'
  }
}
