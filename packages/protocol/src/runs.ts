/** The shapes of `/t/:id/runs` and `/t/:id/events`: a tenant's durable workflows. */
import { RUN_STATUSES } from '@tenax/kernel'
import { z } from 'zod'
import {
  CURSOR_CHARS_MAX,
  LIST_RUNS_DEFAULT,
  LIST_RUNS_MAX,
  PRIORITY_MAX,
  RUN_ID_CHARS_MAX,
  RUN_WAIT_MS,
  RUN_WAIT_MS_MAX,
  STEP_IDENTITY_CHARS_MAX,
  WORKFLOW_NAME_CHARS_MAX,
} from './limits.ts'
import { digitsToNumber, recordSchema, wholeNumberSchema } from './text.ts'

/** Where a run is, as a schema. */
export const runStatusSchema = z.enum(RUN_STATUSES)

const time = z.iso.datetime().meta({ description: 'UTC, ISO 8601 with milliseconds' })
const name = z.string().min(1).max(WORKFLOW_NAME_CHARS_MAX)
const key = z.string().min(1).max(255)
const runId = z.string().max(RUN_ID_CHARS_MAX)

/**
 * Body of `POST /t/:id/runs`. The id's own rules are the engine's, so that a bad one answers the same however it came;
 * the pattern here is documentation.
 */
export const startRunBodySchema = z.object({
  workflow: name.meta({ examples: ['trial'] }),
  input: z.unknown().optional().meta({ description: 'any JSON; the workflow says which' }),
  id: runId.optional().meta({
    pattern: '^(?!\\.\\.?$)[A-Za-z0-9_.:-]{1,128}$',
    description: "the run's own id; a second start with it answers the run that is there",
  }),
  idempotencyKey: key.optional().meta({ description: 'as the header Idempotency-Key' }),
  startAt: z.iso
    .datetime({ offset: true })
    .refine((text) => Date.parse(text) >= 0, 'it is 1970 or later')
    .optional()
    .meta({ description: 'not before; ISO 8601' }),
  priority: z
    .int()
    .min(-PRIORITY_MAX)
    .max(PRIORITY_MAX)
    .optional()
    .meta({ description: 'higher goes first; 0 if unsaid' }),
})

/** Body of `POST /t/:id/runs`, as a type. */
export type StartRunBody = z.output<typeof startRunBodySchema>

/** A failure of a run or an operation. */
export const runErrorSchema = z.object({
  code: z.string().meta({ description: 'stable; branch on this', examples: ['step_failed'] }),
  message: z.string(),
  data: z.unknown().optional(),
})

/** A failure of a run or an operation, as a type. */
export type RunError = z.output<typeof runErrorSchema>

/** A run without what it was given and what it came to. */
export const runSchema = z.object({
  id: z.string(),
  workflow: z.string(),
  version: z.string().nullable(),
  status: runStatusSchema,
  priority: z.int(),
  createdAt: time,
  startAt: time.meta({ description: 'not before' }),
  startedAt: time.nullable().meta({ description: 'when it ran first' }),
  endedAt: time.nullable(),
  cancelRequestedAt: time.nullable(),
  pausedAt: time.nullable().meta({ description: 'since when it starts nothing new' }),
  blockedReason: z.string().nullable().meta({
    description:
      'why it does not go on although it has not ended: a word, such as workflow_changed, and mostly `: ` and details',
  }),
  parent: z.string().nullable().meta({ description: 'the run whose child it is' }),
  predecessor: z.string().nullable().meta({ description: 'the run that went on as this one' }),
  successor: z.string().nullable().meta({ description: 'the run that this one went on as' }),
  origin: z.string().nullable().meta({ description: 'the run that it is a rerun of' }),
})

/** A run without what it was given and what it came to, as a type. */
export type Run = z.output<typeof runSchema>

/** A run with what it was given and what it came to: what `GET …/result` answers. */
export const runResultSchema = runSchema.extend({
  input: z.unknown().meta({ description: 'null when there is none' }),
  output: z.unknown().meta({ description: 'of a completed run; null when there is none' }),
  error: runErrorSchema.nullable(),
  values: z.record(z.string(), z.unknown()).meta({ description: 'what `set` left, by key' }),
})

/** A run with what it was given and what it came to, as a type. */
export type RunResult = z.output<typeof runResultSchema>

/** What an operation is. */
export const STEP_KINDS = ['step', 'tx', 'sql', 'sleep', 'wait', 'child', 'send'] as const

/** What became of an operation. */
export const STEP_STATUSES = ['open', 'completed', 'failed', 'cancelled', 'dropped'] as const

/** An operation of a run, as recorded. */
export const stepSchema = z.object({
  seq: z.int().meta({ description: 'in the order of asking, from 1' }),
  identity: z.string().meta({ description: '`scope/name[key]`, or `scope/name#n`', examples: ['charge[1]'] }),
  kind: z.enum(STEP_KINDS),
  status: z.enum(STEP_STATUSES),
  askedAt: time,
  completedAt: time.nullable(),
  attempts: z.int().min(0).meta({ description: 'that were recorded' }),
  dueAt: time.nullable().meta({ description: "of a sleep, a wait's deadline, or a step's next attempt" }),
  event: z.string().nullable(),
  key: z.string().nullable(),
  child: z.string().nullable().meta({ description: 'the run that a `child` started' }),
  result: z.unknown().meta({ description: 'null when there is none' }),
  resultOmitted: z.boolean().meta({ description: 'true when the result is too large to be shown here; SQL has it' }),
  error: runErrorSchema.nullable().meta({ description: 'of the last attempt, while it is open' }),
})

/** An operation of a run, as a type. */
export type RunStep = z.output<typeof stepSchema>

/** What a run can wait for. */
export const WAIT_TYPES = ['time', 'event', 'child', 'step', 'slot', 'turn', 'operator'] as const

/** One thing that a run waits for. */
export const waitSchema = z.object({
  type: z.enum(WAIT_TYPES).meta({
    description:
      'time: a sleep or its start; event; child: another run; step: an attempt that runs or is due; slot: of its `concurrency`; turn: a worker; operator: it is blocked',
  }),
  text: z.string().meta({ examples: ['waits for event "approval" with key "7" until 2026-11-22T13:30:45.412Z'] }),
  since: time,
  dueAt: time.nullable().meta({ description: 'when it goes on at the latest, if nothing else happens' }),
  step: z.string().nullable().meta({ description: 'identity of the operation' }),
  event: z.string().nullable(),
  key: z.string().nullable().meta({ description: 'of the event, or of the slot' }),
  ahead: z.int().min(0).nullable().meta({ description: 'runs that get a slot first, counted up to 1,000' }),
  run: z.string().nullable().meta({ description: 'the child' }),
  attempts: z.int().nullable(),
  error: runErrorSchema.nullable().meta({ description: 'of the last attempt' }),
})

/** One thing that a run waits for, as a type. */
export type RunWait = z.output<typeof waitSchema>

/** What `GET /t/:id/runs/:run` answers. */
export const runDetailSchema = runResultSchema.extend({
  steps: z.array(stepSchema).meta({ description: 'in order of seq: the last 1,000' }),
  stepCount: z.int().min(0),
  waitsFor: z.array(waitSchema).meta({ description: 'empty when it has ended' }),
})

/** What `GET /t/:id/runs/:run` answers, as a type. */
export type RunDetail = z.output<typeof runDetailSchema>

/** Body of `POST /t/:id/runs/:run/skip`. */
export const skipBodySchema = z.object({
  step: z.string().max(STEP_IDENTITY_CHARS_MAX).optional().meta({
    description: 'only when it is the compensation of this operation that is stuck: makes the request safe to repeat',
  }),
})

/** Body of `POST /t/:id/runs/:run/rerun`. */
export const rerunBodySchema = z.object({
  from: z
    .string()
    .max(STEP_IDENTITY_CHARS_MAX)
    .optional()
    .meta({
      description: 'identity of the first operation that runs again; unsaid, everything does',
      examples: ['charge[1]'],
    }),
  input: z.unknown().optional().meta({ description: 'replaces the input' }),
  results: recordSchema(z.unknown(), z.string().max(STEP_IDENTITY_CHARS_MAX))
    .optional()
    .meta({ description: 'results that replace those that are kept, by identity' }),
  preview: z.boolean().optional().meta({ description: 'true: changes nothing, and says what would be kept' }),
  id: runId.optional().meta({ description: "the new run's own id" }),
  idempotencyKey: key.optional().meta({ description: 'as the header Idempotency-Key' }),
})

/** Body of `POST /t/:id/runs/:run/rerun`, as a type. */
export type RerunBody = z.output<typeof rerunBodySchema>

const effectSchema = z.object({ seq: z.int(), identity: z.string(), kind: z.enum(STEP_KINDS) })

/** What `POST /t/:id/runs/:run/rerun` answers to `preview`. */
export const rerunPreviewSchema = z.object({
  kept: z.array(effectSchema).meta({ description: 'effects of the origin that are not done again: the first 1,000' }),
  keptCount: z.int().min(0),
  again: z.array(effectSchema).meta({ description: 'effects that are done again: the first 1,000' }),
  againCount: z.int().min(0),
})

/** What `POST /t/:id/runs/:run/rerun` answers to `preview`, as a type. */
export type RerunPreview = z.output<typeof rerunPreviewSchema>

/** Query string of `GET /t/:id/runs`. */
export const listRunsQuerySchema = z.object({
  status: runStatusSchema.optional().meta({ description: 'only runs that are there' }),
  workflow: name.optional().meta({ description: 'only runs of this workflow' }),
  cursor: z
    .string()
    .min(1)
    .max(CURSOR_CHARS_MAX)
    .optional()
    .meta({ description: '`nextCursor` of the page before, unchanged' }),
  limit: z.preprocess(
    digitsToNumber,
    wholeNumberSchema(1, LIST_RUNS_MAX).default(LIST_RUNS_DEFAULT).meta({ description: 'most runs in the page' }),
  ),
})

/** Query string of `GET /t/:id/runs`, as a type; `limit` has its default. */
export type ListRunsQuery = z.output<typeof listRunsQuerySchema>

/** A page of runs, newest first. `nextCursor` is null on the last page. */
export const runPageSchema = z.object({ runs: z.array(runSchema), nextCursor: z.string().nullable() })

/** A page of runs, as a type. */
export type RunPage = z.output<typeof runPageSchema>

/** Query string of `GET /t/:id/runs/:run/result`. */
export const runResultQuerySchema = z.object({
  timeout_ms: z.preprocess(
    digitsToNumber,
    wholeNumberSchema(0, RUN_WAIT_MS_MAX)
      .default(RUN_WAIT_MS)
      .meta({ description: 'longest wait for the end of the run, in milliseconds' }),
  ),
})

/** Body of `POST /t/:id/events`. */
export const sendEventBodySchema = z.object({
  name: name.meta({ examples: ['approval'] }),
  key: z.string().max(WORKFLOW_NAME_CHARS_MAX).optional().meta({ description: 'for who waits for this key' }),
  run: runId.optional().meta({ description: 'for this run only' }),
  payload: z.unknown().optional().meta({ description: 'any JSON' }),
  id: key.optional().meta({ description: 'as the header Idempotency-Key: counts once for the tenant' }),
})

/** Body of `POST /t/:id/events`, as a type. */
export type SendEventBody = z.output<typeof sendEventBodySchema>

/** What `POST /t/:id/events` answers. */
export const sentEventSchema = z.object({ id: z.string(), receivedAt: time })

/** What `POST /t/:id/events` answers, as a type. */
export type SentEvent = z.output<typeof sentEventSchema>
