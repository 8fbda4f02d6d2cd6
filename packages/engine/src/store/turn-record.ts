/**
 * A turn of a run in one commit (WORKFLOWS 3): what was delivered, what the body then asked for, what of that can be done
 * right here, and how the run goes on. It is refused when the record is not where the execution left it.
 */
import { isTenaxError } from '@tenax/kernel'
import type { SqliteFile } from '@tenax/sqlite'
import type { AskedOperation, Completion, Outcome, Turn } from '@tenax/workflow/core'
import { failed, failureOf } from '../stored-error.ts'
import { performSql } from '../tx.ts'
import type { Effects } from './announcement.ts'
import { cancelById, continueRun, endRun } from './endings.ts'
import { receiveEvent, takeEvent } from './events.ts'
import { insertOutputs } from './outputs.ts'
import {
  findRun,
  findStarted,
  insertRun,
  type NewRun,
  type Outlook,
  readCounters,
  writeBlocked,
  writeCancelledAfter,
  writePatches,
  writeProgress,
} from './runs.ts'
import { childOf, dropStep, insertStep, writeCompletion } from './steps.ts'

/** The record is not where the execution left it: the execution is thrown away, and made anew from the record. */
export class StaleRun extends Error {
  constructor() {
    super('the run was changed behind its execution')
    this.name = 'StaleRun'
  }
}

/** What the body has seen in this turn. `isArrived`: its outcome is recorded, its place is not. `attempts`: of a step. */
export interface Delivered {
  readonly completion: Completion
  readonly isArrived: boolean
  readonly attempts: number
}

/** What is recorded. */
export interface TurnInput {
  readonly id: string
  /** The run's number, or the run itself when this is its first commit. */
  readonly run: number | NewRun
  readonly startedAtMs: number
  /** Completions and outputs that are recorded. */
  readonly completionCount: number
  readonly outputCount: number
  readonly delivered: readonly Delivered[]
  readonly turn: Turn
  /** Outcomes that are known before: an input that a child's schema refuses, a tx that ended the transaction. */
  readonly verdicts: ReadonlyMap<number, Outcome>
  /** Runs that `child` operations start. */
  readonly children: ReadonlyMap<number, NewRun>
  readonly successor: NewRun | undefined
  readonly codeHash: string
  /** False when a cancellation that was asked for has yet to reach the body. */
  readonly isCancelApplied: boolean
  /** How the run goes on when these were settled in the commit. */
  outlook(settled: ReadonlySet<number>): Outlook
}

/** What came of it. */
export type TurnRecord =
  /** The run that this one was to be exists. */
  | { readonly type: 'existing'; readonly number: number }
  | {
      readonly type: 'recorded'
      readonly number: number
      readonly completionCount: number
      readonly outputCount: number
      /** Settled and placed in this commit: to be delivered next. */
      readonly settled: readonly Completion[]
      readonly outlook: Outlook | undefined
      readonly isCancelRequested: boolean
    }

/**
 * Records a turn.
 *
 * @throws StaleRun; TransactionEnded; TenaxError `idempotency_key_reused`, `run_id_reused` of a new run
 */
export function recordTurn(file: SqliteFile, input: TurnInput, effects: Effects): TurnRecord {
  if (typeof input.run !== 'number') {
    const existing = findStarted(file, input.run)
    if (existing !== undefined) return { type: 'existing', number: existing }
  }
  const begun = begin(file, input, effects.nowMs)
  const { number } = begun
  const { turn } = input
  if (turn.state.type === 'diverged') {
    const { recorded, asked } = turn.state.divergence
    const reason = `workflow_changed: recorded ${recorded}; asked for ${asked}`
    block(file, number, { id: input.id, reason, codeHash: input.codeHash }, effects)
    return { ...begun, type: 'recorded', outputCount: input.outputCount, settled: [], outlook: undefined }
  }
  for (const { completion, attempts } of input.delivered) writeCompletion(file, number, completion, attempts)
  for (const asked of turn.asked) insertStep(file, number, asked, effects.nowMs)
  for (const { seq, number: place } of turn.cancelled) {
    const outcome = { type: 'cancelled' } as const
    writeCompletion(file, number, { seq, number: place, atMs: effects.nowMs, outcome })
    cancelChild(file, number, seq, effects)
  }
  const unseen = turn.dropped.filter((seq) => drop(file, number, seq, effects)).length
  const announcedBefore = effects.announcements.length
  const settled = performAll(file, { ...input, number }, effects)
  const arrivedNow = effects.announcements.slice(announcedBefore).filter(({ run }) => run === number).length
  const seen = input.delivered.filter(({ isArrived }) => isArrived).length
  const counts = {
    completionCount: input.completionCount + input.delivered.length + turn.cancelled.length + settled.length,
    arrivedCount: begun.arrivedCount - seen - unseen + arrivedNow,
    outputCount: input.outputCount + turn.outputs.length,
  }
  keepRest(file, number, input, effects.nowMs)
  const outlook = goOn(
    file,
    { ...input, number },
    { settled, counts, isCancelRequested: begun.isCancelRequested },
    effects,
  )
  return { type: 'recorded', number, ...counts, settled, outlook, isCancelRequested: begun.isCancelRequested }
}

function begin(file: SqliteFile, { run, startedAtMs, completionCount }: TurnInput, nowMs: number) {
  if (typeof run === 'number') {
    const counters = readCounters(file, run)
    if (counters === undefined || counters.completionCount !== completionCount) throw new StaleRun()
    return { number: run, ...counters }
  }
  const outlook = { status: 'running', readiness: 2, wakeAtMs: undefined } as const
  const number = insertRun(file, run, { nowMs, startedAtMs, outlook })
  return { number, completionCount: 0, arrivedCount: 0, isCancelRequested: false }
}

function drop(file: SqliteFile, number: number, seq: number, effects: Effects): boolean {
  cancelChild(file, number, seq, effects)
  return dropStep(file, number, seq, effects.nowMs)
}

function cancelChild(file: SqliteFile, number: number, seq: number, effects: Effects): void {
  const child = childOf(file, number, seq)
  if (child !== undefined) cancelById(file, child, effects)
}

function keepRest(file: SqliteFile, number: number, { turn, outputCount }: TurnInput, nowMs: number): void {
  insertOutputs(file, number, { outputs: turn.outputs, count: outputCount, nowMs })
  if (Object.keys(turn.patches).length > 0) writePatches(file, number, turn.patches)
  if (turn.cancelledAfter !== undefined) writeCancelledAfter(file, number, turn.cancelledAfter)
}

type Numbered = TurnInput & { readonly number: number }

/** Does what the file itself can do, in the order of asking. */
function performAll(file: SqliteFile, input: Numbered, effects: Effects): Completion[] {
  const { turn, completionCount, delivered } = input
  const over = new Set([...turn.dropped, ...turn.cancelled.map(({ seq }) => seq)])
  let place = completionCount + delivered.length + turn.cancelled.length
  const settled: Completion[] = []
  for (const asked of turn.asked) {
    if (over.has(asked.seq)) continue
    const outcome = input.verdicts.get(asked.seq) ?? perform(file, input, asked, effects)
    if (outcome === undefined) continue
    place += 1
    const completion = { seq: asked.seq, number: place, atMs: effects.nowMs, outcome }
    writeCompletion(file, input.number, completion)
    settled.push(completion)
  }
  return settled
}

function perform(
  file: SqliteFile,
  input: Numbered,
  { seq, spec }: AskedOperation,
  effects: Effects,
): Outcome | undefined {
  const { nowMs } = effects
  if (spec.kind === 'tx' || spec.kind === 'sql') return performSql(file, seq, spec)
  if (spec.kind === 'sleep') return spec.dueAtMs <= nowMs ? OK : undefined
  if (spec.kind === 'send') return send(file, spec, effects)
  if (spec.kind === 'child') return startChild(file, input, seq, nowMs)
  if (spec.kind !== 'wait') return undefined
  const { event, key, lookbackMs, deadlineMs } = spec
  const taken = takeEvent(file, { run: { number: input.number, id: input.id }, event, key, lookbackMs })
  return taken ?? (deadlineMs !== undefined && deadlineMs < nowMs ? OK : undefined)
}

const OK: Outcome = { type: 'ok', json: undefined }

function send(file: SqliteFile, spec: Extract<AskedOperation['spec'], { kind: 'send' }>, effects: Effects): Outcome {
  const { to } = spec
  const address = 'run' in to ? { run: to.run, key: undefined } : { run: undefined, key: to.key }
  const isBroadcast = !('run' in to) && to.broadcast
  const event = { id: spec.eventId, name: spec.event, payloadJson: spec.payloadJson, isBroadcast, ...address }
  try {
    receiveEvent(file, event, effects)
    return OK
  } catch (error) {
    if (!isTenaxError(error)) throw error
    return { type: 'error', error: failureOf(error, 1).error }
  }
}

function startChild(file: SqliteFile, input: Numbered, seq: number, nowMs: number): Outcome | undefined {
  const child = input.children.get(seq)
  if (child === undefined) return failed('workflow_unknown', 'no workflow of this name is loaded', 1)
  if (findRun(file, child.id) !== undefined) return failed('run_id_reused', `a run "${child.id}" exists`, 1)
  insertRun(file, { ...child, parent: { run: input.number, seq } }, { nowMs })
  return undefined
}

interface Outcomes {
  readonly settled: readonly Completion[]
  readonly counts: { readonly completionCount: number; readonly arrivedCount: number; readonly outputCount: number }
  readonly isCancelRequested: boolean
}

/** Ends the run, puts it aside, or says how it goes on. */
function goOn(file: SqliteFile, input: Numbered, outcomes: Outcomes, effects: Effects): Outlook | undefined {
  const { number, turn, startedAtMs } = input
  const { state } = turn
  const { settled, counts } = outcomes
  const isOver = state.type !== 'waiting' && state.type !== 'stalled'
  const own = input.outlook(new Set(settled.map(({ seq }) => seq)))
  const hasMore =
    settled.length > 0 || counts.arrivedCount > 0 || (outcomes.isCancelRequested && !input.isCancelApplied)
  const outlook: Outlook = !isOver && hasMore ? { ...own, readiness: 2, status: activeStatus(own) } : own
  writeProgress(file, { number, startedAtMs, outlook, ...counts })
  if (!isOver) return outlook
  if (state.type === 'stuck') {
    const reason = `compensation_stuck: the compensation of ${state.compensated} failed: ${state.error.message}`
    block(file, number, { id: input.id, reason, codeHash: input.codeHash }, effects)
  } else if (state.type === 'continued' && input.successor !== undefined) {
    continueRun(file, number, input.successor, effects)
  } else if (state.type === 'completed') {
    endRun(file, number, { status: 'completed', json: state.json }, effects)
  } else if (state.type === 'failed') {
    endRun(file, number, { status: 'failed', error: state.error }, effects)
  } else {
    endRun(file, number, { status: 'cancelled' }, effects)
  }
  return undefined
}

function block(
  file: SqliteFile,
  number: number,
  why: { id: string; reason: string; codeHash: string },
  effects: Effects,
): void {
  const { id, reason, codeHash } = why
  writeBlocked(file, number, reason, codeHash)
  effects.notices.push({ run: number, type: 'blocked', id, reason })
}

function activeStatus({ status }: Outlook): Outlook['status'] {
  return status === 'waiting' ? 'running' : status
}
