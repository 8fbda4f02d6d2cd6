/** What a turn's commit needs that cannot be made inside it: inputs of children, payloads of events, past their schemas. */
import { hash } from 'node:crypto'
import { isTenaxError, TenaxError } from '@tenax/kernel'
import { limitsOf, parseInput } from '@tenax/workflow'
import { isTooLong, type OperationSpec, type Outcome, type Turn } from '@tenax/workflow/core'
import { againOf, type Beginning } from './beginning.ts'
import { eventPayloadOf } from './event-payload.ts'
import { deadlineMsOf } from './lifetime.ts'
import type { EngineParts } from './parts.ts'
import type { AnyWorkflow } from './port.ts'
import { shortHash } from './registry.ts'
import type { NewRun } from './store/runs.ts'
import { failureOf } from './stored-error.ts'
import { aside } from './stray.ts'

/** What was prepared. */
export interface TurnPlan {
  /** The turn; failed, when the run cannot go on as what it asked for. */
  readonly turn: Turn
  readonly verdicts: ReadonlyMap<number, Outcome>
  readonly children: ReadonlyMap<number, NewRun>
  readonly successor: NewRun | undefined
  /** Payloads of `send`, as their schemas give them back. */
  readonly payloads: ReadonlyMap<number, string>
}

/** Length of an id or a seed that is derived: 80 bits, in an alphabet that every id takes. */
const DERIVED_DIGITS = 20

const EMPTY: Omit<TurnPlan, 'turn'> = {
  verdicts: new Map(),
  children: new Map(),
  successor: undefined,
  payloads: new Map(),
}

/** Prepares a turn that asks for children, sends events, or goes on as another run. */
export async function prepareTurn(parts: EngineParts, beginning: Beginning, turn: Turn): Promise<TurnPlan> {
  const again = againOf(beginning)
  const asked = [...turn.reopened.filter(({ seq }) => again.has(seq)), ...turn.asked]
  const hasParsed = asked.some(({ spec }) => spec.kind === 'child' || spec.kind === 'send')
  if (!hasParsed && turn.state.type !== 'continued') return { ...EMPTY, turn }
  const verdicts = new Map<number, Outcome>()
  const children = new Map<number, NewRun>()
  const run = beginning.type === 'new' ? beginning.run : beginning.row
  const payloads = new Map<number, string>()
  for (const { seq, spec } of asked) {
    try {
      const payloadJson = spec.kind === 'send' ? await payloadFor(parts, spec) : undefined
      if (payloadJson !== undefined) payloads.set(seq, payloadJson)
      if (spec.kind !== 'child') continue
      const workflow = parts.registry.find(spec.workflow)
      if (workflow === undefined) continue
      const id = { id: spec.childId, priority: run.priority, seed: derived(run.seed, `child ${spec.childId}`) }
      children.set(seq, await newRun(parts, { workflow, ...id }, JSON.parse(spec.inputJson)))
    } catch (error) {
      if (!isTenaxError(error)) throw error
      verdicts.set(seq, { type: 'error', error: failureOf(error, 1).error })
    }
  }
  const { state } = turn
  const plan = { turn, verdicts, children, payloads, successor: undefined }
  if (state.type !== 'continued') return plan
  try {
    return { ...plan, successor: successorOf(parts, run, state.inputJson) }
  } catch (error) {
    if (!isTenaxError(error)) throw error
    // It cannot go on as what it asked for, and must not be tried for ever.
    const { error: stored } = failureOf(error, 1)
    return { ...plan, turn: { ...turn, state: { type: 'failed', error: stored } } }
  }
}

/** Nothing where no definition is loaded: what is sent is then what the body gave. */
async function payloadFor(
  { registry }: EngineParts,
  { event, payloadJson }: Extract<OperationSpec, { kind: 'send' }>,
): Promise<string | undefined> {
  return registry.event(event) === undefined ? undefined : eventPayloadOf(registry, event, JSON.parse(payloadJson))
}

/**
 * A run that is ready to be accepted, with its input past the workflow's schema.
 *
 * @throws TenaxError `input_invalid`, `payload_too_large`, `limit_key_invalid`
 */
export async function newRun(
  parts: Pick<EngineParts, 'randomId' | 'clock'>,
  about: {
    readonly workflow: AnyWorkflow
    readonly id?: string | undefined
    readonly priority?: number | undefined
    readonly startAtMs?: number | undefined
    readonly idempotencyKey?: string | undefined
    readonly seed?: string
  },
  input: unknown,
): Promise<NewRun> {
  const { workflow } = about
  const inputJson = await aside(() => parseInput(workflow, input))
  if (inputJson !== undefined && isTooLong(inputJson)) {
    throw new TenaxError('payload_too_large', `the input of workflow "${workflow.name}" is too large`, {
      hint: 'keep bulk data in tables, and pass its key',
    })
  }
  return {
    id: about.id ?? parts.randomId(),
    workflow: workflow.name,
    version: workflow.def.version,
    priority: about.priority ?? 0,
    startAtMs: about.startAtMs ?? parts.clock.nowMs(),
    inputJson,
    inputHash: shortHash(inputJson ?? ''),
    idempotencyKey: about.idempotencyKey,
    seed: about.seed ?? parts.randomId(),
    limits: aside(() => limitsOf(workflow, inputJson)),
    isFresh: about.id === undefined,
    deadlineMs: deadlineMsOf(workflow),
  }
}

/** What is made again when a commit was lost comes to the same: a run's own randomness decides it, not the moment. */
function derived(seed: string, what: string): string {
  return hash('sha256', `${what}\n${seed}`, 'hex').slice(0, DERIVED_DIGITS)
}

/** The input was made by the body itself: it is taken as it is. */
function successorOf(
  parts: EngineParts,
  run: {
    readonly id: string
    readonly workflow: string
    readonly version: string | undefined
    readonly priority: number
    readonly seed: string
  },
  inputJson: string,
): NewRun {
  const id = derived(run.seed, `successor ${run.id}`)
  const ids = { id, seed: derived(id, 'seed'), predecessor: run.id, idempotencyKey: undefined }
  const { workflow, version, priority } = run
  const definition = parts.registry.find(workflow)
  return {
    ...ids,
    workflow,
    version,
    priority,
    startAtMs: parts.clock.nowMs(),
    inputJson,
    inputHash: shortHash(inputJson),
    limits: definition === undefined ? undefined : aside(() => limitsOf(definition, inputJson)),
    deadlineMs: deadlineMsOf(parts.registry.find(workflow)),
  }
}
