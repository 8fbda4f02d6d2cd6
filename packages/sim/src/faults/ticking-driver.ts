/** An engine that tells a clock of every COMMIT and every checkpoint, before it and behind it. */
import type { EngineConnection, EngineDriver, EngineStatement } from '@tenax/sqlite'
import type { CrashClock } from './crash-clock.ts'

/** What a ticking engine is made of. */
export interface TickingOptions {
  readonly clock: CrashClock
  /** Called when a file is opened, and before each of its checkpoints. */
  readonly onOpen?: (path: string) => void
  readonly onCheckpoint?: (path: string) => void
}

/** `driver`, watched. */
export function tickingDriver(driver: EngineDriver, options: TickingOptions): EngineDriver {
  return {
    ...driver,
    open: (path) => {
      const connection = driver.open(path)
      options.onOpen?.(path)
      return tickingConnection(connection, path, options)
    },
  }
}

function tickingConnection(connection: EngineConnection, path: string, options: TickingOptions): EngineConnection {
  return {
    script: (sql) => connection.script(sql),
    prepare: (sql) => {
      const statement = connection.prepare(sql)
      if (sql.includes('wal_checkpoint')) {
        return tickingStatement(statement, options.clock, () => options.onCheckpoint?.(path))
      }
      return sql === 'COMMIT' ? tickingStatement(statement, options.clock, () => undefined) : statement
    },
    prepareOffThread: (sql) => connection.prepareOffThread(sql),
    setPolicy: (policy) => connection.setPolicy(policy),
    inTransaction: () => connection.inTransaction(),
    statementsHeld: () => connection.statementsHeld(),
    close: () => connection.close(),
  }
}

function tickingStatement(statement: EngineStatement, clock: CrashClock, before: () => void): EngineStatement {
  return {
    columns: () => statement.columns(),
    get: (args, timeoutMs) => {
      before()
      clock.tick()
      const row = statement.get(args, timeoutMs)
      clock.tick()
      return row
    },
    all: (args, timeoutMs) => statement.all(args, timeoutMs),
    getOffThread: async (args, timeoutMs) => {
      before()
      clock.tick()
      const row = await statement.getOffThread(args, timeoutMs)
      clock.tick()
      return row
    },
    allOffThread: (args, timeoutMs, rowsMax) => statement.allOffThread(args, timeoutMs, rowsMax),
  }
}
