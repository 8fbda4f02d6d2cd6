/** The records of runs as documents, and what a replay of them against code comes to. */
import { z } from 'zod'
import { runStatusSchema, STEP_KINDS } from './runs.ts'

/**
 * What `GET /t/:id/runs/:run/history` answers: the document that `checkReplay` of `tenax/testing` takes. Whoever passes it on
 * changes nothing of it; what it holds beyond this is in docs/reference/testing.md.
 */
export const runHistorySchema = z.looseObject({
  format: z.literal('tenax-run-history'),
  version: z.int(),
  tenant: z.string(),
  run: z.looseObject({ id: z.string(), workflow: z.string(), status: runStatusSchema }),
  operations: z.array(z.looseObject({ seq: z.int(), identity: z.string(), kind: z.enum(STEP_KINDS) })),
})

/** What `GET /t/:id/runs/:run/history` answers, as a type. */
export type RunHistory = z.output<typeof runHistorySchema>

/** What `GET /t/:id/runs/:run/check` answers. */
export const replayCheckSchema = z.discriminatedUnion('ok', [
  z.object({
    ok: z.literal(true),
    state: z.string().meta({ description: 'where the code is behind the record', examples: ['waiting'] }),
    asks: z.array(z.string()).meta({ description: 'identities of the operations that it would go on with' }),
  }),
  z.object({
    ok: z.literal(false),
    code: z.enum(['workflow_changed', 'workflow_unknown']).meta({ description: 'what the run would be blocked for' }),
    recorded: z.string(),
    asked: z.string(),
  }),
])

/** What `GET /t/:id/runs/:run/check` answers, as a type. */
export type ReplayCheck = z.output<typeof replayCheckSchema>
