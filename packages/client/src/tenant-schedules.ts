/** One tenant's schedules: `/t/:id/schedules`. */
import { type TenantId, TenaxError } from '@tenax/kernel'
import {
  deletedScheduleSchema,
  type Run,
  runSchema,
  type Schedule,
  type ScheduleDetail,
  scheduleDetailSchema,
  scheduleListSchema,
  scheduleSchema,
} from '@tenax/protocol'
import { type Duration, parseDuration, type WorkflowRef } from '@tenax/workflow'
import { type Connection, callJson } from './connection.ts'

/** When a schedule fires: `cron` or `every`, one of them. */
export interface ScheduleTimes {
  /** Five fields, or a nickname such as `@daily`. */
  readonly cron?: string | undefined
  /** IANA name, of `cron`. Default `UTC`. */
  readonly timeZone?: string | undefined
  /** Counted from the moment at which the schedule was made; at least `'1s'`. */
  readonly every?: Duration | undefined
}

/** What {@link TenantSchedules.put} says about a schedule. */
export interface ScheduleOptions<I> extends ScheduleTimes {
  /** What each of its runs gets. */
  readonly input?: I | undefined
  /** While the run before has not ended. Default `skip`. */
  readonly overlap?: 'skip' | 'allow' | undefined
  /** How many of the last missed firings are made up for: 0 to 100, default 1; more only with overlap `allow`. */
  readonly catchUp?: number | undefined
  /** A firing is later by the schedule's own share of so much, so that tenants with one time do not all fire at once. */
  readonly spread?: Duration | undefined
}

/**
 * The schedules of one tenant. Every method rejects with a TenaxError: `tenant_not_found`, `unauthorized`, `unavailable` when
 * no answer came, and the codes named beside it.
 */
export interface TenantSchedules {
  /**
   * Makes the schedule `id`, or changes the one that is there. Safe to repeat: with the same times it keeps its next firing.
   *
   * @throws TenaxError `workflow_unknown`, `input_invalid`, `cron_invalid`, `cron_never_fires`, `time_zone_unknown`,
   * `schedules_too_many`, `argument_invalid`
   * @example
   * await tenax.tenant('acme').schedules.put('nightly', 'report', { cron: '30 2 * * *', timeZone: 'Europe/Berlin' })
   */
  put<I, O>(id: string, workflow: WorkflowRef<I, O> | string, options: ScheduleOptions<I>): Promise<ScheduleDetail>
  /** All of the tenant, by their ids. */
  list(): Promise<readonly Schedule[]>
  /** The schedule and its next firing. Fails with `schedule_not_found`, as all below. */
  get(id: string): Promise<ScheduleDetail>
  /** Its runs stay. */
  delete(id: string): Promise<void>
  /** Nothing is started by its time until {@link resume}. */
  pause(id: string): Promise<Schedule>
  /** It goes on with the next of its times. */
  resume(id: string): Promise<Schedule>
  /** Starts a run of it now. Fails with `schedule_busy` when its last run has not ended and it does not allow overlap. */
  trigger(id: string): Promise<Run>
}

/** The schedules of the tenant `id`; nothing is sent. */
export function tenantSchedules(connection: Connection, id: TenantId): TenantSchedules {
  const path = `t/${id}/schedules`
  const pathOf = (schedule: string) => `${path}/${pathPart(schedule)}`
  return {
    async put(schedule, workflow, { every, spread, ...said }) {
      const name = typeof workflow === 'string' ? workflow : workflow.name
      const json = { ...said, workflow: name, everyMs: msOf(every), spreadMs: msOf(spread) }
      return callJson(connection, { method: 'PUT', path: pathOf(schedule), json }, scheduleDetailSchema)
    },
    list: async () => (await callJson(connection, { method: 'GET', path }, scheduleListSchema)).schedules,
    get: async (schedule) => callJson(connection, { method: 'GET', path: pathOf(schedule) }, scheduleDetailSchema),
    async delete(schedule) {
      await callJson(connection, { method: 'DELETE', path: pathOf(schedule) }, deletedScheduleSchema)
    },
    pause: async (schedule) =>
      callJson(connection, { method: 'POST', path: `${pathOf(schedule)}/pause` }, scheduleSchema),
    resume: async (schedule) =>
      callJson(connection, { method: 'POST', path: `${pathOf(schedule)}/resume` }, scheduleSchema),
    trigger: async (schedule) =>
      callJson(connection, { method: 'POST', path: `${pathOf(schedule)}/trigger` }, runSchema),
  }
}

function msOf(duration: Duration | undefined): number | undefined {
  return duration === undefined ? undefined : parseDuration(duration)
}

/** A schedule's id as a part of a URL. Throws TenaxError `argument_invalid` for what a URL would swallow. */
function pathPart(schedule: string): string {
  if (/^\.{0,2}$/.test(schedule)) throw new TenaxError('argument_invalid', 'not the id of a schedule')
  return encodeURIComponent(schedule)
}
