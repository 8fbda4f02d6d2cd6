/**
 * Firing a schedule: what is prepared outside a commit, because times take milliseconds to find and schemas may be
 * asynchronous, and the commit that starts the runs and moves the schedule on (WORKFLOWS 31).
 */
import { isTenaxError, type TenantId } from '@tenax/kernel'
import type { SqliteFile } from '@tenax/sqlite'
import { decodeJson, type StoredError } from '@tenax/workflow/core'
import { newRun } from '../child-plan.ts'
import type { EngineParts } from '../parts.ts'
import { shortHash } from '../registry.ts'
import { refuseSecond } from '../store/acceptance.ts'
import type { Effects } from '../store/announcement.ts'
import { findRun, insertRun, type NewRun } from '../store/runs.ts'
import { findSchedule, type NextFiring, type ScheduleRow, writeFired, writeNext } from '../store/schedules.ts'
import { failureOf } from '../stored-error.ts'
import { dueTime, type Firing, firingOf, type Spread, type Timing, timingOf } from './timing.ts'

/** A firing that is ready to be committed. */
export interface PreparedFiring {
  readonly row: ScheduleRow
  readonly firing: Firing
  readonly next: NextFiring | undefined
  /** A run for each of `firing.fires`; none when `error` says why. */
  readonly runs: readonly NewRun[]
  readonly error: StoredError | undefined
}

/** The times of a schedule, and its share of the spread. */
export function timesOf(tenant: TenantId, row: TimedRow): { readonly timing: Timing; readonly spread: Spread } {
  const { id, cron, timeZone = 'UTC', everyMs = 0, anchorAtMs, spreadMs } = row
  const fraction = Number.parseInt(shortHash(`${tenant}/${id}`).slice(0, 8), 16) / 2 ** 32
  const timing = timingOf(cron === undefined ? { everyMs, anchorMs: anchorAtMs } : { cron, timeZone })
  return { timing, spread: { spreadMs, fraction } }
}

/** What the times of a schedule are made of. */
export type TimedRow = Pick<ScheduleRow, 'id' | 'cron' | 'timeZone' | 'everyMs' | 'anchorAtMs' | 'spreadMs'>

/** The first firing whose nominal time is behind `afterMs`. */
export function nextFiring(tenant: TenantId, row: TimedRow, afterMs: number): NextFiring | undefined {
  const { timing, spread } = timesOf(tenant, row)
  return nextOf(timing, spread, timing.next(afterMs))
}

function nextOf(timing: Timing, spread: Spread, nextAtMs: number | undefined): NextFiring | undefined {
  return nextAtMs === undefined ? undefined : { nextAtMs, dueAtMs: dueTime(timing, nextAtMs, spread) }
}

/** The id of the run of a nominal time: whoever fires it, and however often, it is this one. */
export function runIdOf(schedule: string, nominalMs: number): string {
  return `${schedule}:${new Date(nominalMs).toISOString()}`
}

/** A schedule that is due. */
interface DueSchedule {
  readonly tenant: TenantId
  readonly row: ScheduleRow & { readonly nextAtMs: number }
  readonly nowMs: number
}

/** Prepares what is due of a schedule by `nowMs`. Never rejects for what the schedule says: that is an error of its row. */
export async function prepareFiring(
  parts: Pick<EngineParts, 'registry' | 'clock' | 'randomId'>,
  about: DueSchedule,
): Promise<PreparedFiring> {
  const { row } = about
  const stopped = { fires: [], missedAtMs: row.nextAtMs, nextAtMs: undefined }
  // Without times that are known here, such as after a move to a host that lacks the zone, it stops and says why.
  let found: Pick<PreparedFiring, 'firing' | 'next'> = { firing: stopped, next: undefined }
  try {
    found = findFiring(about)
    const run = await newRun(parts, { workflow: parts.registry.require(row.workflow) }, decodeJson(row.inputJson))
    const runs = found.firing.fires.map((atMs) => ({
      ...{ ...run, id: runIdOf(row.id, atMs) },
      ...{ seed: parts.randomId(), isFresh: false },
    }))
    return { row, ...found, runs, error: undefined }
  } catch (error) {
    if (!isTenaxError(error)) throw error
    return { row, ...found, runs: [], error: failureOf(error, 1).error }
  }
}

function findFiring({ tenant, row, nowMs }: DueSchedule): Pick<PreparedFiring, 'firing' | 'next'> {
  const { timing, spread } = timesOf(tenant, row)
  // Where runs may not overlap, only the last of the missed times is made up for, whatever an older row says.
  const catchUp = row.overlap === 'skip' ? Math.min(row.catchUp, 1) : row.catchUp
  const firing = firingOf(timing, spread, { nextAtMs: row.nextAtMs, catchUp }, nowMs)
  return { firing, next: nextOf(timing, spread, firing.nextAtMs) }
}

/** Starts the runs of a firing and moves its schedule on. False when the schedule was changed or fired meanwhile. */
export function commitFiring(file: SqliteFile, prepared: PreparedFiring, effects: Effects): boolean {
  const { row, firing, next, runs, error } = prepared
  const now = findSchedule(file, row.id)
  if (now?.version !== row.version || now.nextAtMs !== row.nextAtMs) return false
  let lastRun = now.lastRun
  let skippedAtMs: number | undefined
  for (const [index, run] of runs.entries()) {
    const isBeside = row.overlap === 'skip' && isActive(file, lastRun)
    const isThere = findRun(file, run.id) !== undefined
    if (isBeside || (!isThere && refuseSecond(file, run, effects) !== undefined)) skippedAtMs = firing.fires[index]
    else {
      if (!isThere) insertRun(file, run, effects)
      lastRun = run.id
    }
  }
  const { missedAtMs, fires } = firing
  writeFired(file, row.id, { lastAtMs: fires.at(-1), lastRun, skippedAtMs, missedAtMs, error })
  writeNext(file, row.id, next)
  if (next !== undefined) effects.times.push(next.dueAtMs)
  return true
}

/** True when the run that a schedule started last has not ended. */
export function isActive(file: SqliteFile, run: string | undefined): boolean {
  return run !== undefined && findRun(file, run)?.hasEnded === false
}
