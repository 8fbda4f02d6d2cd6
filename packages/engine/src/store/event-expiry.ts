/** Events that nobody took in time become a view of their own; what was taken, and what has been in the view for long, goes. */
import type { SqliteFile } from '@tenax/sqlite'
import { EVENT_KEPT_MS, EVENTS_EXPIRED_MAX, EVENTS_MAX, EXPIRED_KEPT_MS, UPKEEP_PAGE_COUNT } from '../limits.ts'
import { int, numberIn, numberOrNothing } from './values.ts'

/** A page of events as far as their time goes. */
export interface EventPage {
  /** The last event of the page that is old enough; undefined when none is. */
  readonly untilNumber: number | undefined
  /** True when nothing behind the page is old enough. */
  readonly isLast: boolean
  /** When the first event that is not old enough is. */
  readonly nextMs: number | undefined
}

/** Looks at the events behind `afterNumber`. */
export function readEventPage(file: SqliteFile, afterNumber: number, nowMs: number): EventPage {
  const rows = file
    .engine('SELECT number, received_at_ms FROM tenax_event WHERE number > ? ORDER BY number LIMIT ?')
    .all([int(afterNumber), int(UPKEEP_PAGE_COUNT)])
  const excessNumber = newestEvent(file) - EVENTS_MAX
  const young = rows.findIndex(
    ([number, at]) => numberIn(at) > nowMs - EVENT_KEPT_MS && numberIn(number) > excessNumber,
  )
  const old = young === -1 ? rows : rows.slice(0, young)
  const last = old.at(-1)
  return {
    untilNumber: last === undefined ? undefined : numberIn(last[0]),
    isLast: young !== -1 || rows.length < UPKEEP_PAGE_COUNT,
    nextMs: young === -1 ? undefined : numberIn(rows[young]?.[1]) + EVENT_KEPT_MS,
  }
}

/** The number of the newest event. It stays, because the next one gets the number behind it. */
function newestEvent(file: SqliteFile): number {
  return numberIn(file.engine('SELECT coalesce(max(number), 0) FROM tenax_event').get()?.[0])
}

const OLD = 'number > ?1 AND number <= ?2 AND expired_at_ms IS NULL'

/** Ends the time of the events of a page: who was taken goes, who was not expires. */
export function expireEvents(
  file: SqliteFile,
  {
    afterNumber,
    untilNumber,
    nowMs,
  }: { readonly afterNumber: number; readonly untilNumber: number; readonly nowMs: number },
): void {
  const newest = newestEvent(file)
  const range = [int(afterNumber), int(untilNumber)] as const
  file.engine(`DELETE FROM tenax_event WHERE ${OLD} AND is_taken = 1 AND number < ?3`).get([...range, int(newest)])
  file
    .engine(`UPDATE tenax_event SET is_taken = 1, expired_at_ms = ?3 WHERE ${OLD} AND is_taken = 0`)
    .get([...range, int(nowMs)])
}

/** When the next expired event has been kept for long enough. */
export function nextForgottenMs(file: SqliteFile): number | undefined {
  const first = file.engine('SELECT min(expired_at_ms) FROM tenax_event WHERE expired_at_ms IS NOT NULL AND number < ?')
  const atMs = numberOrNothing(first.get([int(newestEvent(file))])?.[0])
  return atMs === undefined ? undefined : atMs + EXPIRED_KEPT_MS
}

const FORGET = `DELETE FROM tenax_event WHERE number IN (SELECT number FROM tenax_event
  WHERE expired_at_ms IS NOT NULL AND expired_at_ms <= ?1 AND number < ?2 LIMIT ?3) RETURNING 1`
const CROWD_OUT = `DELETE FROM tenax_event WHERE number < ?1 AND number IN (SELECT number FROM tenax_event
  WHERE expired_at_ms IS NOT NULL ORDER BY expired_at_ms DESC, number DESC LIMIT ?2 OFFSET ?3) RETURNING 1`

/** Deletes expired events that have been kept for long, or that are too many, one slice. True when there may be more. */
export function forgetEvents(file: SqliteFile, nowMs: number): boolean {
  const newest = int(newestEvent(file))
  const limit = int(UPKEEP_PAGE_COUNT)
  const old = file.engine(FORGET).all([int(nowMs - EXPIRED_KEPT_MS), newest, limit]).length
  const many = file.engine(CROWD_OUT).all([newest, limit, int(EVENTS_EXPIRED_MAX)]).length
  return Math.max(old, many) === UPKEEP_PAGE_COUNT
}
