/** How large and how costly the definitions of a file may be: SQLite reads them all, on the event loop, at each open. */
import { isCheap } from './core/cost.ts'
import { sqlError } from './core/refusal.ts'
import { isCreateView, type ParsedStatement } from './core/statement.ts'
import { tokenize } from './core/tokens.ts'
import type { EngineStatement } from './driver.ts'
import { SCHEMA_BYTES_MAX, VIEWS_MAX } from './limits.ts'

/** Bytes of all definitions, and the number of views. */
export const SCHEMA_SIZE_SQL =
  "SELECT ifnull(sum(octet_length(sql)), 0), ifnull(sum(type = 'view'), 0) FROM sqlite_schema"

/**
 * The definitions that run as part of a tenant's statement. The engine's own tables are not among them: a tenant never writes
 * those, so that their CHECKs, which are not cheap, do not run.
 */
export const TENANT_DEFINITIONS_SQL =
  "SELECT CAST(sql AS BLOB) FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT GLOB 'tenax_*'"

/** Refuses a definition that would make the schema too large. Throws TenaxError `sql_error`. */
export function refuseLargeSchema(size: EngineStatement, parsed: ParsedStatement): void {
  const [bytes = 0n, views = 0n] = size.get() ?? []
  if (Number(bytes) + Buffer.byteLength(parsed.text) > SCHEMA_BYTES_MAX) {
    throw sqlError(`the definitions of a database have at most ${SCHEMA_BYTES_MAX} bytes together`)
  }
  if (Number(views) >= VIEWS_MAX && isCreateView(parsed)) throw sqlError(`a database has at most ${VIEWS_MAX} views`)
}

/** True when a definition calls only what may run on the event loop. */
export function isCheapDefinition(sql: string): boolean {
  return isCheap(tokenize(sql))
}
