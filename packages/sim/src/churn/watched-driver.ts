/**
 * An engine that is looked at: it tells of every open, and notes a connection that is closed while a statement of it is
 * under way, or used after it was closed. Neither may ever happen to a handle in use.
 */
import { type EngineConnection, type EngineDriver, EngineError, type EngineStatement } from '@tenax/sqlite'

/** What is told. */
export interface Watch {
  readonly onOpen: () => void
  readonly onFault: (fault: string) => void
}

interface ConnectionState {
  underWay: number
  closed: boolean
}

/** `driver`, with `watch` told of it. */
export function watchedDriver(driver: EngineDriver, watch: Watch): EngineDriver {
  return {
    ...driver,
    open(path) {
      const connection = driver.open(path)
      watch.onOpen()
      return watchedConnection(connection, watch)
    },
  }
}

function watchedConnection(connection: EngineConnection, watch: Watch): EngineConnection {
  const state: ConnectionState = { underWay: 0, closed: false }
  return {
    script: (sql) => connection.script(sql),
    prepare: (sql) => watchedStatement(connection.prepare(sql), state, watch),
    prepareOffThread: async (sql) =>
      watchedStatement(await during(state, watch, () => connection.prepareOffThread(sql)), state, watch),
    setPolicy: (policy) => connection.setPolicy(policy),
    inTransaction: () => connection.inTransaction(),
    statementsHeld: () => connection.statementsHeld(),
    close() {
      if (state.underWay > 0) watch.onFault('a connection was closed while a statement was under way')
      if (connection.inTransaction()) watch.onFault('a connection was closed with its transaction open')
      state.closed = true
      connection.close()
    },
  }
}

function watchedStatement(statement: EngineStatement, state: ConnectionState, watch: Watch): EngineStatement {
  const now = <T>(run: () => T): T => {
    if (state.closed) watch.onFault('a statement of a closed connection was run')
    if (state.underWay > 0) watch.onFault('a statement blocked the loop behind another of the same connection')
    try {
      return run()
    } catch (error) {
      throw noted(error, watch)
    }
  }
  return {
    columns: () => statement.columns(),
    get: (args, timeoutMs) => now(() => statement.get(args, timeoutMs)),
    all: (args, timeoutMs) => now(() => statement.all(args, timeoutMs)),
    getOffThread: (args, timeoutMs) => during(state, watch, () => statement.getOffThread(args, timeoutMs)),
    allOffThread: (args, timeoutMs, rowsMax) =>
      during(state, watch, () => statement.allOffThread(args, timeoutMs, rowsMax)),
  }
}

async function during<T>(state: ConnectionState, watch: Watch, run: () => Promise<T>): Promise<T> {
  if (state.closed) watch.onFault('a statement of a closed connection was run')
  if (state.underWay > 0) watch.onFault('two statements of one connection were under way')
  state.underWay += 1
  try {
    return await run()
  } catch (error) {
    throw noted(error, watch)
  } finally {
    state.underWay -= 1
  }
}

/** No other process is there, so a lock in the way would be our own. */
function noted(error: unknown, watch: Watch): unknown {
  if (error instanceof EngineError && /BUSY|LOCKED/.test(error.sqliteCode)) watch.onFault('database is locked')
  return error
}
