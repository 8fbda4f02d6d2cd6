/** What a turn's commit needs that cannot be made inside it: inputs of children and of a successor, past their schemas. */
import { isTenaxError, TenaxError } from '@tenax/kernel'
import { parseInput } from '@tenax/workflow'
import { isTooLong, type Outcome, type Turn } from '@tenax/workflow/core'
import type { EngineParts } from './parts.ts'
import type { AnyWorkflow } from './port.ts'
import { shortHash } from './registry.ts'
import type { Beginning } from './run-life.ts'
import type { NewRun } from './store/runs.ts'
import { failureOf } from './stored-error.ts'

/** What was prepared. */
export interface TurnPlan {
  readonly verdicts: ReadonlyMap<number, Outcome>
  readonly children: ReadonlyMap<number, NewRun>
  readonly successor: NewRun | undefined
}

const EMPTY: TurnPlan = { verdicts: new Map(), children: new Map(), successor: undefined }

/** Prepares a turn that asks for children, or that goes on as another run. */
export async function prepareTurn(parts: EngineParts, beginning: Beginning, turn: Turn): Promise<TurnPlan> {
  const hasChildren = turn.asked.some(({ spec }) => spec.kind === 'child')
  if (!hasChildren && turn.state.type !== 'continued') return EMPTY
  const verdicts = new Map<number, Outcome>()
  const children = new Map<number, NewRun>()
  const run = beginning.type === 'new' ? beginning.run : beginning.row
  for (const { seq, spec } of turn.asked) {
    if (spec.kind !== 'child') continue
    const workflow = parts.registry.find(spec.workflow)
    if (workflow === undefined) continue
    const id = { id: spec.childId, priority: run.priority }
    try {
      children.set(seq, await newRun(parts, { workflow, ...id }, JSON.parse(spec.inputJson)))
    } catch (error) {
      if (!isTenaxError(error)) throw error
      verdicts.set(seq, { type: 'error', error: failureOf(error, 1).error })
    }
  }
  const { state } = turn
  const successor = state.type === 'continued' ? successorOf(parts, run, state.inputJson) : undefined
  return { verdicts, children, successor }
}

/**
 * A run that is ready to be accepted, with its input past the workflow's schema.
 *
 * @throws TenaxError `input_invalid`, `payload_too_large`
 */
export async function newRun(
  parts: Pick<EngineParts, 'randomId' | 'clock'>,
  about: {
    readonly workflow: AnyWorkflow
    readonly id?: string | undefined
    readonly priority?: number | undefined
    readonly startAtMs?: number | undefined
    readonly idempotencyKey?: string | undefined
  },
  input: unknown,
): Promise<NewRun> {
  const { workflow } = about
  const inputJson = await parseInput(workflow, input)
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
    seed: parts.randomId(),
  }
}

/** The input was made by the body itself: it is taken as it is. */
function successorOf(
  parts: EngineParts,
  run: {
    readonly id: string
    readonly workflow: string
    readonly version: string | undefined
    readonly priority: number
  },
  inputJson: string,
): NewRun {
  const ids = { id: parts.randomId(), seed: parts.randomId(), predecessor: run.id, idempotencyKey: undefined }
  const { workflow, version, priority } = run
  return {
    ...ids,
    workflow,
    version,
    priority,
    startAtMs: parts.clock.nowMs(),
    inputJson,
    inputHash: shortHash(inputJson),
  }
}
