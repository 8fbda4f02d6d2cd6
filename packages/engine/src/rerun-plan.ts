/** What of an ended run is kept when it is run again from one of its operations (WORKFLOWS 23). Pure. */
import { TenaxError } from '@tenax/kernel'
import { compensationPath, type OperationKind } from '@tenax/workflow/core'

/** An operation of the origin. */
export interface OriginStep {
  readonly seq: number
  readonly identity: string
  readonly kind: OperationKind
  readonly completion: number | undefined
  readonly askedAfter: number
  readonly undoneAfter: number | undefined
}

/** The origin. */
export interface Origin {
  readonly id: string
  readonly steps: readonly OriginStep[]
  /** Where a cancellation took effect. */
  readonly cancelledAfter: number | undefined
}

/** What is kept. */
export interface RerunPlan {
  /** The last completion that is kept; 0 when everything runs again. */
  readonly after: number
  /** The first operations so many are in the new record: those that are kept, and those between them that are not. */
  readonly recordedCount: number
  readonly kept: readonly OriginStep[]
  /** Operations of the origin that are asked for again, if its body does what it did. */
  readonly again: readonly OriginStep[]
}

/**
 * Kept are the completions that the body had seen when it asked for `from`; of these not those whose compensation has begun,
 * unless it is kept as a whole, and none behind a cancellation. A record has no gaps: what comes behind the first that is not
 * kept is not kept either.
 *
 * @throws TenaxError `step_not_found`, `argument_invalid`
 */
export function planRerun(origin: Origin, from: string | undefined): RerunPlan {
  const { steps } = origin
  const after = from === undefined ? 0 : keptUpTo(origin, from)
  const kept = steps.filter((step) => isSeen(step, after))
  const seqs = new Set(kept.map(({ seq }) => seq))
  const again = steps.filter(({ seq, identity }) => !seqs.has(seq) && !identity.startsWith(COMPENSATIONS))
  return { after, recordedCount: Math.max(0, ...seqs), kept, again }
}

/** Checks that results are edited only where something is kept. Throws TenaxError `argument_invalid`. */
export function refuseUnkept({ kept }: RerunPlan, identities: Iterable<string>): void {
  const known = new Set(kept.map(({ identity }) => identity))
  for (const identity of identities) {
    if (known.has(identity)) continue
    throw new TenaxError('argument_invalid', `the result of "${identity}" cannot be edited: it is not kept`, {
      hint: 'a preview lists what is kept',
    })
  }
}

const COMPENSATIONS = 'compensate['

function keptUpTo(origin: Origin, from: string): number {
  const { steps, id, cancelledAfter } = origin
  const chosen = steps.find(({ identity }) => identity === from)
  if (chosen === undefined) {
    throw new TenaxError('step_not_found', `the run "${id}" has no operation "${from}"`, {
      hint: 'name one by its identity, as `tenax runs show` has it',
    })
  }
  if (from.startsWith(COMPENSATIONS)) {
    throw new TenaxError('argument_invalid', 'a run is not run again from the middle of its compensation', {
      hint: 'choose an operation of its body',
    })
  }
  let after = Math.min(chosen.askedAfter, cancelledAfter ?? chosen.askedAfter)
  for (let lost = lostStep(steps, after); lost !== undefined; lost = lostStep(steps, after)) after = lost.askedAfter
  return after
}

function isSeen({ completion }: OriginStep, after: number): boolean {
  return completion !== undefined && completion <= after
}

/** The first operation whose compensation has begun and is not kept as a whole. */
function lostStep(steps: readonly OriginStep[], after: number): OriginStep | undefined {
  return steps.find((step) => {
    if (step.undoneAfter === undefined || !isSeen(step, after)) return false
    const path = compensationPath(step.identity)
    const isWhole = steps.every((other) => !other.identity.startsWith(path) || isSeen(other, after))
    return step.undoneAfter >= after || !isWhole
  })
}
