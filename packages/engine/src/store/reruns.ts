/** A new run from the record of one that has ended (WORKFLOWS 23). */
import { TenaxError } from '@tenax/kernel'
import type { SqliteFile } from '@tenax/sqlite'
import type { OperationKind } from '@tenax/workflow/core'
import { shortHash } from '../registry.ts'
import { type OriginStep, planRerun, type RerunPlan, refuseUnkept } from '../rerun-plan.ts'
import { meetSingleton } from './acceptance.ts'
import type { Effects } from './announcement.ts'
import { type FoundRun, insertRun, type NewRun } from './runs.ts'
import { findStarted } from './started.ts'
import { nextWaitNumber } from './steps.ts'
import { int, numberIn, numberOrNothing, textIn, textOrNothing } from './values.ts'

/** What a new run takes over from its origin, whatever is kept. */
export interface OriginRow {
  readonly workflow: string
  readonly inputJson: string | undefined
  readonly priority: number
  readonly seed: string
}

const ORIGIN = 'SELECT workflow, input, priority, seed, cancelled_after FROM tenax_run WHERE number = ?'

/** @throws TenaxError `run_not_ended` */
export function readOrigin(file: SqliteFile, { number, id, hasEnded }: FoundRun): OriginRow {
  if (!hasEnded) {
    throw new TenaxError('run_not_ended', `the run "${id}" has not ended`, { hint: 'wait for its end, or end it' })
  }
  const row = file.engine(ORIGIN).get([int(number)]) ?? []
  return {
    workflow: textIn(row[0]),
    inputJson: textOrNothing(row[1]),
    priority: numberIn(row[2]),
    seed: textIn(row[3]),
  }
}

/** What is kept of a run. Throws TenaxError `step_not_found`, `argument_invalid`. */
export function planOf(file: SqliteFile, { number, id }: FoundRun, from: string | undefined): RerunPlan {
  const [cancelledAfter] =
    file.engine('SELECT cancelled_after FROM tenax_run WHERE number = ?').get([int(number)]) ?? []
  return planRerun({ id, steps: readOriginSteps(file, number), cancelledAfter: numberOrNothing(cancelledAfter) }, from)
}

function readOriginSteps(file: SqliteFile, number: number): OriginStep[] {
  return file
    .engine(
      'SELECT seq, identity, kind, completion, asked_after, undone_after FROM tenax_step WHERE run = ? ORDER BY seq',
    )
    .all([int(number)])
    .map((row) => ({
      seq: numberIn(row[0]),
      identity: textIn(row[1]),
      kind: textIn(row[2]) as OperationKind,
      completion: numberOrNothing(row[3]),
      askedAfter: numberIn(row[4]),
      undoneAfter: numberOrNothing(row[5]),
    }))
}

/** A rerun, past its checks outside the file. */
export interface NewRerun {
  readonly run: NewRun
  readonly from: string | undefined
  /** JSON texts that replace results, by identity. */
  readonly results: ReadonlyMap<string, string | undefined>
}

/**
 * Accepts a rerun; a repeated one is the run that is there.
 *
 * @throws TenaxError `run_not_ended`, `step_not_found`, `argument_invalid`, `idempotency_key_reused`, `run_id_reused`,
 * `singleton_conflict`
 */
export function insertRerun(
  file: SqliteFile,
  origin: FoundRun,
  { run, from, results, effects }: NewRerun & { readonly effects: Effects },
): { readonly number: number; readonly isNew: boolean } {
  const known = findStarted(file, run)
  if (known !== undefined) return { number: known, isNew: false }
  meetSingleton(file, run, effects)
  const { seed } = readOrigin(file, origin)
  const plan = planOf(file, origin, from)
  refuseUnkept(plan, results.keys())
  const isFresh = plan.after === 0
  const number = insertRun(file, isFresh ? run : { ...run, seed }, effects)
  file.engine('UPDATE tenax_run SET origin = ? WHERE number = ?').get([origin.id, int(number)])
  if (isFresh) return { number, isNew: true }
  takeOver(file, { number, origin, plan, nowMs: effects.nowMs })
  for (const [identity, json] of results) writeResult(file, number, { identity, json })
  return { number, isNew: true }
}

interface Copy {
  readonly number: number
  readonly origin: FoundRun
  readonly plan: RerunPlan
  readonly nowMs: number
}

/** The beginning of its body is that of the origin: what `now()` and `random()` answered is in what it asked for. */
const RUN = `UPDATE tenax_run SET (begins_at_ms, patches) =
  (SELECT coalesce(begins_at_ms, started_at_ms), patches FROM tenax_run o WHERE o.number = ?2) WHERE number = ?1`

const STEPS = `INSERT INTO tenax_step (run, seq, identity, kind, hash, status, is_dropped, completion, completed_at_ms, asked_at_ms, asked_after,
  attempts, due_at_ms, event, event_key, child, child_policy, result, error_code, error_message, error_data, undone_after, performed_by)
  SELECT ?1, seq, identity, kind, hash, status, is_dropped, completion, completed_at_ms, asked_at_ms, asked_after,
  attempts, due_at_ms, event, event_key, child, child_policy, result, error_code, error_message, error_data,
  CASE WHEN undone_after < ?3 THEN undone_after END, coalesce(performed_by, ?5) FROM tenax_step WHERE run = ?2 AND seq <= ?4`

/** Between those that are kept: as if dropped, until the first replay says whether they are waited for. */
const BETWEEN = `UPDATE tenax_step SET status = 'dropped', is_dropped = 1, is_again = 1, completion = NULL, completed_at_ms = ?3,
  child = NULL, attempts = 0, result = NULL, error_code = NULL, error_message = NULL, error_data = NULL, undone_after = NULL, performed_by = NULL
  WHERE run = ?1 AND (completion IS NULL OR completion > ?2)`

const OUTPUTS = `INSERT INTO tenax_output (run, seq, type, at_ms, key, message, value, put_after)
  SELECT ?1, row_number() OVER (ORDER BY seq), type, at_ms, key, message, value, put_after
  FROM tenax_output WHERE run = ?2 AND put_after < ?3`

function takeOver(file: SqliteFile, { number, origin, plan, nowMs }: Copy): void {
  const [run, from, after] = [int(number), int(origin.number), int(plan.after)]
  file.engine(RUN).get([run, from])
  file.engine(STEPS).get([run, from, after, int(plan.recordedCount), origin.id])
  file.engine(BETWEEN).get([run, after, int(nowMs)])
  file.engine(OUTPUTS).get([run, from, after])
  file
    .engine(
      'UPDATE tenax_run SET output_count = (SELECT count(*) FROM tenax_output WHERE run = number) WHERE number = ?',
    )
    .get([run])
  restartTimes(file, number, nowMs)
}

/** A sleep between takes its whole time again, one until an hour takes that hour; a wait has its time and place anew. */
function restartTimes(file: SqliteFile, number: number, nowMs: number): void {
  const between = file
    .engine(
      'SELECT seq, kind, hash, asked_at_ms, due_at_ms, event, event_key FROM tenax_step WHERE run = ? AND is_again = 1',
    )
    .all([int(number)])
  for (const [seq, kind, hash, askedAtMs, due, event, key] of between) {
    const dueAtMs = numberOrNothing(due)
    const isFixed = hash === shortHash(JSON.stringify(['sleep', { until: dueAtMs }]))
    const again = dueAtMs === undefined || isFixed ? dueAtMs : nowMs + dueAtMs - numberIn(askedAtMs)
    const place = textOrNothing(event)
    const waitNumber = place === undefined ? null : nextWaitNumber(file, { event: place, key: textIn(key) })
    file
      .engine('UPDATE tenax_step SET asked_at_ms = ?, due_at_ms = ?, wait_number = ? WHERE run = ? AND seq = ?')
      .get([int(nowMs), kind === 'step' ? null : int(again), waitNumber, int(number), seq ?? null])
  }
}

function writeResult(
  file: SqliteFile,
  number: number,
  { identity, json }: { readonly identity: string; readonly json: string | undefined },
): void {
  file
    .engine(
      "UPDATE tenax_step SET status = 'completed', result = ?, error_code = NULL, error_message = NULL, error_data = NULL WHERE run = ? AND identity = ?",
    )
    .get([json ?? null, int(number), identity])
}
