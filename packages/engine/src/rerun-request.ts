/** What a rerun is asked for, checked at the door, and what its preview answers (WORKFLOWS 23). */
import type { OperationKind } from '@tenax/workflow/core'
import { newRun } from './child-plan.ts'
import { STEPS_SHOWN_MAX } from './limits.ts'
import type { EngineParts } from './parts.ts'
import { shortHash } from './registry.ts'
import { checkStart } from './requests.ts'
import type { OriginStep, RerunPlan } from './rerun-plan.ts'
import type { NewRerun, OriginRow } from './store/reruns.ts'
import { payloadOf } from './stored-error.ts'

/** What `rerun` takes. */
export interface RerunRequest {
  /** Identity of the first operation that runs again; unsaid, everything does. */
  readonly from?: string
  /** Replaces the input, with `hasInput`: `undefined` is an input too. */
  readonly input?: unknown
  readonly hasInput?: boolean
  /** Results that replace those that are kept, by the identities of their operations. */
  readonly results?: Readonly<Record<string, unknown>>
  /** The new run's own id. */
  readonly id?: string
  readonly idempotencyKey?: string
}

/** An operation with effects, in a preview. */
export interface RerunEffect {
  readonly seq: number
  readonly identity: string
  readonly kind: OperationKind
}

/** What a rerun would keep and do again of what its origin did: the first 1,000 of each. Its code may do something else. */
export interface RerunPreview {
  readonly kept: readonly RerunEffect[]
  readonly keptCount: number
  readonly again: readonly RerunEffect[]
  readonly againCount: number
}

/** A rerun, ready to be accepted. Throws TenaxError `workflow_unknown`, `input_invalid`, `payload_too_large`, `argument_invalid`. */
export async function newRerun(
  parts: EngineParts,
  origin: OriginRow & { readonly id: string },
  request: RerunRequest,
): Promise<NewRerun> {
  const { from, id, idempotencyKey } = request
  checkStart({ workflow: origin.workflow, input: undefined, ...given({ id, idempotencyKey }) })
  const workflow = parts.registry.require(origin.workflow)
  const results = new Map(
    Object.entries(request.results ?? {}).map(([identity, value]) => [
      identity,
      payloadOf(value, `result of "${identity}"`),
    ]),
  )
  const about = { workflow, id, idempotencyKey, priority: origin.priority }
  const { inputJson } = origin
  const kept = inputJson === undefined ? undefined : JSON.parse(inputJson)
  const run = await newRun(parts, about, request.hasInput === true ? request.input : kept)
  // What the origin ran with is not read by a schema a second time: that could change it.
  const input = request.hasInput === true ? run.inputJson : inputJson
  const inputHash = shortHash(JSON.stringify(['rerun', origin.id, from ?? null, input ?? null, [...results]]))
  return { run: { ...run, inputJson: input, inputHash }, from, results }
}

function given(members: { readonly id: string | undefined; readonly idempotencyKey: string | undefined }) {
  const { id, idempotencyKey } = members
  return { ...(id === undefined ? {} : { id }), ...(idempotencyKey === undefined ? {} : { idempotencyKey }) }
}

const EFFECTS: ReadonlySet<OperationKind> = new Set(['step', 'tx', 'sql', 'send', 'child'])

/** What `plan` keeps and does again. */
export function previewOf({ kept, again }: RerunPlan): RerunPreview {
  const effects = (steps: readonly OriginStep[]) => steps.filter(({ kind }) => EFFECTS.has(kind))
  const shown = (steps: readonly OriginStep[]) =>
    steps.slice(0, STEPS_SHOWN_MAX).map(({ seq, identity, kind }) => ({ seq, identity, kind }))
  const [all, rest] = [effects(kept), effects(again)]
  return { kept: shown(all), keptCount: all.length, again: shown(rest), againCount: rest.length }
}
