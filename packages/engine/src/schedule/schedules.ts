/** Schedules of all tenants of one host: what HTTP, the CLI and an embedder use. Every answer waits behind the tenant's gate. */
import { isTenaxError, type TenantId, TenaxError } from '@tenax/kernel'
import type { SqliteFile } from '@tenax/sqlite'
import { parseInput } from '@tenax/workflow'
import { decodeJson } from '@tenax/workflow/core'
import { newRun } from '../child-plan.ts'
import { SCHEDULES_MAX } from '../limits.ts'
import type { EngineParts } from '../parts.ts'
import type { RunRecord } from '../port.ts'
import { meetSingleton } from '../store/acceptance.ts'
import type { Effects } from '../store/announcement.ts'
import { readRecord } from '../store/records.ts'
import { hasTables, insertRun } from '../store/runs.ts'
import {
  countSchedules,
  deleteSchedule,
  findSchedule,
  heldSchedules,
  listSchedules,
  putSchedule,
  type ScheduleRow,
  type ScheduleSaid,
  writeFired,
  writeLastRun,
  writeNext,
  writePaused,
  writeReleased,
} from '../store/schedules.ts'
import { failureOf } from '../stored-error.ts'
import { aside } from '../stray.ts'
import { isActive, nextFiring } from './firing.ts'
import type { ScheduleDetail, ScheduleRecord, ScheduleRequest } from './port.ts'
import { checkScheduleId, readSchedule } from './request.ts'

/** What the engine lends for it: both wait at the tenant's gate. */
export interface ScheduleAccess {
  read<T>(tenant: TenantId, body: (file: SqliteFile) => T): Promise<T>
  commit<T>(tenant: TenantId, body: (file: SqliteFile, effects: Effects) => T): Promise<T>
}

/** What `put` answers. */
export interface PutSchedule {
  readonly schedule: ScheduleDetail
  /** False when there was one of this id. */
  readonly isNew: boolean
}

/** Runs that start by the clock (WORKFLOWS 31). */
export class Schedules {
  readonly #parts: EngineParts
  readonly #access: ScheduleAccess

  constructor(parts: EngineParts, access: ScheduleAccess) {
    this.#parts = parts
    this.#access = access
  }

  /**
   * Makes the schedule `id`, or changes the one that is there to what is said now. Safe to repeat: with the same times it keeps
   * its next firing, and a pause stays.
   *
   * @throws TenaxError `workflow_unknown`, `input_invalid`, `payload_too_large`, `cron_invalid`, `cron_never_fires`,
   * `time_zone_unknown`, `schedules_too_many`, `argument_invalid`
   */
  async put(tenant: TenantId, id: string, request: ScheduleRequest): Promise<PutSchedule> {
    checkScheduleId(id)
    const said = readSchedule(request)
    const { clock, registry } = this.#parts
    const workflow = registry.require(said.workflow)
    await aside(() => parseInput(workflow, decodeJson(said.inputJson)))
    refuseNeverFiring(tenant, id, said, clock.nowMs())
    return this.#access.commit(tenant, (file, effects) => {
      const before = findSchedule(file, id)
      if (before === undefined) refuseTooMany(file)
      const keepsTimes = before !== undefined && haveSameTimes(before, said)
      const anchorAtMs = keepsTimes ? before.anchorAtMs : effects.nowMs
      if (before === undefined || !isSame(before, said)) {
        putSchedule(file, id, said, { anchorAtMs, nowMs: effects.nowMs })
        if (!keepsTimes) plan(file, tenant, required(findSchedule(file, id), id), effects)
      }
      return { schedule: detailOf(required(findSchedule(file, id), id)), isNew: before === undefined }
    })
  }

  /** Throws TenaxError `schedule_not_found`. */
  get(tenant: TenantId, id: string): Promise<ScheduleDetail> {
    return this.#access.read(tenant, (file) => detailOf(found(file, id)))
  }

  /** All of the tenant, by their ids. There are at most 1,000. */
  list(tenant: TenantId): Promise<readonly ScheduleRecord[]> {
    return this.#access.read(tenant, (file) =>
      hasTables(file) ? listSchedules(file, SCHEDULES_MAX).map(recordOf) : [],
    )
  }

  /** Its runs stay, and go on. Throws TenaxError `schedule_not_found`. */
  async delete(tenant: TenantId, id: string): Promise<void> {
    await this.#access.read(tenant, (file) => found(file, id))
    await this.#access.commit(tenant, (file) => {
      if (!deleteSchedule(file, id)) throw notFound(id)
    })
  }

  /** Nothing is started by its time until {@link resume}. Safe to repeat. Throws TenaxError `schedule_not_found`. */
  pause(tenant: TenantId, id: string): Promise<ScheduleRecord> {
    return this.#change(tenant, id, (file, row, { nowMs }) => {
      if (row.pausedAtMs === undefined) writePaused(file, id, nowMs, nowMs)
    })
  }

  /** It goes on with the next of its times; those of the pause are let go. Throws TenaxError `schedule_not_found`. */
  resume(tenant: TenantId, id: string): Promise<ScheduleRecord> {
    return this.#change(tenant, id, (file, row, effects) => {
      if (row.pausedAtMs === undefined) return
      writePaused(file, id, undefined, effects.nowMs)
      plan(file, tenant, { ...row, pausedAtMs: undefined }, effects)
    })
  }

  /**
   * Starts a run of it now; its times stay. A paused schedule can be triggered too.
   *
   * @throws TenaxError `schedule_not_found`; `schedule_busy` when its last run has not ended and it does not allow overlap;
   * `workflow_unknown`, `input_invalid`, `limit_key_invalid`, `singleton_conflict`
   */
  async trigger(tenant: TenantId, id: string): Promise<RunRecord> {
    const { inputJson, workflow, version } = await this.#access.read(tenant, (file) => found(file, id))
    const about = { workflow: this.#parts.registry.require(workflow), id: `${id}:now:${this.#parts.randomId()}` }
    const run = await newRun(this.#parts, about, decodeJson(inputJson))
    return this.#access.commit(tenant, (file, effects) => {
      const row = found(file, id)
      if (row.version !== version) throw busy(id, 'was changed meanwhile', 'ask again')
      if (row.overlap === 'skip' && isActive(file, row.lastRun)) {
        throw busy(id, `has a run that has not ended: "${row.lastRun}"`, 'wait for it, or let the schedule overlap')
      }
      meetSingleton(file, run, effects)
      const record = readRecord(file, insertRun(file, run, effects))
      writeLastRun(file, id, run.id)
      return required(record, run.id)
    })
  }

  /** Lets schedules go on that an import holds, with the next of their times. Gives how many. */
  async release(tenant: TenantId): Promise<number> {
    const isHeld = (file: SqliteFile) => hasTables(file) && heldSchedules(file).length > 0
    if (!(await this.#access.read(tenant, isHeld))) return 0
    return this.#access.commit(tenant, (file, effects) => {
      const held = heldSchedules(file)
      for (const row of held) {
        writeReleased(file, row.id)
        planOrStop(file, tenant, { ...row, blockedReason: undefined }, effects)
      }
      return held.length
    })
  }

  async #change(
    tenant: TenantId,
    id: string,
    change: (file: SqliteFile, row: ScheduleRow, effects: Effects) => void,
  ): Promise<ScheduleRecord> {
    await this.#access.read(tenant, (file) => found(file, id))
    return this.#access.commit(tenant, (file, effects) => {
      change(file, found(file, id), effects)
      return recordOf(found(file, id))
    })
  }
}

/** Says when a schedule fires next, counted from now: what was due before is let go. */
function plan(file: SqliteFile, tenant: TenantId, row: ScheduleRow, effects: Effects): void {
  const rests = row.pausedAtMs !== undefined || row.blockedReason !== undefined
  const next = rests ? undefined : nextFiring(tenant, row, effects.nowMs)
  writeNext(file, row.id, next)
  if (next !== undefined) effects.times.push(next.dueAtMs)
}

/** As {@link plan}. One whose times are not known here stays where it is, and says why: it holds up nobody else. */
function planOrStop(file: SqliteFile, tenant: TenantId, row: ScheduleRow, effects: Effects): void {
  try {
    plan(file, tenant, row, effects)
  } catch (error) {
    if (!isTenaxError(error)) throw error
    const nothing = { lastAtMs: undefined, lastRun: undefined, skippedAtMs: undefined, missedAtMs: undefined }
    writeFired(file, row.id, { ...nothing, error: failureOf(error, 1).error })
  }
}

function refuseNeverFiring(tenant: TenantId, id: string, said: ScheduleSaid, nowMs: number): void {
  if (nextFiring(tenant, { ...said, id, anchorAtMs: nowMs }, nowMs) !== undefined) return
  throw new TenaxError('cron_never_fires', `there is no time that "${said.cron}" means`, {
    hint: 'look at its day and its month: the 30th of February never comes',
  })
}

function refuseTooMany(file: SqliteFile): void {
  if (countSchedules(file) < SCHEDULES_MAX) return
  throw new TenaxError('schedules_too_many', `a tenant has at most ${SCHEDULES_MAX} schedules`, {
    hint: 'delete one, or let one schedule start a run that does for several',
  })
}

function haveSameTimes(row: ScheduleRow, said: ScheduleSaid): boolean {
  const { cron, timeZone, everyMs, spreadMs } = said
  return row.cron === cron && row.timeZone === timeZone && row.everyMs === everyMs && row.spreadMs === spreadMs
}

function isSame(row: ScheduleRow, said: ScheduleSaid): boolean {
  const { workflow, inputJson, overlap, catchUp } = said
  const isSaid = row.workflow === workflow && row.inputJson === inputJson
  return isSaid && row.overlap === overlap && row.catchUp === catchUp && haveSameTimes(row, said)
}

function recordOf({ inputJson, anchorAtMs, version, ...record }: ScheduleRow): ScheduleRecord {
  return record
}

function detailOf(row: ScheduleRow): ScheduleDetail {
  return { ...recordOf(row), input: decodeJson(row.inputJson) as ScheduleDetail['input'] }
}

function found(file: SqliteFile, id: string): ScheduleRow {
  return required(hasTables(file) ? findSchedule(file, id) : undefined, id)
}

function required<T>(value: T | undefined, id: string): T {
  if (value === undefined) throw notFound(id)
  return value
}

function notFound(id: string): TenaxError {
  return new TenaxError('schedule_not_found', `the tenant has no schedule "${id}"`)
}

function busy(id: string, why: string, hint: string): TenaxError {
  return new TenaxError('schedule_busy', `the schedule "${id}" ${why}`, { hint })
}
