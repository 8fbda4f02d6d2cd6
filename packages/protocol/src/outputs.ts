/** The shapes of `/t/:id/runs/:run/outputs`: what a run puts out, as pages and as server-sent events. */
import { z } from 'zod'
import { OUTPUTS_DEFAULT, OUTPUTS_MAX } from './limits.ts'
import { runStatusSchema } from './runs.ts'
import { digitsToNumber, wholeNumberSchema } from './text.ts'

const at = z.iso.datetime().meta({ description: 'UTC, ISO 8601 with milliseconds' })
const seq = z.int().min(1).meta({ description: 'ascending within the run, with gaps; the id of its event' })

/** What a run has put out: recorded once, whatever crashes. */
export const runOutputSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('emit'), seq, at, value: z.unknown().meta({ description: 'what `ctx.emit` was given' }) }),
  z.object({
    type: z.literal('log'),
    seq,
    at,
    message: z.string(),
    data: z.unknown().meta({ description: 'null when there is none' }),
  }),
])

/** What a run has put out, as a type. */
export type RunOutput = z.output<typeof runOutputSchema>

/** What a step shows while it runs: not recorded, and not sent again. */
export const liveOutputSchema = z.object({
  type: z.literal('live'),
  at,
  step: z.string().meta({ description: 'identity of the step' }),
  attempt: z.int().min(1),
  value: z.unknown().meta({ description: 'what `attempt.emit` was given' }),
})

/** The last event of a run that has ended. */
export const outputEndSchema = z.object({
  type: z.literal('end'),
  status: runStatusSchema,
  successor: z.string().nullable().meta({ description: 'the run that this one went on as, with outputs of its own' }),
})

/** Something of the run has changed, such as a step: ask for the run. It comes only where `changes` is asked for. */
export const runChangeSchema = z.object({ type: z.literal('change') })

/** What an event of the stream carries; its name is `type`. */
export const outputEventSchema = z.union([runOutputSchema, liveOutputSchema, runChangeSchema, outputEndSchema])

/** What an event of the stream carries, as a type. */
export type OutputEvent = z.output<typeof outputEventSchema>

/** Name of the event that says why the server ends the stream of a run that goes on. */
export const DROPPED_EVENT = 'dropped'

/** What it carries. */
export const droppedSchema = z.object({
  code: z.string().meta({ description: 'stable; branch on this', examples: ['reader_too_slow'] }),
  message: z.string(),
})

/** Query string of `GET /t/:id/runs/:run/outputs`. */
export const outputsQuerySchema = z.object({
  after: z.preprocess(
    digitsToNumber,
    z
      .int()
      .min(0)
      .default(0)
      .meta({ description: 'seq of the last output that is known; the header Last-Event-ID wins' }),
  ),
  changes: z
    .enum(['true', 'false'])
    .default('false')
    .meta({ description: 'true: a stream also has an event `change` whenever something of the run has changed' }),
  limit: z.preprocess(
    digitsToNumber,
    wholeNumberSchema(1, OUTPUTS_MAX).default(OUTPUTS_DEFAULT).meta({ description: 'most outputs in a page' }),
  ),
})

/** A page of outputs. `nextAfter` is null when there is no further one yet. */
export const outputPageSchema = z.object({ outputs: z.array(runOutputSchema), nextAfter: z.int().nullable() })

/** A page of outputs, as a type. */
export type OutputPage = z.output<typeof outputPageSchema>
