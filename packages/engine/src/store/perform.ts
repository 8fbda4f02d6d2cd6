/** What the file itself can do of a turn, inside its commit: SQL, events, children, and times that are over. */
import { isTenaxError } from '@tenax/kernel'
import type { SqliteFile } from '@tenax/sqlite'
import type { AskedOperation, Completion, Outcome } from '@tenax/workflow/core'
import { failed, failureOf } from '../stored-error.ts'
import { performSql } from '../tx.ts'
import { refuseSecond } from './acceptance.ts'
import type { Effects } from './announcement.ts'
import { startChild } from './children.ts'
import { receiveEvent, takeEvent } from './events.ts'
import type { NewRun } from './runs.ts'
import { writeCompletion } from './steps.ts'

/** What is performed for a run. */
export interface Performing {
  readonly number: number
  readonly id: string
  /** Asked for in this turn, in order of `seq`. */
  readonly asked: readonly AskedOperation[]
  /** Of the record, and nobody has performed them yet: before `asked`, in order of `seq`. */
  readonly again: readonly AskedOperation[]
  /** Outcomes that are known before. */
  readonly verdicts: ReadonlyMap<number, Outcome>
  /** Runs that `child` operations start. */
  readonly children: ReadonlyMap<number, NewRun>
  /** Payloads of `send` operations that a schema gave back. */
  readonly payloads: ReadonlyMap<number, string>
  /** The place of the last completion before. */
  readonly place: number
}

/** Does what can be done here, in the order of asking; gives what was settled, each in its place. */
export function performAll(file: SqliteFile, performing: Performing, effects: Effects): Completion[] {
  let { place } = performing
  const settled: Completion[] = []
  const keep = (seq: number, outcome: Outcome | undefined): void => {
    if (outcome === undefined) return
    place += 1
    const completion = { seq, number: place, atMs: effects.nowMs, outcome }
    writeCompletion(file, performing.number, completion)
    settled.push(completion)
  }
  const { again, asked, verdicts } = performing
  for (const one of again) keep(one.seq, verdicts.get(one.seq) ?? performAgain(file, performing, one, effects))
  for (const one of asked) keep(one.seq, verdicts.get(one.seq) ?? perform(file, performing, one, effects))
  return settled
}

/** The record's own times count: they are seen to like those of any open operation. */
function performAgain(file: SqliteFile, performing: Performing, asked: AskedOperation, effects: Effects) {
  const { kind } = asked.spec
  if (kind === 'sleep') return undefined
  const spec = kind === 'wait' ? { ...asked.spec, deadlineMs: undefined } : asked.spec
  return perform(file, performing, { ...asked, spec }, effects)
}

function perform(
  file: SqliteFile,
  performing: Performing,
  { seq, spec }: AskedOperation,
  effects: Effects,
): Outcome | undefined {
  const { nowMs } = effects
  if (spec.kind === 'tx' || spec.kind === 'sql') return performSql(file, seq, spec)
  if (spec.kind === 'sleep') return spec.dueAtMs <= nowMs ? OK : undefined
  if (spec.kind === 'send') {
    return send(file, { ...spec, payloadJson: performing.payloads.get(seq) ?? spec.payloadJson }, effects)
  }
  if (spec.kind === 'child') {
    const { number, children } = performing
    const refuse = (child: NewRun) => refuseSecond(file, child, effects)
    return startChild(file, { parent: { run: number, seq }, spec, child: children.get(seq), refuse }, effects)
  }
  if (spec.kind === 'step') return spec.durability === 'remote' ? NOT_REMOTE : undefined
  const { event, key, lookbackMs, deadlineMs } = spec
  const taken = takeEvent(file, { run: { number: performing.number, id: performing.id }, event, key, lookbackMs })
  return taken ?? (deadlineMs !== undefined && deadlineMs < nowMs ? OK : undefined)
}

const OK: Outcome = { type: 'ok', json: undefined }

/** Better not begun than begun on less than its author asked for (WORKFLOWS 11). */
const NOT_REMOTE = failed(
  'remote_not_configured',
  'durability "remote" needs object storage, which this server has not',
  0,
)

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
