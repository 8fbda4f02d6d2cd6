/** A database in memory with a tenant file's shape, as far as memory has one: no log, no quota, nothing that outlives it. */
import type { EngineConnection, EngineDriver } from './driver.ts'
import { PAGE_BYTES } from './limits.ts'

/** What such a file says it lies at. */
export const MEMORY_PATH = ':memory:'

/** Opens one that holds `schema`. */
export function openInMemory(driver: EngineDriver, schema: readonly string[]): EngineConnection {
  const connection = driver.open(MEMORY_PATH)
  connection.script(
    `PRAGMA page_size = ${PAGE_BYTES}; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;
     PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY`,
  )
  for (const sql of schema) connection.prepare(sql).get()
  return connection
}
