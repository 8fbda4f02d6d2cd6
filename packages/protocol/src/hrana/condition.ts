/**
 * Conditions of batch steps. A step looks back at earlier steps only, so a batch is decided in one pass.
 *
 * `error` is the negation of `ok`, as the newer protocol text says: it is true of a *skipped* step too. (HRANA_3 says the
 * opposite; the stock client guards its ROLLBACK by `not ok`, which means the same under both.)
 */
import { assert } from '@tenax/kernel'
import { z } from 'zod'
import { CONDITION_DEPTH_MAX, CONDITION_PARTS_MAX } from '../limits.ts'

/** When a step runs. `step` counts from 0. */
export type BatchCondition =
  | { readonly type: 'ok'; readonly step: number }
  | { readonly type: 'error'; readonly step: number }
  | { readonly type: 'not'; readonly cond: BatchCondition }
  | { readonly type: 'and'; readonly conds: readonly BatchCondition[] }
  | { readonly type: 'or'; readonly conds: readonly BatchCondition[] }
  | { readonly type: 'is_autocommit' }

/** What became of a step. */
export type StepOutcome = 'ok' | 'error' | 'skipped'

/** What a condition may look at: the steps so far, and whether no explicit transaction is open now. */
export interface BatchState {
  readonly outcomes: readonly StepOutcome[]
  isAutocommit(): boolean
}

const stepIndex = z.uint32()

/** The shape alone, of any depth: parse only what {@link isDeeperThan} let through. */
export const conditionShapeSchema: z.ZodType<BatchCondition> = z.lazy(() =>
  z.discriminatedUnion('type', [
    z.object({ type: z.literal('ok'), step: stepIndex }),
    z.object({ type: z.literal('error'), step: stepIndex }),
    z.object({ type: z.literal('not'), cond: conditionShapeSchema }),
    z.object({ type: z.literal('and'), conds: z.array(conditionShapeSchema).max(CONDITION_PARTS_MAX) }),
    z.object({ type: z.literal('or'), conds: z.array(conditionShapeSchema).max(CONDITION_PARTS_MAX) }),
    z.object({ type: z.literal('is_autocommit') }),
  ]),
)

/** A condition as clients send it. Depth is checked before the shape, because checking the shape recurses. */
export const conditionSchema = z.preprocess((value, context) => {
  if (!isDeeperThan(value, CONDITION_DEPTH_MAX)) return value
  context.addIssue({ code: 'custom', message: `conditions nest at most ${CONDITION_DEPTH_MAX} deep`, input: undefined })
  return z.NEVER
}, conditionShapeSchema)

/** Whether `condition` is true. */
export function evaluateCondition(condition: BatchCondition, state: BatchState): boolean {
  switch (condition.type) {
    case 'ok':
      return outcomeOf(condition.step, state) === 'ok'
    case 'error':
      return outcomeOf(condition.step, state) !== 'ok'
    case 'not':
      return !evaluateCondition(condition.cond, state)
    case 'and':
      return condition.conds.every((part) => evaluateCondition(part, state))
    case 'or':
      return condition.conds.some((part) => evaluateCondition(part, state))
    case 'is_autocommit':
      return state.isAutocommit()
  }
}

/** The latest step that `condition` looks at; undefined when it looks at none. */
export function latestStepOf(condition: BatchCondition): number | undefined {
  switch (condition.type) {
    case 'ok':
    case 'error':
      return condition.step
    case 'not':
      return latestStepOf(condition.cond)
    case 'and':
    case 'or':
      return latestOf(condition.conds)
    case 'is_autocommit':
      return undefined
  }
}

function latestOf(conditions: readonly BatchCondition[]): number | undefined {
  let latest: number | undefined
  for (const condition of conditions) {
    const step = latestStepOf(condition)
    if (step !== undefined && (latest === undefined || step > latest)) latest = step
  }
  return latest
}

function outcomeOf(step: number, { outcomes }: BatchState): StepOutcome {
  const outcome = outcomes[step]
  assert(outcome !== undefined, 'a condition refers to an earlier step')
  return outcome
}

/** Looks at unparsed JSON, and never deeper than `depth`. */
function isDeeperThan(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (depth === 0) return true
  if ('cond' in value && isDeeperThan(value.cond, depth - 1)) return true
  return 'conds' in value && Array.isArray(value.conds) && value.conds.some((part) => isDeeperThan(part, depth - 1))
}
