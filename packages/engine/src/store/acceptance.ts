/** Whether a start begins a run: it may be a repetition (WORKFLOWS 32), or its workflow may allow one run of a key only. */
import { TenaxError } from '@tenax/kernel'
import type { SqliteFile } from '@tenax/sqlite'
import type { Outcome } from '@tenax/workflow/core'
import type { RunRecord } from '../port.ts'
import { failureOf } from '../stored-error.ts'
import type { Effects } from './announcement.ts'
import { requestCancel } from './endings.ts'
import { findKept, type Known, keepAlias } from './kept-keys.ts'
import { acceptedRecord } from './records.ts'
import { insertRun, type NewRun } from './runs.ts'
import { findStarted } from './started.ts'
import { numberIn, textIn } from './values.ts'

/** What became of a start. */
export interface Accepted {
  readonly known: Known
  readonly isNew: boolean
  /** The run as it was accepted; undefined when it was there, or has ended already. */
  readonly accepted: RunRecord | undefined
}

/** Accepts a run for later, unless it is known. Throws as {@link findKnown}. */
export function acceptRun(file: SqliteFile, run: NewRun, effects: Effects): Accepted {
  const known = findKnown(file, run, effects)
  if (known !== undefined) return { known, isNew: false, accepted: undefined }
  const accepted = acceptedRecord(run, { status: 'queued', atMs: effects.nowMs })
  return { known: { type: 'run', number: insertRun(file, run, effects) }, isNew: true, accepted }
}

/**
 * What the start of `run` finds instead of beginning it; undefined when it begins. With `cancel_other` the run that is there
 * is asked to end in this commit.
 *
 * @throws TenaxError `idempotency_key_reused`, `run_id_reused`, `singleton_conflict` with `details.run`
 */
export function findKnown(file: SqliteFile, run: NewRun, effects: Effects): Known | undefined {
  const number = findStarted(file, run)
  if (number !== undefined) return { type: 'run', number }
  const kept = findKept(file, run, effects.nowMs)
  if (kept !== undefined) return kept
  if (run.limits?.singleton?.onConflict !== 'existing') {
    meetSingleton(file, run, effects)
    return undefined
  }
  const [other] = singletons(file, run)
  if (other === undefined) return undefined
  keepAlias(file, run, { number: other.number, nowMs: effects.nowMs })
  return { type: 'run', number: other.number }
}

/**
 * Why a run may not begin that cannot be somebody else's: a child, which belongs to its parent, or the firing of a schedule.
 * Undefined when it may.
 */
export function refuseSecond(file: SqliteFile, run: NewRun, effects: Effects): Outcome | undefined {
  try {
    meetSingleton(file, run, effects)
    return undefined
  } catch (error) {
    if (!(error instanceof TenaxError)) throw error
    return { type: 'error', error: failureOf(error, 1).error }
  }
}

/**
 * Sees to the run of the same singleton that has not ended.
 *
 * @throws TenaxError `singleton_conflict` with `details.run`, unless the other is to be cancelled
 */
export function meetSingleton(file: SqliteFile, run: NewRun, effects: Effects): void {
  const others = singletons(file, run)
  if (run.limits?.singleton?.onConflict === 'cancel_other') {
    for (const { number } of others) requestCancel(file, number, effects)
    return
  }
  const [other] = others
  if (other === undefined) return
  throw new TenaxError('singleton_conflict', `run "${other.id}" of workflow "${run.workflow}" has not ended`, {
    hint: 'wait for its end, or cancel it',
    details: { run: other.id },
  })
}

/** Runs that have not ended, the newest first: held, blocked and paused ones too. */
const SINGLETONS = `SELECT number, id FROM tenax_run WHERE singleton_key IS NOT NULL AND ended_at_ms IS NULL
  AND workflow = ? AND singleton_key = ? ORDER BY number DESC`

function singletons(
  file: SqliteFile,
  { workflow, limits }: NewRun,
): { readonly number: number; readonly id: string }[] {
  const key = limits?.singleton?.key
  if (key === undefined) return []
  return file
    .engine(SINGLETONS)
    .all([workflow, key])
    .map(([number, id]) => ({ number: numberIn(number), id: textIn(id) }))
}
