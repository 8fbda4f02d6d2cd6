/**
 * A run that is tried again under its own id (WORKFLOWS 21, 23). What is cut from the record, and why: decision record 0023.
 *
 * A failed run was ended by the failure of one operation, which its body saw as completion n; or by an error of its own. With
 * n, everything that was asked for behind it goes, what ended behind it comes again, and the operation is asked for again.
 * What was dropped may be waited for again: the first replay says of each whether it is (`is_again`).
 */
import { TenaxError } from '@tenax/kernel'
import type { SqliteFile } from '@tenax/sqlite'
import { HELD_REASON } from '../tables.ts'
import type { Effects } from './announcement.ts'
import { readChild } from './children.ts'
import type { FoundRun } from './runs.ts'
import { GET_IN_LINE, GET_READY, makeReady } from './standing.ts'
import { int, numberOrNothing, textIn, textOrNothing } from './values.ts'

/** What the record says of a run that is to be tried again. */
interface Failure {
  readonly number: number
  readonly id: string
  readonly status: string
  readonly hasEnded: boolean
  readonly blockedReason: string | undefined
  readonly failedSeq: number | undefined
  readonly stuckSeq: number | undefined
  readonly isUndone: boolean
  readonly isOverdue: boolean
  readonly error: string
  readonly parent: { readonly run: number; readonly seq: number } | undefined
}

const STUCK = 'compensation_stuck'

/**
 * Tries a run again that has failed, or is blocked. One that goes on already stays as it is.
 *
 * @throws TenaxError `run_held`, `run_not_retryable`, `already_compensated`, `parent_informed`
 */
export function retryRun(file: SqliteFile, { number }: FoundRun, effects: Effects): void {
  const failure = readFailure(file, number)
  if (failure.hasEnded) {
    refuseInformed(file, failure)
    retryFailed(file, failure, effects)
    return
  }
  const { blockedReason } = failure
  if (blockedReason === undefined) return
  if (blockedReason === HELD_REASON) {
    throw new TenaxError('run_held', `the run "${failure.id}" is held since its tenant was imported`, {
      hint: 'release the tenant, once no other copy of it works on',
    })
  }
  if (isStuck(failure) && failure.stuckSeq !== undefined) forget(file, failure, failure.stuckSeq, effects)
  unblock(file, number, effects)
}

/**
 * Lets a run whose compensation is stuck go on without it (WORKFLOWS 21). With `step`, only when it is that operation's: so a
 * repeated request skips nothing else.
 *
 * @throws TenaxError `run_not_stuck`
 */
export function skipCompensation(
  file: SqliteFile,
  { number, id }: FoundRun,
  { step, effects }: { readonly step: string | undefined; readonly effects: Effects },
): void {
  const row = file.engine('SELECT stuck, skipped, blocked_reason FROM tenax_run WHERE number = ?').get([int(number)])
  const stuck = textOrNothing(row?.[2])?.startsWith(STUCK) === true ? textOrNothing(row?.[0]) : undefined
  const skipped = JSON.parse(textOrNothing(row?.[1]) ?? '[]') as string[]
  if (step !== undefined && step !== stuck && skipped.includes(step)) return
  if (stuck === undefined || (step !== undefined && step !== stuck)) {
    const what = stuck === undefined ? 'no compensation' : `the compensation of "${stuck}"`
    throw new TenaxError('run_not_stuck', `of the run "${id}" ${what} is stuck`, { hint: 'look at its blocked reason' })
  }
  file
    .engine('UPDATE tenax_run SET skipped = ? WHERE number = ?')
    .get([JSON.stringify([...new Set([...skipped, stuck])]), int(number)])
  unblock(file, number, effects)
}

function unblock(file: SqliteFile, number: number, { nowMs }: Effects): void {
  file
    .engine(
      'UPDATE tenax_run SET blocked_reason = NULL, blocked_code = NULL, stuck = NULL, stuck_seq = NULL WHERE number = ?',
    )
    .get([int(number)])
  makeReady(file, number, nowMs)
}

function isStuck({ blockedReason }: Failure): boolean {
  return blockedReason?.startsWith(STUCK) === true
}

const FAILURE = `SELECT id, status, ended_at_ms IS NOT NULL, blocked_reason, failed_seq, stuck_seq, is_undone, error_code, error_message,
  parent_run, parent_seq, is_overdue FROM tenax_run WHERE number = ?`

function readFailure(file: SqliteFile, number: number): Failure {
  const row = file.engine(FAILURE).get([int(number)]) ?? []
  const [run, seq] = [numberOrNothing(row[9]), numberOrNothing(row[10])]
  return {
    number,
    id: textIn(row[0]),
    status: textIn(row[1]),
    hasEnded: row[2] === 1n,
    blockedReason: textOrNothing(row[3]),
    failedSeq: numberOrNothing(row[4]),
    stuckSeq: numberOrNothing(row[5]),
    isUndone: row[6] === 1n,
    isOverdue: row[11] === 1n,
    error: `${textOrNothing(row[7]) ?? ''}: ${textOrNothing(row[8]) ?? ''}`,
    parent: run === undefined || seq === undefined ? undefined : { run, seq },
  }
}

/** What a parent has heard cannot be taken back: it may have acted on it. */
function refuseInformed(file: SqliteFile, { id, parent, status }: Failure): void {
  if (parent === undefined || status !== 'failed') return
  const [heard] =
    file
      .engine("SELECT 1 FROM tenax_step WHERE run = ? AND seq = ? AND child = ? AND status = 'failed'")
      .get([int(parent.run), int(parent.seq), id]) ?? []
  if (heard === undefined) return
  throw new TenaxError('parent_informed', `the parent of the run "${id}" has heard that it failed`, {
    hint: 'retry the parent, once it has failed, or start a new run',
  })
}

function retryFailed(file: SqliteFile, failure: Failure, effects: Effects): void {
  const { number, id, status, failedSeq } = failure
  if (failure.isUndone) throw alreadyCompensated(id)
  if (status !== 'failed' || failure.isOverdue) {
    const why = failure.isOverdue ? 'was ended by its deadline' : `is ${status}`
    throw new TenaxError('run_not_retryable', `the run "${id}" ${why}`, { hint: 'rerun it, or start a new run' })
  }
  const at = failedSeq === undefined ? undefined : completionOf(file, number, failedSeq)
  if (at !== undefined && isUndoneSince(file, number, at)) throw alreadyCompensated(id)
  file
    .engine('UPDATE tenax_step SET is_again = 1 WHERE run = ? AND is_dropped = 1 AND completion IS NULL')
    .get([int(number)])
  if (at !== undefined && failedSeq !== undefined) {
    cut(file, number, at)
    askAgain(file, failure, failedSeq, effects)
  }
  reopen(file, failure, at, effects.nowMs)
}

function alreadyCompensated(id: string): TenaxError {
  return new TenaxError('already_compensated', `the run "${id}" has begun to undo what it did`, {
    hint: 'rerun it, or start a new run',
  })
}

/** The place of an outcome among what the body has seen. */
function completionOf(file: SqliteFile, run: number, seq: number): number | undefined {
  const row = file.engine('SELECT completion FROM tenax_step WHERE run = ? AND seq = ?').get([int(run), int(seq)])
  return numberOrNothing(row?.[0])
}

const UNDONE_SINCE = `SELECT 1 FROM tenax_step WHERE run = ?1 AND (undone_after >= ?2 OR (asked_after >= ?2 AND identity LIKE 'compensate[%'))
  LIMIT 1`

function isUndoneSince(file: SqliteFile, run: number, at: number): boolean {
  return file.engine(UNDONE_SINCE).get([int(run), int(at)]) !== undefined
}

/** Statements on the steps of a run (?1) whose body is to be where it was before completion ?2. */
const CUTS = [
  'DELETE FROM tenax_step WHERE run = ?1 AND asked_after >= ?2',
  // What was settled behind it comes again; what a cancellation rejected is waited for again.
  `UPDATE tenax_step SET status = 'open', completed_at_ms = NULL, completion = NULL, is_again = 1
    WHERE run = ?1 AND completion > ?2 AND status = 'cancelled'`,
  'UPDATE tenax_step SET is_again = is_dropped, completion = NULL WHERE run = ?1 AND completion > ?2',
  // Outputs that are not the replayed body's any more stay, and have no place.
  'UPDATE tenax_output SET put_after = NULL WHERE run = ?1 AND put_after >= ?2',
]

function cut(file: SqliteFile, run: number, at: number): void {
  for (const sql of CUTS) file.engine(sql).get([int(run), int(at)])
}

const ASK_AGAIN = `UPDATE tenax_step SET status = 'open', completed_at_ms = NULL, completion = NULL, result = NULL, error_code = NULL,
  error_message = NULL, error_data = NULL, attempts = 0, due_at_ms = NULL, is_again = 1 WHERE run = ? AND seq = ? RETURNING child`

/** Opens an operation whose failure is forgotten. A child that failed is tried again itself. */
function askAgain(
  file: SqliteFile,
  { number, id }: Pick<Failure, 'number' | 'id'>,
  seq: number,
  effects: Effects,
): void {
  const [child] = file.engine(ASK_AGAIN).get([int(number), int(seq)]) ?? []
  const found = typeof child === 'string' ? readChild(file, child) : undefined
  if (found === undefined || found.endedAtMs === undefined || found.parentRun !== number) return
  if (found.status !== 'failed') {
    throw new TenaxError('run_not_retryable', `the child "${found.id}" of the run "${id}" is ${found.status}`, {
      hint: 'rerun the parent, or start a new run',
    })
  }
  retryFailed(file, readFailure(file, found.number), effects)
}

const REOPEN = `UPDATE tenax_run SET status = 'running', ended_at_ms = NULL, output = NULL, error_code = NULL, error_message = NULL,
  error_data = NULL, failed_seq = NULL,
  cancelled_after = CASE WHEN cancelled_after > ?2 THEN NULL ELSE cancelled_after END,
  arrived_count = (SELECT count(*) FROM tenax_step s WHERE s.run = number AND s.is_dropped = 0 AND s.completion IS NULL
    AND s.status NOT IN ('open', 'dropped')),
  output_offset = output_offset + output_count - (SELECT count(*) FROM tenax_output o WHERE o.run = number AND o.put_after IS NOT NULL),
  output_count = (SELECT count(*) FROM tenax_output o WHERE o.run = number AND o.put_after IS NOT NULL)
  WHERE number = ?1`
const READY = `UPDATE tenax_run SET ${GET_IN_LINE}, ${GET_READY} WHERE number = ?`
const NOTE = `INSERT INTO tenax_output (run, seq, type, at_ms, message) SELECT number, output_count + output_offset + 1, 'log', ?, ?
  FROM tenax_run WHERE number = ?`

/** The run goes on, with a note of what it had failed with. */
function reopen(file: SqliteFile, { number, error }: Failure, at: number | undefined, nowMs: number): void {
  file.engine(REOPEN).get([int(number), at === undefined ? null : int(at - 1)])
  file.engine(NOTE).get([int(nowMs), `tried again after it had failed with ${error}`, int(number)])
  file.engine('UPDATE tenax_run SET output_offset = output_offset + 1 WHERE number = ?').get([int(number)])
  file.engine(READY).get([int(nowMs), int(number)])
}

/** Statements on a run (?1) that make as if completion ?2 had not been. */
const SHIFTS = [
  'UPDATE tenax_step SET completion = completion - 1 WHERE run = ?1 AND completion > ?2',
  'UPDATE tenax_step SET asked_after = asked_after - 1 WHERE run = ?1 AND asked_after >= ?2',
  'UPDATE tenax_step SET undone_after = undone_after - 1 WHERE run = ?1 AND undone_after >= ?2',
  'UPDATE tenax_output SET put_after = put_after - 1 WHERE run = ?1 AND put_after >= ?2',
  'UPDATE tenax_run SET cancelled_after = cancelled_after - 1 WHERE number = ?1 AND cancelled_after >= ?2',
]

/** Forgets the failure that made a compensation stick: the operation is asked for again, all else stays (WORKFLOWS 21). */
function forget(file: SqliteFile, failure: Failure, seq: number, effects: Effects): void {
  const { number, id } = failure
  const at = completionOf(file, number, seq)
  if (at === undefined) return
  const [went] = file.engine(WENT_ON).get([int(number), int(at), int(seq)]) ?? []
  if (went !== undefined) {
    throw new TenaxError(
      'run_not_retryable',
      `the compensation that is stuck in the run "${id}" went on behind the failure`,
      {
        hint: 'see to it by hand, and skip it',
      },
    )
  }
  askAgain(file, failure, seq, effects)
  for (const sql of SHIFTS) file.engine(sql).get([int(number), int(at)])
}

/** Operations of the same compensation, which has a scope of its own, that were asked for when the failure was known. */
const WENT_ON = `SELECT 1 FROM tenax_step s JOIN tenax_step f ON f.run = s.run AND f.seq = ?3
  WHERE s.run = ?1 AND s.asked_after >= ?2
  AND substr(s.identity, 1, instr(f.identity, ']/') + 1) = substr(f.identity, 1, instr(f.identity, ']/') + 1) LIMIT 1`
