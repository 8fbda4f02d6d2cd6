/** Whether the engine's tables in a tenant's file are those of this release: others are left alone, and their runs with them. */
import { TenaxError } from '@tenax/kernel'
import type { SqliteFile } from '@tenax/sqlite'
import { ENGINE_TABLES } from '../tables.ts'

/** Everything under the engine's names that SQL made: what SQLite adds by itself has no text. */
const OBJECTS = `SELECT name, sql FROM sqlite_schema WHERE name GLOB 'tenax_*' AND sql IS NOT NULL
  AND tbl_name NOT IN ('tenax_meta', 'tenax_migration', 'tenax_idempotency')`

/**
 * Compares the tables that a file has with this release's, to the letter.
 *
 * @throws TenaxError `engine_tables_unknown`
 */
export function assertOwnTables(file: SqliteFile): void {
  const found = new Map(
    file
      .engine(OBJECTS)
      .all()
      .map(([name, sql]) => [String(name), String(sql)]),
  )
  const wanted = new Map(ENGINE_TABLES.definitions.map((sql) => [nameIn(sql), sql]))
  const other = [...wanted.keys(), ...found.keys()].find((name) => found.get(name) !== wanted.get(name))
  if (other === undefined) return
  throw new TenaxError('engine_tables_unknown', `the tenant's "${other}" is not what this release makes`, {
    hint: 'its runs stand still, and its SQL is served: start the release that made them, and let its runs end there',
    details: { object: other },
  })
}

function nameIn(sql: string): string {
  return /^CREATE (?:UNIQUE )?(?:TABLE|INDEX|VIEW) (\w+)/.exec(sql)?.[1] ?? ''
}
