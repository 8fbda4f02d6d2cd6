/** Letting go of runs that were put aside: all that an import holds (WORKFLOWS 25), and those that changed code has blocked. */
import type { SqliteFile } from '@tenax/sqlite'
import { hasTables } from './runs.ts'
import { int, numberIn } from './values.ts'

/** True when a run or a schedule of the tenant is put aside. */
export function hasPutAside(file: SqliteFile): boolean {
  if (!hasTables(file)) return false
  const held = file.engine(
    `SELECT EXISTS (SELECT 1 FROM tenax_run WHERE blocked_reason IS NOT NULL)
       OR EXISTS (SELECT 1 FROM tenax_schedule WHERE blocked_reason IS NOT NULL)`,
  )
  return held.get()?.[0] === 1n
}

/** A run that was to start later still does; any other is claimed, and finds its own times in its record. */
const RELEASE = `UPDATE tenax_run SET blocked_reason = NULL, blocked_code = NULL,
  readiness = CASE WHEN paused_at_ms IS NOT NULL OR closing IS NOT NULL OR (started_at_ms IS NULL AND start_at_ms > ?1) THEN 0 ELSE 1 END,
  wake_at_ms = CASE WHEN paused_at_ms IS NULL AND started_at_ms IS NULL AND start_at_ms > ?1 THEN start_at_ms END
  WHERE number IN (SELECT number FROM tenax_run WHERE blocked_reason IS NOT NULL AND number > ?2 ORDER BY number LIMIT ?3)
  RETURNING number`

/** Releases the first `limit` runs behind `afterNumber`; gives their numbers. */
export function releaseRuns(
  file: SqliteFile,
  { afterNumber, limit, nowMs }: { readonly afterNumber: number; readonly limit: number; readonly nowMs: number },
): number[] {
  return file
    .engine(RELEASE)
    .all([int(nowMs), int(afterNumber), int(limit)])
    .map(([number]) => numberIn(number))
}
