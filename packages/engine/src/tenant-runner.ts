/**
 * The runs of one tenant that are in memory. It is there while the tenant has something to do, and for a moment after.
 *
 * Invariants:
 *  1. Before the first commit of a busy period the tenant's wake hint is 0, in the ledger ahead of it (WORKFLOWS 18). It
 *     becomes the next due time when the runner goes, which it does in the same moment.
 *  2. All commits of the engine to the tenant go through its one queue, so what a commit settles is told in order.
 *  3. When a commit fails, every life in memory is discarded, and claimed again from the record (WORKFLOWS 10).
 */
import { type Incarnation, isTenaxError, type TenantId } from '@tenax/kernel'
import type { SqliteFile } from '@tenax/sqlite'
import { CommitQueue, isBusy } from './commit-queue.ts'
import { BLOCKED_LOOK_MS, CLAIM_COUNT_MIN, LINGER_MS, RUNS_ACTIVE_MAX, STALL_FIRST_MS, STALL_MS_MAX } from './limits.ts'
import { type Committed, type EngineParts, type Recorder, TenantReplaced } from './parts.ts'
import type { AnyWorkflow } from './port.ts'
import { type Beginning, type LifeEnd, RunLife } from './run-life.ts'
import type { Effects } from './store/announcement.ts'
import { type Backlog, dueRuns, hasClaims, readBacklog, readyRuns, releaseClaims } from './store/claims.ts'
import {
  blockedCodes,
  findStarted,
  hasBlocked,
  hasTables,
  insertRun,
  makeTables,
  type NewRun,
  type RunRow,
  readRun,
  unblockRuns,
  writeBlocked,
} from './store/runs.ts'
import { type RecordedSteps, readSteps } from './store/steps.ts'

/** What `start` came to. */
export interface StartedRun {
  readonly number: number
  readonly isNew: boolean
  readonly leave: () => Promise<void>
}

type Claimed = { readonly row: RunRow; readonly steps: RecordedSteps }

/** The engine of one tenant. */
export class TenantRunner implements Recorder {
  readonly tenant: TenantId
  readonly #parts: EngineParts
  readonly #queue: CommitQueue<Backlog>
  readonly #lives = new Map<number, RunLife>()
  /** Runs whose first commit is under way. */
  readonly #newborn = new Set<RunLife>()
  /** Undefined until the record was looked at: then nobody knows when the tenant is to be woken. */
  #backlog: Backlog | undefined
  #incarnation: Incarnation | undefined
  #hasBlocked = false
  #isHinted = false
  #isRecovered = false
  #isClaiming = false
  #claimsAgain = false
  #busyAtMs: number
  #stallMs = 0
  #stalledUntilMs: number | undefined
  #isGone = false
  #isDraining = false

  constructor(parts: EngineParts, tenant: TenantId) {
    this.#parts = parts
    this.tenant = tenant
    this.#busyAtMs = parts.clock.nowMs()
    this.#queue = new CommitQueue<Backlog>(parts, {
      tenant,
      beforeCommit: () => this.#hint(),
      open: (file, incarnation) => this.#open(file, incarnation),
      close: readBacklog,
      committed: (backlog, effects, committed) => this.#committed(backlog, effects, committed),
      failed: (error) => this.#fail(error),
    })
  }

  submit<T>(body: (file: SqliteFile, effects: Effects) => T, heard?: (value: T) => void): Promise<Committed<T>> {
    return this.#queue.submit(body, heard)
  }

  durable(): Promise<void> {
    return this.#parts.tenancy.use(this.tenant, (handle) => handle.settled())
  }

  touch(): void {
    const atMs = this.nextLookMs
    if (atMs !== undefined) this.#parts.plan(atMs)
  }

  /** Accepts a run. With a place free, its first turn goes into the commit that accepts it. */
  async start(run: NewRun, workflow: AnyWorkflow): Promise<StartedRun> {
    const isDue = run.startAtMs <= this.#parts.clock.nowMs()
    if (isDue && this.#free > 0 && this.#stalledUntilMs === undefined && this.#backlog?.hasReady !== true) {
      const life = this.#begin({ type: 'new', run }, workflow)
      const { record, leave } = await life.first
      return { number: record.number, isNew: record.type === 'recorded', leave }
    }
    const { value, leave } = await this.submit((file, { nowMs }) => {
      const existing = findStarted(file, run)
      return { number: existing ?? insertRun(file, run, { nowMs }), isNew: existing === undefined }
    })
    return { ...value, leave }
  }

  /** What is in the record is looked at: after a start of the host, when a time has come, when a place came free. */
  wake(): void {
    this.#stalledUntilMs = undefined
    void this.#claim()
  }

  /** Sees to what is due. True when the runner has nothing more to do and may go. */
  look(nowMs: number): boolean {
    for (const life of this.#lives.values()) life.tick(nowMs)
    if (this.#stalledUntilMs !== undefined && !this.#isDraining) {
      if (nowMs >= this.#stalledUntilMs) this.wake()
      return false
    }
    if (this.#backlog === undefined || this.#isDue(nowMs)) void this.#claim()
    return this.#mayGo(nowMs)
  }

  /** When it wants to be looked at next. */
  get nextLookMs(): number | undefined {
    if (this.#stalledUntilMs !== undefined) return this.#stalledUntilMs
    if (this.#isDraining && this.#isAtRest) return 0
    const times = [...this.#lives.values()].map(({ nextLookMs }) => nextLookMs)
    if (this.#free > 0) times.push(this.#backlog?.nextDueMs)
    if (this.#lives.size === 0) times.push(this.#busyAtMs + LINGER_MS)
    const known = times.filter((atMs) => atMs !== undefined)
    return known.length === 0 ? undefined : Math.min(...known)
  }

  /** Takes no further runs into memory: it is to go when those that are there have come to rest. */
  drain(): void {
    this.#isDraining = true
    this.touch()
  }

  /** Leaves the tenant to its hint. Gives when that is. */
  retire(): number | undefined {
    this.#isGone = true
    // With runs that are ready, or a record that was never looked at, the hint stays as it is: at 0, or earlier than need be.
    if (this.#backlog === undefined || this.#backlog.hasReady) return 0
    const { nextDueMs } = this.#backlog
    const lookMs = this.#hasBlocked ? this.#parts.clock.nowMs() + BLOCKED_LOOK_MS : undefined
    const wakeAtMs = nextDueMs === undefined ? lookMs : Math.min(nextDueMs, lookMs ?? nextDueMs)
    // Without it the hint stays at 0, which is early and harmless.
    this.#parts.tenancy.setWake(this.tenant, wakeAtMs).catch(() => undefined)
    return wakeAtMs
  }

  /** Starts nothing more and forgets. Resolves when no commit is under way. */
  async close(): Promise<void> {
    this.#discardAll()
    while (!this.#queue.isIdle) await new Promise((resolve) => setImmediate(resolve))
  }

  get #free(): number {
    return this.#isDraining ? 0 : RUNS_ACTIVE_MAX - this.#lives.size - this.#newborn.size
  }

  get #isAtRest(): boolean {
    return this.#lives.size + this.#newborn.size === 0 && this.#queue.isIdle && !this.#isClaiming
  }

  #isDue(nowMs: number): boolean {
    const nextDueMs = this.#backlog?.nextDueMs
    return nextDueMs !== undefined && nextDueMs <= nowMs
  }

  #mayGo(nowMs: number): boolean {
    if (!this.#isAtRest) return false
    if (this.#isDraining) return true
    if (this.#backlog === undefined || this.#backlog.hasReady || nowMs < this.#busyAtMs + LINGER_MS) return false
    return !this.#isDue(nowMs + LINGER_MS)
  }

  #hint(): void {
    this.#busyAtMs = this.#parts.clock.nowMs()
    if (this.#isHinted) return
    this.#isHinted = true
    // It is in the ledger when this returns; a host whose ledger fails ends, and so does whoever waits for that commit.
    this.#parts.tenancy.setWake(this.tenant, 0).catch(() => {
      this.#isHinted = false
    })
  }

  /** What is in memory belongs to one incarnation: recorded in another, it would change runs that are not its own. */
  #belongTo(incarnation: Incarnation): void {
    this.#incarnation ??= incarnation
    if (incarnation !== this.#incarnation) throw new TenantReplaced()
  }

  #open(file: SqliteFile, incarnation: Incarnation): void {
    this.#belongTo(incarnation)
    if (this.#isRecovered) return
    makeTables(file)
    releaseClaims(file)
    for (const code of blockedCodes(file)) {
      if (this.#parts.registry.codeHash(code.workflow) !== code.codeHash) unblockRuns(file, code)
    }
    this.#hasBlocked = hasBlocked(file)
  }

  #committed(backlog: Backlog, effects: Effects, { leave }: Omit<Committed<void>, 'value'>): void {
    this.#isRecovered = true
    this.#stallMs = 0
    this.#backlog = backlog
    for (const announcement of effects.announcements) this.#lives.get(announcement.run)?.arrive(announcement)
    for (const notice of effects.notices) {
      const life = this.#lives.get(notice.run)
      if (notice.type === 'cancel_requested') life?.cancel()
      else if (notice.type === 'blocked') this.#blocked(notice.id, notice.reason)
      else {
        life?.discard()
        this.#parts.runEnded(this.tenant, notice.run, leave)
      }
    }
    if (this.#mayClaim) void this.#claim()
    this.touch()
  }

  #blocked(run: string, reason: string): void {
    this.#hasBlocked = true
    this.#parts.onEvent({ type: 'run_blocked', tenant: this.tenant, run, reason })
  }

  get #mayClaim(): boolean {
    if (this.#backlog?.hasReady !== true && !this.#isDue(this.#parts.clock.nowMs())) return false
    return this.#free >= CLAIM_COUNT_MIN || this.#lives.size === 0
  }

  /** Takes runs from the queue into memory, as many as there are places. */
  async #claim(): Promise<void> {
    this.#claimsAgain = this.#isClaiming
    if (this.#isClaiming) return
    this.#isClaiming = true
    try {
      do {
        this.#claimsAgain = false
        if (this.#free <= 0 || this.#isStopping) break
        const nowMs = this.#parts.clock.nowMs()
        const found = await this.#parts.tenancy.use(this.tenant, (handle) =>
          handle.read((file) => {
            this.#belongTo(handle.record.incarnation)
            return this.#readClaims(file, nowMs)
          }),
        )
        for (const claimed of found) if (!this.#isStopping) this.#beginRecorded(claimed)
      } while (this.#claimsAgain)
    } catch (error) {
      if (isBusy(error)) this.#putOff()
      else this.#fail(error)
    } finally {
      this.#isClaiming = false
    }
  }

  get #isStopping(): boolean {
    return this.#parts.isClosing() || this.#isGone
  }

  #readClaims(file: SqliteFile, nowMs: number): Claimed[] {
    if (!hasTables(file)) {
      this.#backlog ??= { hasReady: false, nextDueMs: undefined }
      return []
    }
    if (!this.#isRecovered && needsRecovery(file, (workflow) => this.#parts.registry.codeHash(workflow))) {
      this.submit(() => undefined).catch(() => undefined) // heard by `failed`; what it finds is claimed behind it
      return []
    }
    this.#isRecovered = true
    const limit = this.#free + this.#lives.size
    const numbers = new Set([...readyRuns(file, limit), ...dueRuns(file, nowMs, limit)])
    const claimed: Claimed[] = []
    for (const number of numbers) {
      if (claimed.length >= this.#free) break
      if (this.#lives.has(number)) continue
      const row = readRun(file, number)
      if (row !== undefined) claimed.push({ row, steps: readSteps(file, number) })
    }
    this.#hasBlocked ||= hasBlocked(file)
    const backlog = readBacklog(file)
    // Where there was a place and nothing came of it, what is ready is in memory already.
    if (claimed.length === 0) this.#backlog = { ...backlog, hasReady: backlog.hasReady && this.#free <= 0 }
    else this.#backlog ??= backlog
    return claimed
  }

  #beginRecorded({ row, steps }: Claimed): void {
    if (this.#lives.has(row.number)) return
    const workflow = this.#parts.registry.find(row.workflow)
    if (workflow !== undefined) {
      this.#begin({ type: 'recorded', row, steps }, workflow)
      return
    }
    const reason = `workflow_unknown: no workflow "${row.workflow}" is loaded`
    this.submit((file, { notices }) => {
      writeBlocked(file, row.number, reason, '')
      notices.push({ run: row.number, type: 'blocked', id: row.id, reason })
    }).catch(() => undefined) // heard by `failed`
  }

  #begin(beginning: Beginning, workflow: AnyWorkflow): RunLife {
    const life = new RunLife({ parts: this.#parts, tenant: this.tenant, recorder: this, workflow, beginning })
    if (beginning.type === 'recorded') this.#lives.set(beginning.row.number, life)
    else {
      this.#newborn.add(life)
      // Told first, so that what the commit settles for it finds it.
      life.onNumber = (number) => {
        this.#newborn.delete(life)
        this.#lives.set(number, life)
      }
    }
    void life.live().then((end) => this.#lived(life, end))
    return life
  }

  #lived(life: RunLife, end: LifeEnd): void {
    this.#newborn.delete(life)
    const { number } = life
    if (number !== undefined && this.#lives.get(number) === life) this.#lives.delete(number)
    this.#busyAtMs = this.#parts.clock.nowMs()
    if ((end === 'stale' || end === 'discarded') && number !== undefined && this.#stalledUntilMs === undefined) {
      this.#giveBack(number)
    } else if (life.hasUnseen || this.#mayClaim) void this.#claim()
    this.touch()
  }

  /** A life that was thrown away by itself: its run is claimed again. */
  #giveBack(number: number): void {
    if (this.#isStopping) return
    this.submit((file) =>
      file
        .engine('UPDATE tenax_run SET readiness = 1 WHERE number = ? AND readiness = 2 AND ended_at_ms IS NULL')
        .get([BigInt(number)]),
    ).catch(() => undefined) // heard by `failed`
  }

  #putOff(): void {
    this.#stallMs = Math.min(Math.max(this.#stallMs * 2, STALL_FIRST_MS), STALL_MS_MAX)
    this.#stalledUntilMs = this.#parts.clock.nowMs() + this.#stallMs
    this.touch()
  }

  #fail(error: unknown): void {
    this.#isRecovered = false
    this.#backlog = undefined
    this.#putOff()
    this.#discardAll()
    this.#queue.refuse(error)
    if (this.#parts.isClosing()) return
    if (isOfTheTenant(error)) this.#isGone = true
    else this.#parts.onEvent({ type: 'tenant_stalled', tenant: this.tenant, error })
    this.touch()
  }

  /** True when the tenant was deleted, suspended or stopped: there is nobody to work for. */
  get isGone(): boolean {
    return this.#isGone
  }

  #discardAll(): void {
    for (const life of [...this.#lives.values(), ...this.#newborn]) life.discard()
    this.#lives.clear()
    this.#newborn.clear()
  }
}

/** True when a host has left claims behind, or new code is there for a run that waits for it. */
function needsRecovery(file: SqliteFile, codeHashOf: (workflow: string) => string): boolean {
  if (hasClaims(file)) return true
  return blockedCodes(file).some(({ workflow, codeHash }) => codeHashOf(workflow) !== codeHash)
}

function isOfTheTenant(error: unknown): boolean {
  if (error instanceof TenantReplaced) return true
  return isTenaxError(error) && (error.kind === 'not_found' || error.kind === 'locked')
}
