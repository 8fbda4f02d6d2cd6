/** A tenant's schedules, spoken to in-process. */
import type { PutSchedule, RunRecord, ScheduleDetail, ScheduleRecord, ScheduleRequest, Workflows } from '@tenax/engine'
import type { TenantId } from '@tenax/kernel'
import { type Duration, parseDuration, type WorkflowRef } from '@tenax/workflow'
import type { WhileServing } from './embedded-runs.ts'

/** What {@link EmbeddedSchedules.put} says about a schedule: `cron` or `every`, one of them. */
export interface ScheduleOptions<I> extends Omit<ScheduleRequest, 'workflow' | 'input' | 'everyMs' | 'spreadMs'> {
  /** What each of its runs gets. */
  readonly input?: I
  /** At least `'1s'`. */
  readonly every?: Duration
  /** A firing is later by the schedule's own share of so much. */
  readonly spread?: Duration
}

/** The schedules of one tenant. Answers wait until they have the tenant's class. */
export interface EmbeddedSchedules {
  /**
   * Makes the schedule `id`, or changes the one that is there. Safe to repeat.
   *
   * @throws TenaxError `workflow_unknown`, `input_invalid`, `cron_invalid`, `cron_never_fires`, `time_zone_unknown`,
   * `schedules_too_many`, `argument_invalid`
   */
  put<I, O>(id: string, workflow: WorkflowRef<I, O> | string, options: ScheduleOptions<I>): Promise<PutSchedule>
  /** All of the tenant, by their ids. */
  list(): Promise<readonly ScheduleRecord[]>
  /** Throws TenaxError `schedule_not_found`, as all below. */
  get(id: string): Promise<ScheduleDetail>
  delete(id: string): Promise<void>
  pause(id: string): Promise<ScheduleRecord>
  resume(id: string): Promise<ScheduleRecord>
  /** Starts a run of it now. Throws TenaxError `schedule_busy`. */
  trigger(id: string): Promise<RunRecord>
}

/** The schedules of the tenant `id`. */
export function embeddedSchedules(
  { schedules }: Workflows,
  tenant: TenantId,
  whileServing: WhileServing,
): EmbeddedSchedules {
  return {
    put: (id, workflow, { every, spread, ...said }) =>
      whileServing(async () =>
        schedules.put(tenant, id, {
          ...said,
          workflow: typeof workflow === 'string' ? workflow : workflow.name,
          ...(every === undefined ? {} : { everyMs: parseDuration(every) }),
          ...(spread === undefined ? {} : { spreadMs: parseDuration(spread) }),
        }),
      ),
    list: () => whileServing(() => schedules.list(tenant)),
    get: (id) => whileServing(() => schedules.get(tenant, id)),
    delete: (id) => whileServing(() => schedules.delete(tenant, id)),
    pause: (id) => whileServing(() => schedules.pause(tenant, id)),
    resume: (id) => whileServing(() => schedules.resume(tenant, id)),
    trigger: (id) => whileServing(() => schedules.trigger(tenant, id)),
  }
}
