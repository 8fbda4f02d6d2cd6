/** How runs end, and what that brings about for parents and children, in one commit (WORKFLOWS 22). */
import type { SqliteFile } from '@tenax/sqlite'
import type { Outcome } from '@tenax/workflow/core'
import type { Effects } from './announcement.ts'
import { type Ending, findRun, insertRun, type NewRun, writeEnding } from './runs.ts'
import { dropOpenSteps, settle } from './steps.ts'
import { int } from './values.ts'

/** Ends a run: its open operations go, its parent's operation completes. False when it had ended. */
export function endRun(file: SqliteFile, number: number, ending: Ending, effects: Effects): boolean {
  const { nowMs } = effects
  const ended = writeEnding(file, number, { ...ending, nowMs })
  if (ended === undefined) return false
  for (const child of dropOpenSteps(file, number, nowMs)) cancelById(file, child, effects)
  effects.notices.push({ run: number, type: 'ended' })
  const { parent } = ended
  if (parent !== undefined && ending.status !== 'continued')
    settle(file, { ...parent, outcome: outcomeOf(ending) }, effects)
  return true
}

/** What a parent's operation gets of its child's end. */
function outcomeOf({ status, json, error }: Ending): Outcome {
  if (status === 'completed') return { type: 'ok', json }
  if (error !== undefined) return { type: 'error', error }
  return { type: 'error', error: { code: `child_${status}`, message: `the child was ${status}`, attempts: 1 } }
}

/** Ends a run and starts the one that goes on as it. A parent waits on for that one. */
export function continueRun(file: SqliteFile, number: number, successor: NewRun, effects: Effects): number {
  const [parentRun, parentSeq] =
    file.engine('SELECT parent_run, parent_seq FROM tenax_run WHERE number = ?').get([int(number)]) ?? []
  const parent =
    typeof parentRun === 'bigint' && typeof parentSeq === 'bigint'
      ? { run: Number(parentRun), seq: Number(parentSeq) }
      : undefined
  const next = insertRun(file, { ...successor, parent }, { nowMs: effects.nowMs })
  if (parent !== undefined) {
    file
      .engine('UPDATE tenax_step SET child = ? WHERE run = ? AND seq = ?')
      .get([successor.id, int(parent.run), int(parent.seq)])
  }
  endRun(file, number, { status: 'continued', successor: successor.id }, effects)
  return next
}

const CANCEL = `UPDATE tenax_run SET cancel_requested_at_ms = ?,
  readiness = CASE WHEN blocked_reason IS NULL THEN max(readiness, 1) ELSE readiness END
  WHERE number = ? AND ended_at_ms IS NULL AND cancel_requested_at_ms IS NULL RETURNING started_at_ms IS NULL`

/** Asks a run to end (WORKFLOWS 20). One that never began ends at once. */
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
