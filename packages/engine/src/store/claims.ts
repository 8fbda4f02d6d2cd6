/** Which runs of a tenant have something to do. Each question is one look into an index, however long the queue is. */
import type { SqliteFile } from '@tenax/sqlite'
import { PRIORITY_STEP_MS } from '../limits.ts'
import { GIVE_BACK, MAY_GO } from './standing.ts'
import { int, numberIn, numberOrNothing } from './values.ts'

// `readiness > 0` is the condition of the index: SQLite does not conclude it from `readiness = 1`, and would read the table.
const READY = 'readiness > 0 AND readiness = 1'
const CLAIMED = 'readiness > 0 AND readiness = 2'
const ASLEEP = 'readiness = 0 AND wake_at_ms IS NOT NULL'

/** The questions, for a test that asks SQLite how it answers them. */
export const CLAIM_QUERIES = {
  ready: `SELECT number, claim_at_ms FROM tenax_run WHERE ${READY} ORDER BY claim_at_ms, number LIMIT ?`,
  due: `SELECT number, wake_at_ms - priority * ${PRIORITY_STEP_MS}, slot_key IS NOT NULL AND has_slot = 0 FROM tenax_run WHERE ${ASLEEP} AND wake_at_ms <= ?
    ORDER BY wake_at_ms LIMIT ?`,
  backlog: `SELECT (SELECT min(wake_at_ms) FROM tenax_run WHERE ${ASLEEP}), EXISTS (SELECT 1 FROM tenax_run WHERE ${READY})`,
  asleep: `SELECT number, wake_at_ms FROM tenax_run WHERE ${ASLEEP} ORDER BY wake_at_ms LIMIT ?`,
  release: `UPDATE tenax_run SET ${GIVE_BACK} WHERE ${CLAIMED}`,
  claims: `SELECT 1 FROM tenax_run WHERE ${CLAIMED} LIMIT 1`,
} as const

/** Numbers of runs that can be taken into memory, and of those that are due and need a slot first. */
export interface Claimable {
  readonly numbers: readonly number[]
  readonly slotless: readonly number[]
}

/**
 * The runs that are ready or due, in the order of claims: those that became so first, earlier by their priority. Of those
 * that are due, only the `limit` that were due first are compared.
 */
export function claimableRuns(file: SqliteFile, nowMs: number, limit: number): Claimable {
  const ready = file.engine(CLAIM_QUERIES.ready).all([int(limit)])
  const due = file.engine(CLAIM_QUERIES.due).all([int(nowMs), int(limit)])
  const numbers = [...ready, ...due.filter(([, , isSlotless]) => isSlotless === 0n)]
    .map(([number, claimAtMs]) => ({ number: numberIn(number), claimAtMs: numberIn(claimAtMs) }))
    .sort((a, b) => a.claimAtMs - b.claimAtMs || a.number - b.number)
    .map(({ number }) => number)
  const slotless = due.flatMap(([number, , isSlotless]) => (isSlotless === 1n ? numberIn(number) : []))
  return { numbers, slotless }
}

/** The run `id`, if it is ready or its time has come. */
export function readyAlone(file: SqliteFile, id: string, nowMs: number): Claimable {
  const numbers = file
    .engine(`SELECT number FROM tenax_run WHERE id = ? AND (${READY_ALONE} OR (readiness = 0 AND wake_at_ms <= ?))`)
    .all([id, int(nowMs)])
    .map(([number]) => numberIn(number))
  return { numbers, slotless: [] }
}

/** Nobody else of the tenant is at work meanwhile, so it needs no slot. */
const READY_ALONE = '(readiness = 1 OR readiness = 3)'

/** What there is to do beyond the runs in memory. */
export interface Backlog {
  readonly hasReady: boolean
  readonly nextDueMs: number | undefined
}

/** Which runs the backlog is asked of. */
export interface BacklogQuery {
  /** The id of the only one; undefined: all. */
  readonly only: string | undefined
  /**
   * Not these, which are in memory while the record has them asleep: each of them records something, or is given back, in a commit
   * to come, behind which the backlog is read again.
   */
  readonly taken: ReadonlySet<number>
}

/** Whether runs are ready, and when the next one is due. */
export function readBacklog(file: SqliteFile, { only, taken }: BacklogQuery): Backlog {
  if (only !== undefined) return readBacklogAlone(file, only)
  const [nextDueMs, hasReady] = file.engine(CLAIM_QUERIES.backlog).get() ?? []
  const isAnyTaken = taken.size > 0 && nextDueMs !== null
  return {
    nextDueMs: isAnyTaken ? nextUntakenMs(file, taken) : numberOrNothing(nextDueMs),
    hasReady: hasReady === 1n,
  }
}

/** Of one more than are taken, one at least is not. */
function nextUntakenMs(file: SqliteFile, taken: ReadonlySet<number>): number | undefined {
  const rows = file.engine(CLAIM_QUERIES.asleep).all([int(taken.size + 1)])
  const row = rows.find(([number]) => !taken.has(numberIn(number)))
  return numberOrNothing(row?.[1])
}

function readBacklogAlone(file: SqliteFile, id: string): Backlog {
  const [wakeAtMs, hasReady] =
    file.engine(`SELECT wake_at_ms, ${READY_ALONE} FROM tenax_run WHERE id = ?`).get([id]) ?? []
  return { nextDueMs: numberOrNothing(wakeAtMs), hasReady: hasReady === 1n }
}

/** Gives back what a host had claimed that is gone, or has forgotten: it is claimed anew. */
export function releaseClaims(file: SqliteFile): void {
  file.engine(CLAIM_QUERIES.release).get()
}

/** As {@link releaseClaims}, of one run. */
export function releaseClaim(file: SqliteFile, number: number): void {
  file
    .engine(`UPDATE tenax_run SET ${GIVE_BACK} WHERE number = ? AND readiness = 2 AND ended_at_ms IS NULL`)
    .get([int(number)])
}

const LATER = `UPDATE tenax_run SET readiness = 0, wake_at_ms = CASE WHEN ${MAY_GO} THEN ? ELSE wake_at_ms END
  WHERE number = ? AND ended_at_ms IS NULL`

/** Gives a claim back for a time, or until something comes in for the run: it is claimed anew then, if it may go. */
export function writeLater(file: SqliteFile, number: number, wakeAtMs: number): void {
  file.engine(LATER).get([int(wakeAtMs), int(number)])
}

/** True when runs are claimed: by a host that is gone, when this one has just begun. */
export function hasClaims(file: SqliteFile): boolean {
  return file.engine(CLAIM_QUERIES.claims).get() !== undefined
}
