/**
 * Ended runs that have been kept long enough, found by walking the table in the order of their creation: an index of ends would
 * have to be written with each of them. They go in slices, the row itself last.
 */
import type { SqliteFile } from '@tenax/sqlite'
import { PURGE_ROWS_MAX } from '../limits.ts'
import { keepKey } from './kept-keys.ts'
import { int, numberIn, numberOrNothing, textIn } from './values.ts'

/** A run as far as its retention goes. */
export interface KeptRun {
  readonly number: number
  readonly workflow: string
  readonly createdAtMs: number
  readonly endedAtMs: number | undefined
}

/** The next `limit` runs behind `afterNumber`. */
export function readKeptRuns(file: SqliteFile, afterNumber: number, limit: number): KeptRun[] {
  return file
    .engine(
      'SELECT number, workflow, created_at_ms, ended_at_ms FROM tenax_run WHERE number > ? ORDER BY number LIMIT ?',
    )
    .all([int(afterNumber), int(limit)])
    .map((row) => ({
      number: numberIn(row[0]),
      workflow: textIn(row[1]),
      createdAtMs: numberIn(row[2]),
      endedAtMs: numberOrNothing(row[3]),
    }))
}

/** The number of the newest run. It stays whatever its age, because the next one gets the number behind it. */
export function newestRun(file: SqliteFile): number {
  return numberIn(file.engine('SELECT coalesce(max(number), 0) FROM tenax_run').get()?.[0])
}

const NEEDED = `SELECT 1 WHERE EXISTS (SELECT 1 FROM tenax_run r JOIN tenax_run p ON p.number = r.parent_run
    WHERE r.number = ?1 AND p.ended_at_ms IS NULL)
  OR EXISTS (SELECT 1 FROM tenax_step s JOIN tenax_run c ON c.id = s.child
    WHERE s.run = ?1 AND s.child IS NOT NULL AND c.ended_at_ms IS NULL)`

/** True while its parent, or a child, has not ended. */
export function isNeeded(file: SqliteFile, number: number): boolean {
  return file.engine(NEEDED).get([int(number)]) !== undefined
}

/** Deletes runs in their order, as much of them as one commit should, and keeps their keys; gives those that are left. */
export function purgeRuns(file: SqliteFile, numbers: readonly number[], nowMs: number): readonly number[] {
  let left = PURGE_ROWS_MAX
  for (const [index, number] of numbers.entries()) {
    left -= deleteRows(file, 'tenax_step', number, left)
    left -= deleteRows(file, 'tenax_output', number, left)
    if (left <= 0) return numbers.slice(index)
    keepKey(file, number, nowMs)
    file.engine('DELETE FROM tenax_run WHERE number = ? AND ended_at_ms IS NOT NULL').get([int(number)])
    left -= 1
  }
  return []
}

function deleteRows(file: SqliteFile, table: 'tenax_step' | 'tenax_output', run: number, limit: number): number {
  return file
    .engine(
      `DELETE FROM ${table} WHERE run = ?1 AND seq IN (SELECT seq FROM ${table} WHERE run = ?1 ORDER BY seq LIMIT ?2) RETURNING 1`,
    )
    .all([int(run), int(Math.max(limit, 0))]).length
}

/** When somebody has to look for what is kept no longer. */
export function readUpkeepMs(file: SqliteFile): number | undefined {
  return numberOrNothing(file.engine('SELECT due_at_ms FROM tenax_upkeep').get()?.[0])
}

/** Keeps it. */
export function writeUpkeepMs(file: SqliteFile, dueAtMs: number | undefined): void {
  file
    .engine('INSERT INTO tenax_upkeep VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET due_at_ms = ?1')
    .get([int(dueAtMs)])
}

/** Pages of the file, and those of them that are free. */
export function pageCounts(file: SqliteFile): { readonly pages: number; readonly free: number } {
  const count = (name: string) => numberIn(file.engine(`PRAGMA ${name}`).get()?.[0])
  return { pages: count('page_count'), free: count('freelist_count') }
}

/** Gives free pages back, at most `count`. */
export function vacuum(file: SqliteFile, count: number): void {
  file.engine(`PRAGMA incremental_vacuum(${count})`).all()
}
