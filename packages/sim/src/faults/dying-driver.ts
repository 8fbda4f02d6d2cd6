/**
 * An engine whose process dies after the k-th statement that changes something: BEGIN, each write, COMMIT, a checkpoint.
 * Dying after a statement inside a transaction is dying between the file operations before it and its COMMIT, so all k
 * together are every crash point of a lifecycle verb.
 */
import type { EngineConnection, EngineDriver, EngineStatement } from '@tenax/sqlite'

/** Counts statements from {@link DeathCount.arm} on. */
export class DeathCount {
  readonly #die: () => void
  #left = Number.POSITIVE_INFINITY

  constructor(die: () => void) {
    this.#die = die
  }

  /** Death comes right after the `left`-th changing statement from now. */
  arm(left: number): void {
    this.#left = left
  }

  performed(sql: string): void {
    if (!CHANGES.test(sql)) return
    this.#left -= 1
    if (this.#left === 0) this.#die()
  }
}

const CHANGES =
  /^\s*(?:BEGIN|COMMIT|ROLLBACK|INSERT|UPDATE|DELETE|CREATE|DROP|VACUUM|PRAGMA (?:journal_mode =|wal_checkpoint))/i

/** `driver`, counted by `count`. */
export function dyingDriver(driver: EngineDriver, count: DeathCount): EngineDriver {
  return { ...driver, open: (path) => dyingConnection(driver.open(path), count) }
}

function dyingConnection(connection: EngineConnection, count: DeathCount): EngineConnection {
  return {
    script: (sql) => {
      connection.script(sql)
      count.performed(sql)
    },
    prepare: (sql) => dyingStatement(connection.prepare(sql), sql, count),
    prepareOffThread: async (sql) => dyingStatement(await connection.prepareOffThread(sql), sql, count),
    setPolicy: (policy) => connection.setPolicy(policy),
    inTransaction: () => connection.inTransaction(),
    statementsHeld: () => connection.statementsHeld(),
    close: () => connection.close(),
  }
}

function dyingStatement(statement: EngineStatement, sql: string, count: DeathCount): EngineStatement {
  const counted = <T>(result: T): T => {
    count.performed(sql)
    return result
  }
  return {
    columns: () => statement.columns(),
    get: (args, timeoutMs) => counted(statement.get(args, timeoutMs)),
    all: (args, timeoutMs) => counted(statement.all(args, timeoutMs)),
    getOffThread: async (args, timeoutMs) => counted(await statement.getOffThread(args, timeoutMs)),
    allOffThread: async (args, timeoutMs, rowsMax) => counted(await statement.allOffThread(args, timeoutMs, rowsMax)),
  }
}
