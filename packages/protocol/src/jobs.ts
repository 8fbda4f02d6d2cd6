/** The shapes of `/v1/jobs`: long verbs that go on while nobody waits. */
import { z } from 'zod'
import { problemSchema } from './problem.ts'

/** Verbs that may be jobs. */
export const JOB_VERBS = ['archive', 'hydrate', 'fork', 'restore', 'export', 'import', 'delete'] as const

/** A verb that may be a job. */
export type JobVerb = (typeof JOB_VERBS)[number]

/** How far a job is. */
export const JOB_STATES = ['queued', 'running', 'succeeded', 'failed'] as const

/** How far a job is, as a type. */
export type JobState = (typeof JOB_STATES)[number]

/** Query string of the verbs that may be jobs. */
export const jobQuerySchema = z.object({
  job: z.enum(['true', 'false']).default('false').meta({ description: 'true: answer 202 at once, with the job' }),
})

/** Query string of `POST /v1/tenants/:id/export`: at least one of the two. */
export const startExportQuerySchema = jobQuerySchema.extend({
  move: z.enum(['true', 'false']).default('false').meta({
    description: 'true: suspend the tenant and hold its workflows first, so that its runs go on in the copy only',
  }),
})

const time = z.iso.datetime().meta({ description: 'UTC, ISO 8601 with milliseconds' })
const bytes = z.int().min(0)

/** A job. */
export const jobSchema = z.object({
  id: z.string(),
  verb: z.enum(JOB_VERBS),
  tenant: z.string().meta({ description: 'the tenant in the path' }),
  state: z.enum(JOB_STATES),
  progress: z
    .object({
      done: bytes,
      total: bytes.meta({ description: 'grows when a further pass over the bytes begins' }),
      unit: z.literal('bytes'),
    })
    .nullable()
    .meta({ description: 'null while the verb has told nothing' }),
  result: z
    .looseObject({})
    .nullable()
    .meta({ description: 'of one that has succeeded: what the verb answers; of an export `id` and `bytes`' }),
  error: problemSchema.nullable().meta({ description: 'of one that has failed' }),
  createdAt: time,
  startedAt: time.nullable(),
  endedAt: time.nullable(),
  expiresAt: time.nullable().meta({ description: 'when an ended one is forgotten, with its file' }),
})

/** A job, as a type. */
export type JobResource = z.output<typeof jobSchema>

/** What `GET /v1/jobs` answers: newest first. */
export const jobListSchema = z.object({ jobs: z.array(jobSchema) })

/** What `GET /v1/jobs` answers, as a type. */
export type JobList = z.output<typeof jobListSchema>
