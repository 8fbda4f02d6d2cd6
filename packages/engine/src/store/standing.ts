/**
 * When a run may be claimed: never while it is paused (WORKFLOWS 19) or put aside (WORKFLOWS 24). Whoever makes a run ready
 * uses these, so that no way leads around them.
 */
import type { SqliteFile } from '@tenax/sqlite'
import { PRIORITY_STEP_MS } from '../limits.ts'
import { int } from './values.ts'

/** As an expression: 1 for a run that may be claimed, else 0. One whose body has ended only waits for its children. */
export const MAY_GO = '(blocked_reason IS NULL AND paused_at_ms IS NULL AND closing IS NULL)'

/** A run gets ready, unless somebody has it already, or it may not go. */
export const GET_READY = `readiness = CASE WHEN ${MAY_GO} THEN max(readiness, 1) ELSE readiness END`

/** Its place in the queue from now on: for who makes a run ready that was not. One parameter: the time. */
export const GET_IN_LINE = `claim_at_ms = CASE WHEN readiness = 0 THEN ? - priority * ${PRIORITY_STEP_MS} ELSE claim_at_ms END`

/** What a host had claimed and gives back is claimed anew, or stays where it is when it may not go. */
export const GIVE_BACK = `readiness = CASE WHEN ${MAY_GO} THEN 1 ELSE 0 END`

const READY = `UPDATE tenax_run SET ${GET_IN_LINE}, ${GET_READY} WHERE number = ? AND (started_at_ms IS NOT NULL OR start_at_ms <= ?)`
const LATER = `UPDATE tenax_run SET wake_at_ms = start_at_ms
  WHERE number = ? AND started_at_ms IS NULL AND start_at_ms > ? AND ${MAY_GO}`

/** A run that was to start later still does; any other is claimed, and finds its own times in its record. */
export function makeReady(file: SqliteFile, number: number, nowMs: number): void {
  file.engine(READY).get([int(nowMs), int(number), int(nowMs)])
  file.engine(LATER).get([int(number), int(nowMs)])
}
