/** Hrana's batches: statements in order, each run or skipped by its condition. */
import { z } from 'zod'
import { BATCH_STEPS_MAX } from '../limits.ts'
import { type HranaError, hranaErrorSchema } from '../problem.ts'
import { type BatchCondition, conditionSchema, latestStepOf } from './condition.ts'
import { type HranaStatement, type HranaStatementResult, statementResultSchema, statementSchema } from './statement.ts'

/** One step; without a condition it always runs. */
export interface BatchStep {
  readonly condition: BatchCondition | undefined
  readonly statement: HranaStatement
}

/** A batch whose conditions look back only. */
export interface HranaBatch {
  readonly steps: readonly BatchStep[]
}

const stepSchema = z
  .object({ condition: conditionSchema.nullish(), stmt: statementSchema })
  .transform(({ condition, stmt }): BatchStep => ({ condition: condition ?? undefined, statement: stmt }))

/** A batch as clients send it; parses to {@link HranaBatch}. */
export const batchSchema = z
  .object({ steps: z.array(stepSchema).max(BATCH_STEPS_MAX) })
  .transform(({ steps }, context): HranaBatch => {
    for (const [index, { condition }] of steps.entries()) {
      const latest = condition === undefined ? undefined : latestStepOf(condition)
      if (latest === undefined || latest < index) continue
      const message = `step ${index} may look at earlier steps only, not at step ${latest}`
      context.addIssue({ code: 'custom', message, path: ['steps', index, 'condition'] })
    }
    return { steps }
  })

/** What a batch answered, as clients read it: one entry per step in both arrays, both null for a skipped step. */
export const batchResultSchema = z.object({
  step_results: z.array(statementResultSchema.nullable()),
  step_errors: z.array(hranaErrorSchema.nullable()),
})

/** What became of one step. */
export type StepResult =
  | { readonly outcome: 'ok'; readonly result: HranaStatementResult }
  | { readonly outcome: 'error'; readonly error: HranaError }
  | { readonly outcome: 'skipped' }

/** What a batch answered. */
export interface HranaBatchResult {
  readonly step_results: readonly (HranaStatementResult | null)[]
  readonly step_errors: readonly (HranaError | null)[]
}

/** What a batch answered, as Hrana says it. */
export function encodeBatchResult(steps: readonly StepResult[]): HranaBatchResult {
  return {
    step_results: steps.map((step) => (step.outcome === 'ok' ? step.result : null)),
    step_errors: steps.map((step) => (step.outcome === 'error' ? step.error : null)),
  }
}
