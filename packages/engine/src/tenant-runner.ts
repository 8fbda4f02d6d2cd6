/**
 * The runs of one tenant that are in memory. It is there while the tenant has something to do, and for a moment after.
 *
 * Invariants:
 *  1. Before the first commit of a busy period the tenant's wake hint is 0, in the ledger ahead of it (WORKFLOWS 18). It
 *     becomes the next due time when the runner goes, which it does in the same moment.
 *  2. All commits of the engine to the tenant go through its one queue, so what a commit settles is told in order.
 *  3. When a commit fails, every life in memory is discarded, and claimed again from the record (WORKFLOWS 10).
 */
import type { Lineage, TenantId } from '@tenax/kernel'
import type { SqliteFile } from '@tenax/sqlite'
import type { Beginning } from './beginning.ts'
import { Chores } from './chores.ts'
import { type ClaimedRun, needsRecovery, readClaimed } from './claimed-runs.ts'
import { CommitQueue, isBusy } from './commit-queue.ts'
import { earliest } from './earliest.ts'
import { CLAIM_COUNT_MAX, CLAIM_COUNT_MIN, LINGER_MS, RUNS_ACTIVE_MAX } from './limits.ts'
import { Lives } from './lives.ts'
import type { AboutJob, Committed, EngineParts, Recorder, StartedRun } from './parts.ts'
import { isOfTheTenant, TenantReplaced } from './parts.ts'
import type { AnyWorkflow } from './port.ts'
import { leaveMs, mayLeave, type Repose } from './repose.ts'
import { type RunFault, RunFaults } from './run-faults.ts'
import { type LifeEnd, RunLife } from './run-life.ts'
import { SlotKeeper } from './slot-keeper.ts'
import { Stall } from './stall.ts'
import { acceptRun } from './store/acceptance.ts'
import type { Effects } from './store/announcement.ts'
import { type Backlog, readBacklog, releaseClaim, releaseClaims } from './store/claims.ts'
import { blockedCodes, hasBlocked, hasTables, makeTables, type NewRun, unblockRuns } from './store/runs.ts'
import { queueDueRuns } from './store/slots.ts'
import { acceptedOf } from './store/turn-record.ts'
import { Suspects } from './suspects.ts'
import { WakeHint } from './wake-hint.ts'

/** The engine of one tenant. */
export class TenantRunner implements Recorder {
  readonly tenant: TenantId
  readonly #parts: EngineParts
  readonly #queue: CommitQueue<Backlog>
  readonly #suspects: Suspects
  readonly #lives = new Lives()
  readonly #slots: SlotKeeper
  readonly #chores: Chores
  /** Undefined until the record was looked at: then nobody knows when the tenant is to be woken. */
  #backlog: Backlog | undefined
  #lineage: Lineage | undefined
  #hasBlocked = false
  readonly #wakeHint: WakeHint
  #isRecovered = false
  #isClaiming = false
  #claimsAgain = false
  #busyAtMs: number
  readonly #stall: Stall
  readonly #faults = new RunFaults()
  #lingerMs = LINGER_MS
  #isGone = false
  #isDraining = false

  constructor(parts: EngineParts, tenant: TenantId) {
    this.#parts = parts
    this.tenant = tenant
    this.#slots = new SlotKeeper(parts)
    this.#busyAtMs = parts.clock.nowMs()
    this.#stall = new Stall(parts.clock)
    this.#wakeHint = new WakeHint(parts.tenancy, tenant)
    this.#suspects = new Suspects(parts, tenant, this)
    this.#chores = new Chores({ parts, tenant, recorder: this, failed: (error) => this.#fail(error) })
    this.#queue = new CommitQueue<Backlog>(parts, {
      tenant,
      isCrowded: () => this.#lives.count > 1,
      beforeCommit: () => {
        this.#busyAtMs = parts.clock.nowMs()
        this.#wakeHint.wakeNow()
      },
      open: (file, lineage, effects) => this.#open(file, lineage, effects),
      close: (file, keepsBacklog) => this.#close(file, keepsBacklog),
      committed: (backlog, effects, committed) => this.#committed(backlog, effects, committed),
      idle: () => this.touch(),
      failed: (error) => this.#fail(error),
    })
  }

  submit<T>(body: (file: SqliteFile, effects: Effects) => T, about?: AboutJob<T>): Promise<Committed<T>> {
    return this.#queue.submit(body, about)
  }

  post(body: (file: SqliteFile, effects: Effects) => void): void {
    this.#queue.post(body)
  }

  durable(): Promise<void> {
    return this.#parts.tenancy.use(this.tenant, (handle) => handle.settled())
  }

  touch(): void {
    const atMs = this.nextLookMs
    if (atMs !== undefined) this.#parts.plan(this.tenant, atMs)
  }

  /** Accepts a run. With a place free, its first turn goes into the commit that accepts it. */
  async start(run: NewRun, workflow: AnyWorkflow): Promise<StartedRun> {
    const isDue = run.startAtMs <= this.#parts.clock.nowMs() && run.limits?.concurrency === undefined
    if (isDue && this.#free > 0 && !this.#stall.isOn && this.#backlog?.hasReady !== true) {
      const life = this.#begin({ type: 'new', run }, workflow)
      const { record, leave } = await life.first
      return { ...acceptedOf(record), leave }
    }
    const { value, leave } = await this.submit((file, effects) => acceptRun(file, run, effects), { takesFaults: true })
    return { ...value, leave }
  }

  /** What is in the record is looked at: after a start of the host, when a time has come, when a place came free. */
  wake(): void {
    this.#stall.end()
    void this.#claim()
  }

  /** Sees to what is due. True when the runner has nothing more to do and may go. */
  look(nowMs: number): boolean {
    for (const life of this.#lives.values()) life.tick(nowMs)
    const { untilMs } = this.#stall
    if (untilMs !== undefined && !this.#isDraining) {
      if (nowMs >= untilMs) this.wake()
      return false
    }
    const isLeftReady = this.#backlog?.hasReady === true && this.isAtRest
    if (this.#backlog === undefined || isLeftReady || this.#isDue(nowMs)) void this.#claim()
    if (!this.#isDraining) this.#chores.look(nowMs)
    return this.isAtRest && (this.#isDraining || mayLeave(this.#repose))
  }

  /**
   * When it wants to be looked at next, as things are. Whatever makes that earlier is followed by {@link touch}: a commit, the end of a
   * life, of a claim, of chores, of the queue.
   */
  get nextLookMs(): number | undefined {
    if (this.#stall.untilMs !== undefined) return this.#stall.untilMs
    if (this.#isDraining && this.isAtRest) return 0
    const times = [...this.#lives.values()].map(({ nextLookMs }) => nextLookMs)
    if (this.#free > 0 && !this.#isClaiming) times.push(this.#backlog?.nextDueMs)
    if (!this.#isDraining && !this.#chores.isBusy) times.push(this.#chores.nextDueMs)
    if (this.isAtRest) times.push(leaveMs(this.#repose))
    return earliest(times)
  }

  get #repose(): Repose {
    const nowMs = this.#parts.clock.nowMs()
    const [busyAtMs, lingerMs, choreMs] = [this.#busyAtMs, this.#lingerMs, this.#chores.nextDueMs]
    return { nowMs, busyAtMs, lingerMs, backlog: this.#backlog, choreMs }
  }

  /** Says how long it stays without work. */
  linger(ms: number): void {
    this.#lingerMs = ms
    this.touch()
  }

  /** Other code is loaded: what is in memory is claimed again, and what is blocked is tried again, as behind a restart. */
  reload(): void {
    this.#isRecovered = false
    for (const life of this.#lives.values()) life.discard()
    this.post(() => undefined)
  }

  /** Takes no further runs into memory: it is to go when those that are there have come to rest. */
  drain(): void {
    this.#isDraining = true
    this.touch()
  }

  /** Leaves the tenant to its hint. Gives when that is. */
  retire(): number | undefined {
    this.#goes()
    // With runs that are ready, or a record that was never looked at, the hint stays as it is: at 0, or earlier than need be.
    if (this.#backlog === undefined || this.#backlog.hasReady) return 0
    const lookMs = this.#hasBlocked ? this.#parts.clock.nowMs() + this.#parts.seams.blockedLookMs : undefined
    const wakeAtMs = earliest([this.#backlog.nextDueMs, this.#chores.nextDueMs, lookMs])
    this.#wakeHint.wakeAt(wakeAtMs)
    return wakeAtMs
  }

  /** Starts nothing more and forgets. Resolves when no commit is under way. */
  async close(): Promise<void> {
    this.#goes()
    this.#lives.discardAll()
    while (!this.#queue.isIdle || this.#chores.isBusy) await new Promise((resolve) => setImmediate(resolve))
  }

  get #free(): number {
    return this.#isDraining ? 0 : RUNS_ACTIVE_MAX - this.#lives.count
  }

  /** True when nothing of it is in memory, or under way. */
  get isAtRest(): boolean {
    return this.#lives.count === 0 && this.#queue.isIdle && !this.#isClaiming && !this.#chores.isBusy
  }

  #isDue(nowMs: number): boolean {
    const nextDueMs = this.#backlog?.nextDueMs
    return nextDueMs !== undefined && nextDueMs <= nowMs
  }

  /** What is in memory belongs to one history: recorded behind an import or a restore, it would change runs that are not its own. */
  #belongTo(lineage: Lineage): void {
    this.#lineage ??= lineage
    if (lineage !== this.#lineage) throw new TenantReplaced()
  }

  #open(file: SqliteFile, lineage: Lineage, effects: Effects): void {
    this.#belongTo(lineage)
    if (!this.#isRecovered) this.#recover(file, effects)
    this.#chores.open(file)
  }

  #recover(file: SqliteFile, effects: Effects): void {
    makeTables(file)
    this.#suspects.open(file, effects)
    releaseClaims(file)
    for (const code of blockedCodes(file)) if (this.#parts.registry.hasOtherCode(code)) unblockRuns(file, code)
    this.#hasBlocked = hasBlocked(file)
    if (this.#parts.only === undefined) this.#chores.learn(file)
  }

  /** The queue at the end of a commit: read, unless nothing can have changed it since it was. */
  #close(file: SqliteFile, isKept: boolean): Backlog {
    const isSame = !this.#slots.settle(file) && isKept && this.#isRecovered
    return isSame && this.#backlog !== undefined ? this.#backlog : this.#readBacklog(file, [])
  }

  /** Without those that are in memory, or come into it now, and are in the record as they were before. */
  #readBacklog(file: SqliteFile, claimed: readonly ClaimedRun[]): Backlog {
    const taken = this.#lives.takenWith(claimed.map(({ row }) => row.number))
    return readBacklog(file, { only: this.#parts.only, taken })
  }

  #committed(backlog: Backlog, effects: Effects, { leave }: Omit<Committed<void>, 'value'>): void {
    this.#isRecovered = true
    this.#parts.deaths.counted(this.tenant)
    this.#stall.forget()
    this.#backlog = backlog
    this.#chores.hear(effects)
    for (const announcement of effects.announcements) this.#lives.get(announcement.run)?.arrive(announcement)
    for (const notice of effects.notices) {
      this.#lives.tell(notice)
      if (notice.type === 'ended') this.#parts.runEnded(this.tenant, notice.run, leave)
      else if (notice.type === 'poisoned' || notice.type === 'probation') this.#hasBlocked = this.#suspects.tell(notice)
      else if (notice.type === 'blocked') {
        this.#hasBlocked = true
        this.#parts.onEvent({ type: 'run_blocked', tenant: this.tenant, run: notice.id, reason: notice.reason })
      }
    }
    if (this.#mayClaim) void this.#claim()
    this.touch()
  }

  get #mayClaim(): boolean {
    if (this.#backlog?.hasReady !== true && !this.#isDue(this.#parts.clock.nowMs())) return false
    return this.#free >= CLAIM_COUNT_MIN || this.#lives.numberedCount === 0
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
        await this.#parts.share.enter(this.tenant)
        const nowMs = this.#parts.clock.nowMs()
        const found = await this.#parts.tenancy.use(this.tenant, (handle) =>
          handle.read((file) => {
            this.#belongTo(handle.meta.lineage)
            return this.#readClaims(file, nowMs)
          }),
        )
        for (const claimed of await this.#suspects.keepClaims(found, nowMs))
          if (!this.#isStopping) this.#beginRecorded(claimed)
        this.#chores.look(nowMs)
      } while (this.#claimsAgain)
    } catch (error) {
      if (isBusy(error)) this.#putOff()
      else this.#fail(error)
    } finally {
      this.#isClaiming = false
      this.touch() // what is due next is known only now
    }
  }

  get #isStopping(): boolean {
    return this.#parts.isClosing() || this.#isGone
  }

  #readClaims(file: SqliteFile, nowMs: number): ClaimedRun[] {
    if (!hasTables(file)) {
      this.#backlog ??= { hasReady: false, nextDueMs: undefined }
      return []
    }
    const { only, registry } = this.#parts
    if (!this.#isRecovered && (only !== undefined || needsRecovery(file, registry))) {
      this.post(() => undefined) // what it finds is claimed behind it
      return []
    }
    this.#isRecovered = true
    const count = this.#parts.share.isShared ? Math.min(this.#free, CLAIM_COUNT_MAX) : this.#free
    const { claimed, slotless } = readClaimed(file, {
      ...{ nowMs, count, knownCount: this.#lives.numberedCount },
      isInMemory: (number) => this.#lives.has(number),
      only,
    })
    if (slotless.length > 0) this.post((open) => queueDueRuns(open, slotless, nowMs))
    this.#hasBlocked ||= hasBlocked(file)
    if (this.#hasBlocked) this.#suspects.remindOf(file)
    if (only === undefined) this.#chores.learn(file)
    const { nextDueMs, hasReady } = this.#readBacklog(file, claimed)
    // Where there was a place and nothing came of it, what is ready is in memory already.
    const isReadyLeft = claimed.length === 0 ? hasReady && this.#free <= 0 : (this.#backlog?.hasReady ?? hasReady)
    this.#backlog = { nextDueMs, hasReady: isReadyLeft }
    return claimed
  }

  #beginRecorded(claimed: ClaimedRun): void {
    const { row, steps } = claimed
    if (this.#lives.has(row.number) || this.#suspects.divert(claimed)) return
    const workflow = this.#parts.registry.find(row.workflow)
    if (workflow !== undefined) {
      this.#begin({ type: 'recorded', row, steps }, workflow)
      return
    }
    this.#suspects.refuseUnknown(row)
  }

  #begin(beginning: Beginning, workflow: AnyWorkflow): RunLife {
    const life = new RunLife({ parts: this.#parts, tenant: this.tenant, recorder: this, workflow, beginning })
    if (beginning.type === 'recorded') this.#lives.add(beginning.row.number, life)
    else this.#lives.addNewborn(life)
    void life.live().then((end) => this.#lived(life, end))
    return life
  }

  #lived(life: RunLife, end: LifeEnd): void {
    this.#busyAtMs = this.#parts.clock.nowMs()
    const { number, fault } = life
    const mayRecord = number !== undefined && !this.#stall.isOn && !this.#isStopping
    if (mayRecord && fault !== undefined) {
      this.#putAside(life, fault)
      return
    }
    this.#lives.remove(life)
    if (number !== undefined && (end === 'ended' || end === 'parked')) this.#faults.forget(number)
    // One that was thrown away by itself is claimed again; so is one that has left nothing in the record, which nobody else looks at.
    if (mayRecord && (end === 'stale' || end === 'discarded' || !life.hasRecorded))
      this.post((file) => releaseClaim(file, number))
    else if (life.hasUnseen || this.#mayClaim) void this.#claim()
    this.touch()
  }

  /** Until that is recorded nobody claims the run: what came in for it meanwhile is looked for then. */
  #putAside(life: RunLife, fault: RunFault): void {
    const over = () => {
      this.#lives.remove(life)
      if (!this.#stall.isOn) void this.#claim()
    }
    this.submit(this.#faults.next(fault, this.#busyAtMs)).then(over, over) // a failure is heard by `failed`
  }

  /** What was claimed, and did not come into memory, is in the record as before: that is looked at behind the stall. */
  #putOff(): void {
    this.#backlog = undefined
    this.#stall.begin()
    this.touch()
  }

  #fail(error: unknown): void {
    this.#isRecovered = false
    this.#chores.forget()
    this.#putOff()
    this.#lives.discardAll()
    this.#queue.refuse(error)
    if (this.#parts.isClosing()) return
    if (isOfTheTenant(error)) this.#goes()
    else this.#parts.onEvent({ type: 'tenant_stalled', tenant: this.tenant, error })
    this.touch()
  }

  #goes(): void {
    this.#isGone = true
    this.#chores.stop()
  }

  /** True when the tenant was deleted, suspended or stopped: there is nobody to work for. */
  get isGone(): boolean {
    return this.#isGone
  }
}
