/** Which runs of a tenant have something to do. Each question is one look into an index, however long the queue is. */
import type { SqliteFile } from '@tenax/sqlite'
import { int, numberIn, numberOrNothing } from './values.ts'

/** Runs that are ready to be claimed, the most urgent first. */
export function readyRuns(file: SqliteFile, limit: number): number[] {
  return file
    .engine('SELECT number FROM tenax_run WHERE readiness = 1 ORDER BY priority DESC, number LIMIT ?')
    .all([int(limit)])
    .map(([number]) => numberIn(number))
}

/** Runs whose time has come, the earliest first. */
export function dueRuns(file: SqliteFile, nowMs: number, limit: number): number[] {
  return file
    .engine(
      'SELECT number FROM tenax_run WHERE readiness = 0 AND wake_at_ms IS NOT NULL AND wake_at_ms <= ? ORDER BY wake_at_ms LIMIT ?',
    )
    .all([int(nowMs), int(limit)])
    .map(([number]) => numberIn(number))
}

/** What there is to do beyond the runs in memory. */
export interface Backlog {
  readonly hasReady: boolean
  readonly nextDueMs: number | undefined
}

const BACKLOG = `SELECT (SELECT min(wake_at_ms) FROM tenax_run WHERE readiness = 0 AND wake_at_ms IS NOT NULL),
  EXISTS (SELECT 1 FROM tenax_run WHERE readiness = 1)`

/** Whether runs are ready, and when the next one is due. */
export function readBacklog(file: SqliteFile): Backlog {
  const [nextDueMs, hasReady] = file.engine(BACKLOG).get() ?? []
  return { nextDueMs: numberOrNothing(nextDueMs), hasReady: hasReady === 1n }
}

/** Gives back what a host had claimed that is gone, or has forgotten: it is claimed anew. */
export function releaseClaims(file: SqliteFile): void {
  file.engine('UPDATE tenax_run SET readiness = 1 WHERE readiness = 2').get()
}

/** True when runs are claimed: by a host that is gone, when this one has just begun. */
export function hasClaims(file: SqliteFile): boolean {
  return file.engine('SELECT 1 FROM tenax_run WHERE readiness = 2 LIMIT 1').get() !== undefined
}
