/**
 * Slots of `limits.concurrency` (WORKFLOWS 30). Whoever changes a run says only how it is: ready, at work, at rest, ended. At
 * the end of each commit, before anybody reads what it left, those that this brought out of order are found by an index:
 *
 *                    ready, no slot ──► waits (readiness 3) ──a slot is free──► ready, with a slot ──► at work
 *                                                                                     ▲                  │
 *                    at rest, ended ◄── gives its slot to the next ◄──────────────────┴── at rest ◄──────┘
 *
 * Invariants, after each commit:
 *  1. A run under a limit is ready to be claimed only with a slot.
 *  2. While a run waits for a slot of a key, at least one run holds one: so somebody will wake it.
 *  3. Nothing is counted but rows that hold a slot, so that a crash loses none.
 */
import type { SqliteFile } from '@tenax/sqlite'
import type { RunLimits } from '@tenax/workflow'
import { PRIORITY_STEP_MS, QUEUE_SHOWN_MAX } from '../limits.ts'
import { IN_SLOT_INDEX, SLOT_UNSETTLED } from '../tables.ts'
import { int, numberIn, orNull, textIn } from './values.ts'

/** How many runs of this workflow may hold a slot of one key; undefined when it has no limit, or is not loaded. */
export type MaxOf = (workflow: string) => number | undefined

/** The questions, for a test that asks SQLite how it answers them. */
export const SLOT_QUERIES = {
  unsettled: `SELECT number, workflow, slot_key, has_slot, readiness FROM tenax_run INDEXED BY tenax_run_unsettled
    WHERE ${SLOT_UNSETTLED}`,
  held: `SELECT count(*) FROM (SELECT 1 FROM tenax_run WHERE ${IN_SLOT_INDEX}
    AND workflow = ? AND slot_key = ? AND has_slot = 1 LIMIT ?)`,
  grant: `UPDATE tenax_run SET has_slot = 1, readiness = 1 WHERE number IN (SELECT number FROM tenax_run WHERE ${IN_SLOT_INDEX}
    AND workflow = ? AND slot_key = ? AND has_slot = 0 ORDER BY claim_at_ms, number LIMIT ?)`,
  ahead: `SELECT count(*) FROM (SELECT 1 FROM tenax_run WHERE ${IN_SLOT_INDEX}
    AND workflow = ? AND slot_key = ? AND has_slot = 0 AND (claim_at_ms, number) < (?, ?) LIMIT ?)`,
  any: `SELECT 1 FROM tenax_run INDEXED BY tenax_run_slot WHERE ${IN_SLOT_INDEX} LIMIT 1`,
} as const

const TAKE_IN = `UPDATE tenax_run SET has_slot = ?, readiness = ? WHERE number = ?`

/** Brings the slots in order; true when some were not. Last in every commit of the engine. */
export function settleSlots(file: SqliteFile, maxOf: MaxOf): boolean {
  const unsettled = file.engine(SLOT_QUERIES.unsettled).all([])
  if (unsettled.length === 0) return false
  const keys = new Map<string, readonly [workflow: string, key: string]>()
  for (const [number, workflow, key, hasSlot, readiness] of unsettled) {
    const place = [textIn(workflow), textIn(key)] as const
    keys.set(JSON.stringify(place), place)
    // One that is at work already is counted, though it may be over the limit: that comes down when others give theirs back.
    const isAtWork = readiness === 2n
    const next = hasSlot === 1n ? { slot: 0n, readiness } : { slot: isAtWork ? 1n : 0n, readiness: isAtWork ? 2n : 3n }
    file.engine(TAKE_IN).get([next.slot, next.readiness ?? 0n, number ?? null])
  }
  for (const [workflow, key] of keys.values()) grantSlots(file, { workflow, key, max: maxOf(workflow) })
  return true
}

/** Wakes exactly those of the queue for whom there is a slot. Without a limit, all. */
function grantSlots(
  file: SqliteFile,
  { workflow, key, max }: { readonly workflow: string; readonly key: string; readonly max: number | undefined },
): void {
  const free =
    max === undefined ? EVERYBODY : max - numberIn(file.engine(SLOT_QUERIES.held).get([workflow, key, int(max)])?.[0])
  if (free !== 0) file.engine(SLOT_QUERIES.grant).get([workflow, key, int(free)])
}

/** As a LIMIT of SQL. */
const EVERYBODY = -1

/** True when a run holds a slot or waits for one. */
export function hasSlotRuns(file: SqliteFile): boolean {
  return file.engine(SLOT_QUERIES.any).get() !== undefined
}

/** Keeps with a new run which limits it is under. */
export function writeLimits(file: SqliteFile, number: number, { concurrency, singleton }: RunLimits): void {
  file
    .engine('UPDATE tenax_run SET slot_key = ?, slot_holds = ?, singleton_key = ? WHERE number = ?')
    .get([orNull(concurrency?.key), orNull(concurrency?.holds), orNull(singleton?.key), int(number)])
}

const QUEUE_DUE = `UPDATE tenax_run SET readiness = 1, claim_at_ms = wake_at_ms - priority * ${PRIORITY_STEP_MS}
  WHERE number = ? AND readiness = 0 AND wake_at_ms <= ? AND has_slot = 0`

/** Runs whose time has come, and that need a slot: the end of the commit gives them one, or a place in the queue. */
export function queueDueRuns(file: SqliteFile, numbers: readonly number[], nowMs: number): void {
  for (const number of numbers) file.engine(QUEUE_DUE).get([int(number), int(nowMs)])
}

const PASS_ON = `UPDATE tenax_run SET has_slot = 1 WHERE number = ?1 AND EXISTS (SELECT 1 FROM tenax_run o
  WHERE o.number = ?2 AND o.has_slot = 1 AND o.workflow = tenax_run.workflow AND o.slot_key = tenax_run.slot_key) RETURNING 1`

/** A run that goes on as another one takes its slot along, if that one needs the same. */
export function passSlotOn(file: SqliteFile, from: number, to: number): void {
  if (file.engine(PASS_ON).get([int(to), int(from)]) === undefined) return
  file.engine('UPDATE tenax_run SET has_slot = 0 WHERE number = ?').get([int(from)])
}

/** Of a run that waits for a slot: the key, and how many are before it, counted up to 1,000. */
export interface SlotWait {
  readonly key: string
  readonly aheadCount: number
}

/** What a run waits for, if it is a slot. */
export function readSlotWait(file: SqliteFile, number: number): SlotWait | undefined {
  const row = file
    .engine('SELECT workflow, slot_key, claim_at_ms FROM tenax_run WHERE number = ? AND readiness = 3')
    .get([int(number)])
  if (row === undefined) return undefined
  const [workflow, key, claimAtMs] = [textIn(row[0]), textIn(row[1]), numberIn(row[2])]
  const ahead = file.engine(SLOT_QUERIES.ahead).get([workflow, key, int(claimAtMs), int(number), int(QUEUE_SHOWN_MAX)])
  return { key, aheadCount: numberIn(ahead?.[0]) }
}
