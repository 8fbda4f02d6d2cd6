/**
 * A turn of a run in one commit (WORKFLOWS 3): what was delivered, what the body then asked for, what of that can be done
 * right here, and how the run goes on. It is refused when the record is not where the execution left it.
 */
import type { SqliteFile } from '@tenax/sqlite'
import type { AskedOperation, Completion, Outcome, Turn } from '@tenax/workflow/core'
import type { RunRecord } from '../port.ts'
import { type Accepted, findKnown } from './acceptance.ts'
import type { Effects } from './announcement.ts'
import { type Closing, cancelChild, closeRun, continueRun, endRun } from './endings.ts'
import type { Known } from './kept-keys.ts'
import { insertOutputs } from './outputs.ts'
import { keepEnds } from './pauses.ts'
import { type Performing, performAll } from './perform.ts'
import { acceptedRecord } from './records.ts'
import { insertRun, type NewRun, type Outlook, writeBlocked } from './runs.ts'
import { dropStep, insertStep, isUnseen, takeUp, writeCompletion, writeUndone } from './steps.ts'
import {
  readStanding,
  type Standing,
  writeCancelledAfter,
  writeIsUndone,
  writePatches,
  writeProgress,
  writeStuck,
} from './turn-row.ts'

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
  /** Outputs of the record that are not the body's as it is replayed. */
  readonly outputOffset: number
  readonly delivered: readonly Delivered[]
  readonly turn: Turn
  /** Outcomes that are known before: an input that a child's schema refuses, a tx that ended the transaction. */
  readonly verdicts: ReadonlyMap<number, Outcome>
  /** Runs that `child` operations start. */
  readonly children: ReadonlyMap<number, NewRun>
  readonly successor: NewRun | undefined
  /** Payloads of `send` operations that a schema gave back. */
  readonly payloads: ReadonlyMap<number, string>
  readonly codeHash: string
  /** Operations that nobody has performed since the run was tried again, by `seq`. */
  readonly again: ReadonlySet<number>
  /** True when it has, or had, children. */
  readonly hasChildren: boolean
  /** False when a cancellation that was asked for has yet to reach the body. */
  readonly isCancelApplied: boolean
  /** True when an operation is open that was asked for before or in this turn. */
  readonly hasOpen: boolean
  /** True when the execution was thrown away since. */
  isOver(): boolean
  /** How the run goes on when these were settled in the commit. */
  outlook(settled: ReadonlySet<number>): Outlook
}

/** What came of it. */
export type TurnRecord =
  /** The run that this one was to be exists. */
  | { readonly type: 'existing'; readonly known: Known }
  /** The run was paused meanwhile: of the turn only the ends of attempts are recorded, so the execution is ahead. */
  | { readonly type: 'paused'; readonly number: number }
  | {
      readonly type: 'recorded'
      readonly number: number
      readonly completionCount: number
      readonly outputCount: number
      /** Settled and placed in this commit: to be delivered next. */
      readonly settled: readonly Completion[]
      readonly outlook: Outlook | undefined
      readonly isCancelRequested: boolean
      /** A new run as it was accepted, unless this turn has ended it. */
      readonly accepted?: RunRecord | undefined
    }

/** What became of a start that was recorded with its first turn. */
export function acceptedOf(record: TurnRecord): Accepted {
  if (record.type === 'existing') return { known: record.known, isNew: false, accepted: undefined }
  const accepted = record.type === 'recorded' ? record.accepted : undefined
  return { known: { type: 'run', number: record.number }, isNew: true, accepted }
}

/**
 * Records a turn.
 *
 * @throws StaleRun; TransactionEnded; TenaxError `idempotency_key_reused`, `run_id_reused`, `singleton_conflict` of a new run
 */
export function recordTurn(file: SqliteFile, input: TurnInput, effects: Effects): TurnRecord {
  const before = { announced: effects.announcements.length, noticed: effects.notices.length }
  if (typeof input.run !== 'number') {
    const known = findKnown(file, input.run, effects)
    if (known !== undefined) return { type: 'existing', known }
  }
  const begun = begin(file, input, effects)
  const { number } = begun
  const { turn } = input
  if (begun.isPaused) return keepOnly(file, number, input, effects)
  if (turn.state.type === 'diverged') {
    const { recorded, asked } = turn.state.divergence
    const reason = `workflow_changed: recorded ${recorded}; asked for ${asked}`
    block(file, number, { id: input.id, reason, codeHash: input.codeHash }, effects)
    const { completionCount, outputCount } = input
    const { isCancelRequested } = begun
    return {
      type: 'recorded',
      number,
      completionCount,
      outputCount,
      settled: [],
      outlook: undefined,
      isCancelRequested,
    }
  }
  for (const { completion, attempts } of input.delivered) writeCompletion(file, number, completion, attempts)
  for (const asked of turn.asked) insertStep(file, number, asked, effects.nowMs)
  let unseenCount = 0
  for (const { seq, number: place } of turn.cancelled) {
    const outcome = { type: 'cancelled' } as const
    if (isUnseen(file, number, seq)) unseenCount += 1
    writeCompletion(file, number, { seq, number: place, atMs: effects.nowMs, outcome })
    cancelChild(file, number, seq, effects)
  }
  unseenCount += turn.dropped.filter((seq) => drop(file, number, seq, effects)).length
  const takenUp = takeUpAll(file, number, input)
  const settled = performAll(file, performingOf(input, number, takenUp.open), effects)
  const arrivedNow = effects.announcements.slice(before.announced).filter(({ run }) => run === number).length
  const seen = input.delivered.filter(({ isArrived }) => isArrived).length
  const arrivedCount = begun.arrivedCount + takenUp.arrivedCount - seen - unseenCount + arrivedNow
  keepRest(file, number, input, effects.nowMs)
  const outlook = goOn(file, { ...input, number }, { settled, arrivedCount, begun }, effects)
  const isAlone = effects.announcements.length === before.announced && effects.notices.length === before.noticed
  effects.keepsBacklog = isAlone && begun.recorded?.readiness === 2 && outlook?.readiness === 2 && hasStepsOnly(turn)
  return {
    ...{ type: 'recorded', number, settled, outlook, isCancelRequested: begun.isCancelRequested },
    completionCount: input.completionCount + input.delivered.length + turn.cancelled.length + settled.length,
    outputCount: input.outputCount + turn.outputs.length,
    accepted: acceptedIn(input, outlook, effects),
  }
}

function acceptedIn({ run, startedAtMs }: TurnInput, outlook: Outlook | undefined, { nowMs }: Effects) {
  if (typeof run === 'number' || outlook === undefined) return undefined
  return acceptedRecord(run, { status: outlook.status, atMs: madeAtMs(startedAtMs, nowMs), startedAtMs })
}

/** When a run was made whose first turn ran before the commit that accepts it. */
function madeAtMs(startedAtMs: number, nowMs: number): number {
  return Math.min(nowMs, startedAtMs)
}

/** True for a turn that asks for nothing that could change another run. */
function hasStepsOnly({ asked, dropped, cancelled }: Turn): boolean {
  return dropped.length === 0 && cancelled.length === 0 && asked.every(({ spec }) => spec.kind === 'step')
}

/** A run whose turn begins to be recorded. */
interface Begun extends Standing {
  readonly number: number
}

function begin(file: SqliteFile, { run, startedAtMs, isOver }: TurnInput, { nowMs, times }: Effects): Begun {
  if (typeof run === 'number') {
    // A run has one execution that was not thrown away, so this one is where the record is.
    const standing = isOver() ? undefined : readStanding(file, run)
    if (standing === undefined) throw new StaleRun()
    return { number: run, ...standing }
  }
  const outlook = { status: 'running', readiness: 2, wakeAtMs: undefined } as const
  const number = insertRun(file, run, { nowMs: madeAtMs(startedAtMs, nowMs), times, startedAtMs, outlook })
  return { number, arrivedCount: 0, isCancelRequested: false, isPaused: false, deaths: 0, recorded: outlook }
}

function keepOnly(file: SqliteFile, run: number, { delivered }: TurnInput, effects: Effects): TurnRecord {
  const unrecorded = delivered.filter(({ isArrived }) => !isArrived)
  const ends = unrecorded.map(({ completion: { seq, outcome }, attempts }) => ({ seq, outcome, attempts }))
  keepEnds(file, { run, ends }, effects)
  return { type: 'paused', number: run }
}

function drop(file: SqliteFile, number: number, seq: number, effects: Effects): boolean {
  cancelChild(file, number, seq, effects)
  return dropStep(file, number, seq, effects.nowMs)
}

function keepRest(file: SqliteFile, number: number, input: TurnInput, nowMs: number): void {
  const { turn, outputCount } = input
  insertOutputs(file, number, { outputs: turn.outputs, count: outputCount + input.outputOffset, nowMs })
  if (Object.keys(turn.patches).length > 0) writePatches(file, number, turn.patches)
  for (const undone of turn.undone) writeUndone(file, number, undone)
  if (turn.undone.some(({ isFinal }) => isFinal)) writeIsUndone(file, number)
  if (turn.cancelledAfter !== undefined) writeCancelledAfter(file, number, turn.cancelledAfter)
}

/** What the first replay behind a retry or a rerun waits for is open again, or has arrived. */
function takeUpAll(file: SqliteFile, run: number, { turn, again }: TurnInput) {
  const found = again.size === 0 ? [] : turn.reopened.filter(({ seq }) => again.has(seq))
  const open = found.filter((asked) => takeUp(file, run, asked))
  return { open, arrivedCount: found.length - open.length }
}

function performingOf(input: TurnInput, number: number, again: readonly AskedOperation[]): Performing {
  const { turn, id, verdicts, children, payloads } = input
  const over = new Set([...turn.dropped, ...turn.cancelled.map(({ seq }) => seq)])
  const place = input.completionCount + input.delivered.length + turn.cancelled.length
  const isOpen = ({ seq }: AskedOperation): boolean => !over.has(seq)
  const operations = { asked: turn.asked.filter(isOpen), again: again.filter(isOpen) }
  return { number, id, ...operations, verdicts, children, payloads, place }
}

type Numbered = TurnInput & { readonly number: number }

interface Outcomes {
  readonly settled: readonly Completion[]
  readonly arrivedCount: number
  readonly begun: Begun
}

/** Ends the run, puts it aside, or says how it goes on. */
function goOn(file: SqliteFile, input: Numbered, outcomes: Outcomes, effects: Effects): Outlook | undefined {
  const { number, turn, startedAtMs, hasOpen } = input
  const { state } = turn
  const { settled, arrivedCount, begun } = outcomes
  const isOver = state.type !== 'waiting' && state.type !== 'stalled'
  const own = input.outlook(new Set(settled.map(({ seq }) => seq)))
  const hasMore = settled.length > 0 || arrivedCount > 0 || (begun.isCancelRequested && !input.isCancelApplied)
  const outlook: Outlook = !isOver && hasMore ? { ...own, readiness: 2, status: activeStatus(own) } : own
  const ends = isOver && state.type !== 'stuck'
  const hasProgress = input.delivered.length + settled.length + turn.asked.length + turn.cancelled.length > 0
  const isForgiven = hasProgress && begun.deaths > 0
  if (arrivedCount > 0 || isForgiven || !isRowRight(input, begun, ends ? undefined : outlook)) {
    const outputCount = input.outputCount + turn.outputs.length
    writeProgress(file, { number, startedAtMs, outlook, arrivedCount, outputCount, hasProgress })
  }
  if (!isOver) return outlook
  if (state.type === 'stuck') {
    const reason = `compensation_stuck: the compensation of ${state.compensated} failed: ${state.error.message}`
    block(file, number, { id: input.id, reason, codeHash: input.codeHash }, effects)
    writeStuck(file, number, { compensated: state.compensated, seq: state.seq })
    return undefined
  }
  const closing = closingOf(input)
  if (input.hasChildren) closeRun(file, number, closing, effects)
  else if (closing.type === 'continue') continueRun(file, number, closing.successor, effects)
  else endRun(file, number, { ...closing.ending, hasOpen }, effects)
  return undefined
}

/**
 * True when the run's row says already what this turn has come to: most turns of a run with work leave it, and its indexes, as
 * they are. `outlook` is undefined when the run ends, which is written by itself.
 */
function isRowRight({ turn }: TurnInput, begun: Begun, outlook: Outlook | undefined): boolean {
  const { recorded, arrivedCount, isCancelRequested } = begun
  if (recorded === undefined || arrivedCount > 0 || isCancelRequested || turn.outputs.length > 0) return false
  if (outlook === undefined) return true
  const { status, readiness, wakeAtMs } = outlook
  return recorded.status === status && recorded.readiness === readiness && recorded.wakeAtMs === wakeAtMs
}

/** What the body has come to. */
function closingOf({ turn: { state }, successor }: TurnInput): Closing {
  if (state.type === 'continued' && successor !== undefined) return { type: 'continue', successor }
  if (state.type === 'completed') return { type: 'end', ending: { status: 'completed', json: state.json } }
  if (state.type !== 'failed') return { type: 'end', ending: { status: 'cancelled' } }
  return { type: 'end', ending: { status: 'failed', error: state.error, failedSeq: state.seq } }
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
