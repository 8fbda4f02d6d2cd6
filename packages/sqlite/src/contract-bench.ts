/** What the parts of the contract suite share: a driver, fresh paths, connections that are closed after each test. */
import { join } from 'node:path'
import { afterEach } from 'vitest'
import type { EngineConnection, EngineDriver } from './driver.ts'
import { EngineError } from './driver.ts'

/** A driver under test. */
export interface ContractBench {
  readonly driver: EngineDriver
  /** A path that no test has used. */
  newPath(): string
  /** Opens `path`, by default a new one; closed when the test ends. */
  open(path?: string): EngineConnection
}

/** Makes the bench and registers its clean-up. Call it inside `describe`. */
export function makeBench(driver: EngineDriver, makeDirectory: () => string): ContractBench {
  const open = new Set<EngineConnection>()
  afterEach(() => {
    for (const connection of open) connection.close()
    open.clear()
  })
  const newPath = () => join(makeDirectory(), 'contract.db')
  return {
    driver,
    newPath,
    open: (path = newPath()) => {
      const connection = driver.open(path)
      open.add(connection)
      return connection
    },
  }
}

/** Runs statements one by one. */
export function runAll(connection: EngineConnection, ...statements: readonly string[]): void {
  for (const sql of statements) connection.prepare(sql).get()
}

/** The symbolic code of the EngineError that `body` throws or rejects with; fails the test when there is none. */
export async function codeOf(body: () => unknown): Promise<string> {
  try {
    await body()
  } catch (error) {
    if (error instanceof EngineError) return error.sqliteCode
    throw error
  }
  return 'no error'
}

/** A statement that never ends by itself. */
export const ENDLESS = 'WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)'
