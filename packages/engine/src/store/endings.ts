/** How runs end, and what that brings about for parents and children, in one commit (WORKFLOWS 22). */
import type { SqliteFile } from '@tenax/sqlite'
import type { Effects } from './announcement.ts'
import { childOutcome } from './children.ts'
import { type Ending, findRun, insertRun, type NewRun, writeEnding } from './runs.ts'
import { followLastRun } from './schedules.ts'
import { passSlotOn } from './slots.ts'
import { childOf, dropOpenSteps, settle } from './steps.ts'
import { int } from './values.ts'

/** Ends a run: its open operations go, its parent's operation completes. False when it had ended. */
export function endRun(file: SqliteFile, number: number, asked: Ending, effects: Effects): boolean {
  const { nowMs } = effects
  const ending = asked.status === 'cancelled' && isOverdue(file, number) ? { ...asked, ...OVERDUE } : asked
  const ended = writeEnding(file, number, { ...ending, nowMs })
  if (ended === undefined) return false
  if (ending.hasOpen !== false) {
    for (const child of dropOpenSteps(file, number, nowMs)) cancelById(file, child, effects)
  }
  effects.notices.push({ run: number, type: 'ended' })
  const { parent } = ended
  if (parent !== undefined && ending.status !== 'continued') {
    settle(file, { ...parent, outcome: childOutcome(ending) }, effects)
    closeWaiting(file, parent.run, effects)
  }
  return true
}

/** What a run's body has come to: an end, or a successor. */
export type Closing =
  | { readonly type: 'end'; readonly ending: Ending }
  | { readonly type: 'continue'; readonly successor: NewRun }

/** Ends a run whose body has come to its end, when its children have ended (WORKFLOWS 22). */
export function closeRun(file: SqliteFile, number: number, closing: Closing, effects: Effects): void {
  if (hasOpenChildren(file, number)) writeClosing(file, number, closing)
  else if (closing.type === 'end') endRun(file, number, closing.ending, effects)
  else continueRun(file, number, closing.successor, effects)
}

const OPEN_CHILDREN = `SELECT 1 FROM tenax_run c JOIN tenax_step s ON s.run = c.parent_run AND s.seq = c.parent_seq
  WHERE c.parent_run IS NOT NULL AND c.ended_at_ms IS NULL AND c.parent_run = ? AND s.child_policy = 'cancel' LIMIT 1`

function hasOpenChildren(file: SqliteFile, number: number): boolean {
  return file.engine(OPEN_CHILDREN).get([int(number)]) !== undefined
}

const CLOSING = `UPDATE tenax_run SET closing = ?, readiness = 0, wake_at_ms = NULL,
  status = CASE status WHEN 'running' THEN 'waiting' ELSE status END WHERE number = ? AND ended_at_ms IS NULL`

function writeClosing(file: SqliteFile, number: number, closing: Closing): void {
  file.engine(CLOSING).get([JSON.stringify(closing), int(number)])
}

/** A child has ended: its parent ends, if it has waited for this. */
function closeWaiting(file: SqliteFile, number: number, effects: Effects): void {
  const [closing] =
    file.engine('SELECT closing FROM tenax_run WHERE number = ? AND closing IS NOT NULL').get([int(number)]) ?? []
  if (typeof closing === 'string') closeRun(file, number, JSON.parse(closing) as Closing, effects)
}

/** What a run comes to that nobody cancelled but its own deadline. */
const OVERDUE = {
  status: 'failed',
  error: { code: 'deadline_exceeded', message: 'the run had not ended by its deadline', attempts: 1 },
} as const

function isOverdue(file: SqliteFile, number: number): boolean {
  return file.engine('SELECT is_overdue FROM tenax_run WHERE number = ?').get([int(number)])?.[0] === 1n
}

/** Ends a run and starts the one that goes on as it. A parent waits on for that one. */
export function continueRun(file: SqliteFile, number: number, successor: NewRun, effects: Effects): number {
  const [parentRun, parentSeq] =
    file.engine('SELECT parent_run, parent_seq FROM tenax_run WHERE number = ?').get([int(number)]) ?? []
  const parent =
    typeof parentRun === 'bigint' && typeof parentSeq === 'bigint'
      ? { run: Number(parentRun), seq: Number(parentSeq) }
      : undefined
  const next = insertRun(file, { ...successor, parent }, effects)
  if (successor.limits?.concurrency !== undefined) passSlotOn(file, number, next)
  if (parent !== undefined) {
    file
      .engine('UPDATE tenax_step SET child = ? WHERE run = ? AND seq = ?')
      .get([successor.id, int(parent.run), int(parent.seq)])
  }
  if (successor.predecessor !== undefined) followLastRun(file, successor.predecessor, successor.id)
  endRun(file, number, { status: 'continued', successor: successor.id }, effects)
  return next
}

/** Cancel beats pause (WORKFLOWS 19). */
const CANCEL = `UPDATE tenax_run SET cancel_requested_at_ms = ?, paused_at_ms = NULL,
  readiness = CASE WHEN blocked_reason IS NULL AND closing IS NULL THEN max(readiness, 1) ELSE readiness END
  WHERE number = ? AND ended_at_ms IS NULL AND cancel_requested_at_ms IS NULL RETURNING started_at_ms IS NULL AND begins_at_ms IS NULL`

/** Asks a run to end (WORKFLOWS 20). One that never began, and took nothing over, ends at once. */
export function requestCancel(file: SqliteFile, number: number, effects: Effects): void {
  const [neverBegan] = file.engine(CANCEL).get([int(effects.nowMs), int(number)]) ?? []
  if (neverBegan === 1n) endRun(file, number, { status: 'cancelled' }, effects)
  else if (neverBegan === 0n) effects.notices.push({ run: number, type: 'cancel_requested' })
}

/** As {@link requestCancel}, of a child that lost its parent's interest. */
export function cancelById(file: SqliteFile, id: string, effects: Effects): void {
  const run = findRun(file, id)
  if (run !== undefined && !run.hasEnded) requestCancel(file, run.number, effects)
}

/** Asks the child of an operation to end, if it goes with its parent. */
export function cancelChild(file: SqliteFile, number: number, seq: number, effects: Effects): void {
  const child = childOf(file, number, seq)
  if (child !== undefined) cancelById(file, child, effects)
}
