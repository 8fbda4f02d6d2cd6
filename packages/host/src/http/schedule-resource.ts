/** Schedules as the contract shows them. */
import type { ScheduleDetail as EngineSchedule, ScheduleRecord } from '@tenax/engine'
import type { Schedule, ScheduleDetail } from '@tenax/protocol'

/** A schedule in a list. */
export function scheduleResource(schedule: ScheduleRecord): Schedule {
  const { id, workflow, cron, timeZone, everyMs, overlap, catchUp, spreadMs, blockedReason, lastRun, error } = schedule
  return {
    ...{ id, workflow, cron: cron ?? null, timeZone: timeZone ?? null, everyMs: everyMs ?? null },
    ...{ overlap, catchUp, spreadMs },
    createdAt: new Date(schedule.createdAtMs).toISOString(),
    updatedAt: new Date(schedule.updatedAtMs).toISOString(),
    pausedAt: timeOrNull(schedule.pausedAtMs),
    blockedReason: blockedReason ?? null,
    nextAt: timeOrNull(schedule.nextAtMs),
    dueAt: timeOrNull(schedule.dueAtMs),
    lastAt: timeOrNull(schedule.lastAtMs),
    lastRun: lastRun ?? null,
    skippedAt: timeOrNull(schedule.skippedAtMs),
    missedAt: timeOrNull(schedule.missedAtMs),
    error: error ?? null,
  }
}

/** A schedule with what its runs get. */
export function scheduleDetailResource(schedule: EngineSchedule): ScheduleDetail {
  return { ...scheduleResource(schedule), input: schedule.input ?? null }
}

function timeOrNull(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString()
}
