/**
 * What a tenant has to have done at certain times, besides its runs: schedules to fire, runs to cancel whose deadline is over,
 * what is kept no longer to delete. In commits of their own, so that the tenant's own work has its turn in between.
 */
import type { TenantId } from '@tenax/kernel'
import type { SqliteFile } from '@tenax/sqlite'
import { isBusy } from './commit-queue.ts'
import { earliest } from './earliest.ts'
import { CHORE_WAIT_MS, EVENT_KEPT_MS, SCHEDULES_DUE_COUNT, UPKEEP_SLACK_MS } from './limits.ts'
import type { EngineParts, Recorder } from './parts.ts'
import { commitFiring, type PreparedFiring, prepareFiring } from './schedule/firing.ts'
import type { Effects } from './store/announcement.ts'
import { cancelOverdue, nextDeadlineMs } from './store/deadlines.ts'
import { readUpkeepMs, writeUpkeepMs } from './store/retention.ts'
import { hasTables } from './store/runs.ts'
import { dueSchedules, nextScheduleMs, type ScheduleRow } from './store/schedules.ts'
import { doUpkeep } from './upkeep.ts'

/** What the chores of a tenant are made of. */
export interface ChoresOptions {
  readonly parts: EngineParts
  readonly tenant: TenantId
  readonly recorder: Recorder
  /** Hears of a file that could not be read. */
  readonly failed: (error: unknown) => void
}

/** What is due. */
interface DueWork {
  readonly schedules: readonly ScheduleRow[]
  readonly hasOverdue: boolean
}

/** The chores of one tenant. */
export class Chores {
  readonly #options: ChoresOptions
  #nextDueMs: number | undefined
  #upkeepMs: number | undefined
  #hasLearned = false
  #isRecorded = false
  #notBeforeMs = Number.NEGATIVE_INFINITY
  #isBusy = false
  #isGone = false

  constructor(options: ChoresOptions) {
    this.#options = options
  }

  /** True while something is under way. */
  get isBusy(): boolean {
    return this.#isBusy
  }

  /** When something is due. */
  get nextDueMs(): number | undefined {
    const dueMs = this.#dueMs
    return dueMs === undefined ? undefined : Math.max(dueMs, this.#notBeforeMs)
  }

  get #dueMs(): number | undefined {
    return earliest([this.#nextDueMs, this.#upkeepMs])
  }

  /** Reads from the record when something is due. */
  learn(file: SqliteFile): void {
    this.#nextDueMs = earliest([nextScheduleMs(file), nextDeadlineMs(file)])
    if (this.#hasLearned) return
    this.#hasLearned = true
    this.#upkeepMs = earliest([this.#upkeepMs, readUpkeepMs(file)])
  }

  /**
   * First in every commit. The first one of a busy period records the earliest time from which on anything that it brings may be
   * kept no longer: what memory knows better is gone when the host is, or the runner.
   */
  open(file: SqliteFile): void {
    if (this.#isRecorded) return
    this.#isRecorded = true
    const { clock, registry } = this.#options.parts
    const earliestMs = clock.nowMs() + Math.min(registry.retentionMsMin, EVENT_KEPT_MS) + UPKEEP_SLACK_MS
    if ((readUpkeepMs(file) ?? Number.POSITIVE_INFINITY) <= earliestMs) return
    writeUpkeepMs(file, earliestMs)
    this.#upkeepMs = earliest([this.#upkeepMs, earliestMs])
  }

  /** A commit failed: what was to be recorded with it was not. */
  forget(): void {
    this.#isRecorded = false
  }

  /** Hears of what a commit has brought: something is due at these times, and perhaps earlier. */
  hear({ nowMs, times, upkeepTimes, notices }: Effects): void {
    if (times.length > 0) this.#nextDueMs = earliest([this.#nextDueMs, ...times])
    if (upkeepTimes.length > 0) this.#upkeepMs = earliest([this.#upkeepMs, ...upkeepTimes])
    if (!notices.some(({ type }) => type === 'ended')) return
    const { retentionMsMin } = this.#options.parts.registry
    this.#upkeepMs = earliest([this.#upkeepMs, nowMs + retentionMsMin + UPKEEP_SLACK_MS])
  }

  /** Does what is due by `nowMs`, unless that is under way. */
  look(nowMs: number): void {
    const { nextDueMs } = this
    if (this.#isBusy || nextDueMs === undefined || nextDueMs > nowMs || this.#isStopping) return
    this.#isBusy = true
    void this.#doAll().finally(() => {
      this.#isBusy = false
      this.#options.recorder.touch()
    })
  }

  /** Begins nothing more. */
  stop(): void {
    this.#isGone = true
  }

  get #isStopping(): boolean {
    return this.#isGone || this.#options.parts.isClosing()
  }

  async #doAll(): Promise<void> {
    const { clock } = this.#options.parts
    try {
      for (let nowMs = clock.nowMs(); !this.#isStopping && (this.#dueMs ?? nowMs + 1) <= nowMs; nowMs = clock.nowMs()) {
        const { schedules, hasOverdue } = await this.#read((file) => this.#find(file, nowMs))
        if (hasOverdue) await this.#options.recorder.submit(cancelOverdue)
        await Promise.all(schedules.map((row) => this.#fire(row, nowMs)))
        if (this.#upkeepMs !== undefined && this.#upkeepMs <= nowMs) await this.#doUpkeep(nowMs, this.#upkeepMs)
      }
    } catch {
      // Who was asked for the commit has been told, and sees to the tenant. Here it is enough not to insist.
      this.#notBeforeMs = clock.nowMs() + CHORE_WAIT_MS
    }
  }

  /** When nothing is due, that is known from then on; else it is looked at again behind what is done now. */
  #find(file: SqliteFile, nowMs: number): DueWork {
    if (!hasTables(file)) {
      this.#nextDueMs = undefined
      this.#upkeepMs = undefined
      return { schedules: [], hasOverdue: false }
    }
    this.learn(file)
    const overdueMs = nextDeadlineMs(file)
    return {
      schedules: dueSchedules(file, nowMs, SCHEDULES_DUE_COUNT),
      hasOverdue: overdueMs !== undefined && overdueMs <= nowMs,
    }
  }

  async #fire(row: ScheduleRow, nowMs: number): Promise<void> {
    const { parts, tenant, recorder } = this.#options
    const { nextAtMs } = row
    if (nextAtMs === undefined) return
    const prepared = await prepareFiring(parts, { tenant, row: { ...row, nextAtMs }, nowMs })
    if (this.#isStopping) return
    const { value: hasFired } = await recorder.submit((file, effects) => commitFiring(file, prepared, effects))
    if (hasFired) this.#tell(row.id, prepared)
  }

  async #doUpkeep(nowMs: number, dueMs: number): Promise<void> {
    const { parts, recorder } = this.#options
    // What ends meanwhile is heard of meanwhile.
    this.#upkeepMs = undefined
    let nextMs: number | undefined = dueMs
    try {
      nextMs = await doUpkeep({
        ...{ registry: parts.registry, nowMs },
        read: (body) => this.#read(body),
        commit: async (body) => (await recorder.submit(body)).value,
        isStopping: () => this.#isStopping,
      })
    } finally {
      this.#upkeepMs = earliest([this.#upkeepMs, nextMs])
      this.#isRecorded = false
    }
  }

  #tell(schedule: string, { error }: PreparedFiring): void {
    if (error === undefined) return
    const { parts, tenant } = this.#options
    parts.onEvent({ type: 'schedule_failed', tenant, schedule, reason: `${error.code}: ${error.message}` })
  }

  async #read<T>(body: (file: SqliteFile) => T): Promise<T> {
    const { parts, tenant, failed } = this.#options
    try {
      return await parts.tenancy.use(tenant, (handle) => handle.read(body))
    } catch (error) {
      if (!isBusy(error)) failed(error)
      throw error
    }
  }
}
