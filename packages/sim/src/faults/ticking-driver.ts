/** An engine that tells a clock of every COMMIT and every checkpoint, before it and behind it. */
import type { EngineConnection, EngineDriver, EngineStatement } from '@tenax/sqlite'
import type { CrashClock } from './crash-clock.ts'

/** One side of a deed, or the middle of a checkpoint that runs on another thread. */
export interface EngineMoment {
  readonly deed: 'commit' | 'checkpoint'
  readonly side: 'before' | 'during' | 'behind'
  readonly path: string
}

/** What a ticking engine is made of. */
export interface TickingOptions {
  readonly clock: Pick<CrashClock, 'tick'>
  /** Told each moment, besides the clock, which has no names for them. */
  readonly onMoment?: (moment: EngineMoment) => void
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
      if (sql.includes('wal_checkpoint')) return tickingStatement(statement, { ...options, deed: 'checkpoint', path })
      return sql === 'COMMIT' ? tickingStatement(statement, { ...options, deed: 'commit', path }) : statement
    },
    prepareOffThread: (sql) => connection.prepareOffThread(sql),
    setPolicy: (policy) => connection.setPolicy(policy),
    inTransaction: () => connection.inTransaction(),
    statementsHeld: () => connection.statementsHeld(),
    close: () => connection.close(),
  }
}

interface Deed extends TickingOptions {
  readonly deed: EngineMoment['deed']
  readonly path: string
}

function tickingStatement(statement: EngineStatement, deed: Deed): EngineStatement {
  const tell = (side: EngineMoment['side']) => {
    if (side === 'before' && deed.deed === 'checkpoint') deed.onCheckpoint?.(deed.path)
    deed.onMoment?.({ deed: deed.deed, side, path: deed.path })
    if (side !== 'during') deed.clock.tick()
  }
  return {
    columns: () => statement.columns(),
    get: (args, timeoutMs) => {
      tell('before')
      const row = statement.get(args, timeoutMs)
      tell('behind')
      return row
    },
    all: (args, timeoutMs) => statement.all(args, timeoutMs),
    getOffThread: async (args, timeoutMs) => {
      tell('before')
      const running = statement.getOffThread(args, timeoutMs)
      tell('during')
      const row = await running
      tell('behind')
      return row
    },
    allOffThread: (args, timeoutMs, rowsMax) => statement.allOffThread(args, timeoutMs, rowsMax),
  }
}
