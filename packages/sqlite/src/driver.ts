/**
 * The port to an SQLite engine: what `sqlite` needs of one and nothing more. Two drivers exist, `libsql` (the product's)
 * and `node:sqlite` (the way out, and the testing kit's); `contract.ts` is the suite that both pass.
 *
 * A connection is used by one operation at a time. A synchronous call while an off-thread statement of the same
 * connection is pending would block the event loop until that ends, so the caller keeps the order.
 */
import type { SqlColumn, SqlValue } from '@tenax/kernel'
import type { AuthorizerPolicy } from './core/policy.ts'

/** A failure that the engine reports, with SQLite's symbolic extended code. */
export class EngineError extends Error {
  /** For example `SQLITE_CONSTRAINT_UNIQUE`; `SQLITE_AUTH` for whatever the policy refused. */
  readonly sqliteCode: string

  constructor(sqliteCode: string, message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'EngineError'
    this.sqliteCode = sqliteCode
  }
}

/** One prepared statement. Rows are arrays in column order; integers are bigints. Never read TEXT of a tenant with it. */
export interface EngineStatement {
  columns(): SqlColumn[]
  /** Runs the statement to its first row, or to its end. `timeoutMs` interrupts it (EngineError `SQLITE_INTERRUPT`). */
  get(args?: readonly SqlValue[], timeoutMs?: number): SqlValue[] | undefined
  /** Runs the statement and gathers all rows. */
  all(args?: readonly SqlValue[], timeoutMs?: number): SqlValue[][]
  /** As `get`, on a thread of the engine where there is one. */
  getOffThread(args: readonly SqlValue[], timeoutMs: number): Promise<SqlValue[] | undefined>
  /** As `all`, off thread; stops after `rowsMax` rows. */
  allOffThread(args: readonly SqlValue[], timeoutMs: number, rowsMax: number): Promise<SqlValue[][]>
}

/** One open connection. */
export interface EngineConnection {
  /** Runs the engine's own statements, separated by semicolons, without keeping them. */
  script(sql: string): void
  prepare(sql: string): EngineStatement
  /** As `prepare`, off thread: for text so long that compiling it would hold up the event loop. */
  prepareOffThread(sql: string): Promise<EngineStatement>
  /** Puts the authorizer on, or takes it off. Prepared statements survive being taken off. */
  setPolicy(policy: AuthorizerPolicy | undefined): void
  /** True between BEGIN and its end, whoever ended it. */
  inTransaction(): boolean
  /** Statements that the connection keeps although nobody uses them any more, until it is closed. */
  statementsHeld(): number
  /** Drops the connection. Descriptors may linger until garbage collection: see `main-files.ts`. */
  close(): void
}

/** An engine. `offThread` and `queryTimeout` say whether it has threads of its own and can interrupt a statement. */
export interface EngineDriver {
  readonly name: 'libsql' | 'node:sqlite'
  readonly offThread: boolean
  readonly queryTimeout: boolean
  open(path: string): EngineConnection
}
