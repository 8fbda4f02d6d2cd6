/** What schedules are given and show. Times are integer milliseconds since 1970 UTC. */
import type { Json } from '@tenax/workflow'
import type { ShownError } from '../port.ts'

/** What to do when the run of the firing before has not ended. */
export const OVERLAPS = ['skip', 'allow'] as const

/** What to do when the run of the firing before has not ended. */
export type Overlap = (typeof OVERLAPS)[number]

/** What `put` takes: `cron` or `everyMs`, one of them. */
export interface ScheduleRequest {
  readonly workflow: string
  readonly input?: unknown
  /** Five fields, or a nickname such as `@daily`. */
  readonly cron?: string
  /** IANA name; `UTC` if unsaid. Only with `cron`. */
  readonly timeZone?: string
  /** Counted from the moment at which the schedule was made; at least a second. */
  readonly everyMs?: number
  /** `skip` if unsaid. */
  readonly overlap?: Overlap
  /** How many of the last missed firings are made up for: 0 to 100, 1 if unsaid. More than 1 only with overlap `allow`. */
  readonly catchUp?: number
  /** A firing is later than its nominal time by the schedule's own share of so much. 0 if unsaid. */
  readonly spreadMs?: number
}

/** A schedule as it is shown. */
export interface ScheduleRecord {
  readonly id: string
  readonly workflow: string
  readonly cron: string | undefined
  readonly timeZone: string | undefined
  readonly everyMs: number | undefined
  readonly overlap: Overlap
  readonly catchUp: number
  readonly spreadMs: number
  readonly createdAtMs: number
  readonly updatedAtMs: number
  readonly pausedAtMs: number | undefined
  /** `held` when its tenant was imported and not released. */
  readonly blockedReason: string | undefined
  /** Nominal time of the next firing. */
  readonly nextAtMs: number | undefined
  /** The moment of the next firing: the nominal time and the schedule's share of its spread. */
  readonly dueAtMs: number | undefined
  /** Nominal time that was seen to last: fired, skipped or failed. */
  readonly lastAtMs: number | undefined
  /** The run that it started last, by its time or by hand. */
  readonly lastRun: string | undefined
  /** Nominal time that was skipped last, because a run had not ended. */
  readonly skippedAtMs: number | undefined
  /** The first nominal time that the last catching up let go. */
  readonly missedAtMs: number | undefined
  /** Why the last firing started nothing; undefined when it did. */
  readonly error: ShownError | undefined
}

/** A schedule with what its runs get. */
export interface ScheduleDetail extends ScheduleRecord {
  readonly input: Json | undefined
}
