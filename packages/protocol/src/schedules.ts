/** The shapes of `/t/:id/schedules`: runs that start by the clock. */
import { z } from 'zod'
import { CATCH_UP_MAX, CRON_CHARS_MAX, SCHEDULE_ID_CHARS_MAX, WORKFLOW_NAME_CHARS_MAX } from './limits.ts'
import { runErrorSchema } from './runs.ts'

const time = z.iso.datetime().meta({ description: 'UTC, ISO 8601 with milliseconds' })
const overlap = z.enum(['skip', 'allow'])

/**
 * Body of `PUT /t/:id/schedules/:schedule`: `cron` or `everyMs`, one of them. What goes together, and how long an interval may
 * be, are the engine's own rules.
 */
export const putScheduleBodySchema = z.object({
  workflow: z.string().min(1).max(WORKFLOW_NAME_CHARS_MAX),
  input: z.unknown().optional().meta({ description: 'what each of its runs gets' }),
  cron: z
    .string()
    .max(CRON_CHARS_MAX)
    .optional()
    .meta({ description: 'five fields, or a nickname such as @daily', examples: ['30 2 * * MON-FRI'] }),
  timeZone: z
    .string()
    .max(CRON_CHARS_MAX)
    .optional()
    .meta({ description: 'of `cron`; UTC if unsaid', examples: ['Europe/Berlin'] }),
  everyMs: z.int().optional().meta({ description: 'an interval in milliseconds, at least 1,000' }),
  overlap: overlap.optional().meta({ description: 'while the run before has not ended; skip if unsaid' }),
  catchUp: z.int().min(0).max(CATCH_UP_MAX).optional().meta({
    description: 'how many of the last missed firings are made up for; 1 if unsaid, more only where they may overlap',
  }),
  spreadMs: z
    .int()
    .min(0)
    .optional()
    .meta({ description: 'a firing is later by its own share of so many milliseconds; 0 if unsaid' }),
})

/** Body of `PUT /t/:id/schedules/:schedule`, as a type. */
export type PutScheduleBody = z.output<typeof putScheduleBodySchema>

/** Body of `POST /t/:id/schedules`. The id's own rules are the engine's. */
export const createScheduleBodySchema = putScheduleBodySchema.extend({
  id: z
    .string()
    .max(SCHEDULE_ID_CHARS_MAX)
    .optional()
    .meta({ pattern: '^(?!\\.\\.?$)[A-Za-z0-9_.:-]{1,100}$', description: 'made up if unsaid' }),
})

/** Body of `POST /t/:id/schedules`, as a type. */
export type CreateScheduleBody = z.output<typeof createScheduleBodySchema>

/** A schedule without what its runs get. */
export const scheduleSchema = z.object({
  id: z.string(),
  workflow: z.string(),
  cron: z.string().nullable(),
  timeZone: z.string().nullable(),
  everyMs: z.int().nullable(),
  overlap,
  catchUp: z.int(),
  spreadMs: z.int(),
  createdAt: time,
  updatedAt: time,
  pausedAt: time.nullable(),
  blockedReason: z.string().nullable().meta({ description: '`held`: its tenant was imported and not released' }),
  nextAt: time.nullable().meta({ description: 'nominal time of the next firing; null while it is paused or held' }),
  dueAt: time.nullable().meta({ description: 'the moment of the next firing: `nextAt` and its share of the spread' }),
  lastAt: time.nullable().meta({ description: 'nominal time that was seen to last: fired, skipped or failed' }),
  lastRun: z.string().nullable().meta({ description: 'the run that it started last' }),
  skippedAt: time.nullable().meta({ description: 'nominal time that was skipped last: a run had not ended' }),
  missedAt: time.nullable().meta({ description: 'the first nominal time that the last catching up let go' }),
  error: runErrorSchema.nullable().meta({ description: 'why the last firing started nothing; null when it did' }),
})

/** A schedule without what its runs get, as a type. */
export type Schedule = z.output<typeof scheduleSchema>

/** What `GET /t/:id/schedules/:schedule` answers. */
export const scheduleDetailSchema = scheduleSchema.extend({
  input: z.unknown().meta({ description: 'null when there is none' }),
})

/** What `GET /t/:id/schedules/:schedule` answers, as a type. */
export type ScheduleDetail = z.output<typeof scheduleDetailSchema>

/** What `GET /t/:id/schedules` answers: all of the tenant, by their ids. There are at most 1,000. */
export const scheduleListSchema = z.object({ schedules: z.array(scheduleSchema) })

/** What `GET /t/:id/schedules` answers, as a type. */
export type ScheduleList = z.output<typeof scheduleListSchema>

/** What `DELETE /t/:id/schedules/:schedule` answers. */
export const deletedScheduleSchema = z.object({ id: z.string() })

/** What `DELETE /t/:id/schedules/:schedule` answers, as a type. */
export type DeletedSchedule = z.output<typeof deletedScheduleSchema>
