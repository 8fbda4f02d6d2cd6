/** Runs that are paused (WORKFLOWS 19): the record of what was in flight goes on, and nothing else. */
import { TenaxError } from '@tenax/kernel'
import type { SqliteFile } from '@tenax/sqlite'
import type { Outcome } from '@tenax/workflow/core'
import type { Effects } from './announcement.ts'
import type { FoundRun } from './runs.ts'
import { MAY_GO, makeReady } from './standing.ts'
import { isOpenStep, settle } from './steps.ts'
import { int } from './values.ts'

/** Whoever has claimed it keeps it until what is in flight has ended. */
const PAUSE = `UPDATE tenax_run SET paused_at_ms = ?, readiness = CASE readiness WHEN 2 THEN 2 ELSE 0 END, wake_at_ms = NULL
  WHERE number = ? AND ended_at_ms IS NULL AND paused_at_ms IS NULL RETURNING 1`

/** Pauses a run; one that is paused stays as it is. Throws TenaxError `run_cancelling`. */
export function pauseRun(file: SqliteFile, { number, id }: FoundRun, effects: Effects): void {
  const asked = file.engine('SELECT 1 FROM tenax_run WHERE number = ? AND cancel_requested_at_ms IS NOT NULL')
  if (asked.get([int(number)]) !== undefined) {
    throw new TenaxError('run_cancelling', `the run "${id}" was asked to end, and is not paused on its way`, {
      hint: 'wait for its end, or terminate it',
    })
  }
  const found = file.engine(PAUSE).get([int(effects.nowMs), int(number)])
  if (found !== undefined) effects.notices.push({ run: number, type: 'paused' })
}

const RESUME = 'UPDATE tenax_run SET paused_at_ms = NULL WHERE number = ? AND paused_at_ms IS NOT NULL RETURNING 1'

/** Lets a paused run go on; one that is not paused stays as it is. */
export function resumeRun(file: SqliteFile, { number }: FoundRun, effects: Effects): void {
  if (file.engine(RESUME).get([int(number)]) === undefined) return
  makeReady(file, number, effects.nowMs)
  effects.notices.push({ run: number, type: 'resumed' })
}

/** How an operation ended that nobody has recorded yet. */
export interface End {
  readonly seq: number
  readonly outcome: Outcome
  readonly attempts: number
}

/** Attempts that ended while their run is paused: their outcomes are recorded, and the body gets to see them later. */
export function keepEnds(
  file: SqliteFile,
  { run, ends }: { run: number; ends: readonly End[] },
  effects: Effects,
): void {
  for (const { seq, outcome, attempts } of ends) settle(file, { run, seq, outcome, attempts }, effects)
}

const PARK = `UPDATE tenax_run SET readiness = CASE WHEN ?2 AND ${MAY_GO} THEN 1 ELSE 0 END,
  status = CASE status WHEN 'running' THEN 'waiting' ELSE status END
  WHERE number = ?1 AND ended_at_ms IS NULL AND (paused_at_ms IS NOT NULL OR ?2 OR ?3) RETURNING 1`

/** Why a run keeps still in memory, besides a pause. */
export interface Stillness {
  /** The record has refused a turn: it is claimed again, unless it is paused. */
  readonly isAhead: boolean
  /** Operations whose children it waits for. */
  readonly children: readonly number[]
}

/** A run that is paused, or waits for its children, leaves memory. False when it is to go on where it is. */
export function parkRun(file: SqliteFile, run: number, { isAhead, children }: Stillness): boolean {
  const isWaiting = children.some((seq) => isOpenStep(file, run, seq))
  return file.engine(PARK).get([int(run), isAhead ? 1n : 0n, isWaiting ? 1n : 0n]) !== undefined
}
