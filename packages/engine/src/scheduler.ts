/**
 * Who is looked at when: one timer per host, over the runners in memory and the wake hints of all catalogs (WORKFLOWS 18).
 * Nothing is kept for a tenant that is not awake, but the time of one that is to be woken soon.
 *
 * A look goes over those that are due, not over all: a runner says when it is to be looked at, and says so again whenever that
 * may have become earlier (`plan`). Every `lookMsMax` all runners are looked at, and all catalogs asked, whatever was said.
 */
import { sleep, type TenantId, TenaxError, type Timer } from '@tenax/kernel'
import {
  BLOCKED_LOOK_MS,
  LINGER_MS,
  ROOM_COUNT,
  ROOM_MS,
  TENANTS_AWAKE_MAX,
  TENANTS_WAITING_MAX,
  TENANTS_WAKING_MAX,
  VACATE_LOOK_MS,
  WAKING_LOOK_MS,
  WAKING_MS_MAX,
} from './limits.ts'
import type { EngineParts } from './parts.ts'
import { SleepingTenants } from './sleeping-tenants.ts'
import { TenantRunner } from './tenant-runner.ts'
import { WakeList } from './wake-list.ts'

/** How many tenants it has in memory, and wakes by itself, at a time. */
export interface WakeLimits {
  readonly awakeMax: number
  readonly wakingMax: number
}

const WAKE_LIMITS: WakeLimits = { awakeMax: TENANTS_AWAKE_MAX, wakingMax: TENANTS_WAKING_MAX }

/** The tenants that are awake. */
export class Scheduler {
  readonly #parts: EngineParts
  readonly #limits: WakeLimits
  readonly #runners = new Map<TenantId, TenantRunner>()
  /** When the runners are to be looked at. */
  readonly #looks = new WakeList()
  readonly #sleeping: SleepingTenants
  /** Tenants whose runs execute elsewhere. */
  readonly #vacated = new Set<TenantId>()
  #timer: Timer | undefined
  #timerAtMs = Number.POSITIVE_INFINITY
  /** Tenants that are due and have no place yet, in their order. */
  readonly #waiting = new Set<TenantId>()
  /** Those that were woken and have not come to rest since, and when that was, by the stopwatch. */
  readonly #waking = new Map<TenantId, number>()
  #isCrowded = false
  /** By the stopwatch: no further look before. */
  #restUntilMs = 0
  #roomAtMs = 0
  #isClosed = false

  constructor(parts: EngineParts, limits = WAKE_LIMITS) {
    this.#parts = parts
    this.#limits = limits
    this.#sleeping = new SleepingTenants(parts.tenancy, parts.seams.lookMsMax)
  }

  /** The runner of a tenant, made when it is not awake. Without a place it takes what it is given, and goes. */
  runner(tenant: TenantId): TenantRunner {
    if (this.#vacated.has(tenant)) throw vacated(tenant)
    const known = this.#awake(tenant)
    if (known !== undefined) return known
    const runner = new TenantRunner(this.#parts, tenant)
    const mustGo = !this.#hasRoom
    this.#runners.set(tenant, runner)
    if (mustGo) runner.drain()
    if (this.#isCrowded) runner.linger(0)
    runner.touch()
    return runner
  }

  #awake(tenant: TenantId): TenantRunner | undefined {
    const known = this.#runners.get(tenant)
    return known?.isGone === false ? known : undefined
  }

  /**
   * Gives up a tenant until {@link occupy}: what is in memory may come to rest for `patienceMs`, and is thrown away then. It is
   * refused meanwhile, and looked at first by the next start.
   */
  async vacate(tenant: TenantId, patienceMs: number): Promise<void> {
    const { clock, tenancy } = this.#parts
    this.#vacated.add(tenant)
    const runner = this.#runners.get(tenant)
    runner?.drain()
    for (const endMs = clock.nowMs() + patienceMs; clock.nowMs() < endMs; ) {
      if (runner === undefined || this.#runners.get(tenant) !== runner) break
      await sleep(clock, VACATE_LOOK_MS)
    }
    await runner?.close()
    this.#forget(tenant)
    await tenancy.setWake(tenant, 0)
  }

  /** Takes a tenant on again. */
  occupy(tenant: TenantId): void {
    this.#vacated.delete(tenant)
    this.ask()
  }

  /** How many tenants are in memory. */
  get awakeCount(): number {
    return this.#runners.size
  }

  /** Sees that the tenant's runner, if it has one, is looked at by `atMs`. */
  plan(tenant: TenantId, atMs: number): void {
    const runner = this.#runners.get(tenant)
    if (runner === undefined) return
    if (runner.isAtRest && this.#waking.delete(tenant) && this.#waiting.size > 0) this.#lookSoon()
    this.#looks.setBy(tenant, atMs)
    this.#planLook(atMs)
  }

  #planLook(atMs: number): void {
    if (this.#isClosed || atMs >= this.#timerAtMs) return
    const { clock } = this.#parts
    const nowMs = clock.nowMs()
    const restMs = this.#restUntilMs - clock.monotonicMs()
    const delayMs = Math.max(0, atMs - nowMs, restMs)
    if (nowMs + delayMs >= this.#timerAtMs) return
    this.#timer?.cancel()
    this.#timerAtMs = nowMs + delayMs
    this.#timer = clock.after(delayMs, () => this.look())
  }

  /** The catalogs are asked as soon as can be: what they say was changed by somebody else. */
  ask(): void {
    this.#sleeping.askSoon()
    this.#lookSoon()
  }

  #lookSoon(): void {
    this.#planLook(this.#parts.clock.nowMs())
  }

  /** Looks at everything that is due now, and plans the next look. */
  look(): void {
    if (this.#isClosed) return
    this.#timer?.cancel()
    this.#timerAtMs = Number.POSITIVE_INFINITY
    const { clock, seams } = this.#parts
    const nowMs = clock.nowMs()
    for (const tenant of this.#looks.takeDue(nowMs)) this.#lookAt(tenant, nowMs)
    if (this.#mayAsk && this.#sleeping.mustAsk(nowMs)) this.#ask(nowMs)
    for (const tenant of this.#sleeping.takeDue(nowMs)) this.#waiting.add(tenant)
    this.#admit(nowMs)
    this.#crowd(this.#waiting.size > 0 && !this.#hasRoom, nowMs)
    if (this.#isCrowded && (nowMs >= this.#roomAtMs || this.#roomAtMs > nowMs + ROOM_MS)) this.#makeRoom(nowMs)
    this.#restUntilMs = clock.monotonicMs() + seams.lookRestMs
    this.#planLook(this.#nextLookMs(nowMs))
  }

  #nextLookMs(nowMs: number): number {
    const dueMs = Math.min(this.#looks.nextMs, this.#sleeping.nextMs)
    const askAtMs = this.#mayAsk ? this.#sleeping.askAtMs : Number.POSITIVE_INFINITY
    if (this.#waiting.size === 0) return Math.min(dueMs, askAtMs)
    return Math.min(dueMs, askAtMs, this.#isCrowded ? this.#roomAtMs : nowMs + WAKING_LOOK_MS)
  }

  /** Of those that wait as many are known as need be: then it costs little to ask, for how many it brings. */
  get #mayAsk(): boolean {
    return this.#waiting.size <= TENANTS_WAITING_MAX / 2
  }

  get #hasRoom(): boolean {
    return this.#runners.size < this.#limits.awakeMax
  }

  #lookAt(tenant: TenantId, nowMs: number): void {
    const runner = this.#runners.get(tenant)
    if (runner === undefined) return
    const mayGo = runner.look(nowMs)
    if (mayGo) this.#sleeping.leave(tenant, runner.retire(), nowMs)
    if (mayGo || runner.isGone) this.#forget(tenant)
    else this.#looks.set(tenant, runner.nextLookMs)
  }

  #forget(tenant: TenantId): void {
    this.#runners.delete(tenant)
    this.#waking.delete(tenant)
    this.#looks.set(tenant, undefined)
  }

  #ask(nowMs: number): void {
    for (const tenant of [...this.#runners.keys()]) this.#lookAt(tenant, nowMs)
    // Hints of those that are awake are 0, and come first.
    const limit = this.#runners.size + this.#vacated.size + TENANTS_WAITING_MAX
    const isKnown = (tenant: TenantId) => this.#waiting.has(tenant) || this.#awake(tenant) !== undefined
    this.#sleeping.ask(nowMs, limit, isKnown)
  }

  /** Wakes those that wait, while there is room. */
  #admit(nowMs: number): void {
    if (this.#waiting.size > 0) this.#forgetSlow()
    for (const tenant of this.#waiting) {
      if (!this.#hasRoom || this.#waking.size >= this.#limits.wakingMax) break
      this.#waiting.delete(tenant)
      if (this.#awake(tenant) !== undefined) this.#lookAt(tenant, nowMs)
      else if (!this.#vacated.has(tenant)) this.#wake(tenant)
    }
  }

  /** Those that wait for a step, or for their file, and not for the event loop, keep nobody else from it. */
  #forgetSlow(): void {
    const { clock, share } = this.#parts
    const latestMs = clock.monotonicMs() - WAKING_MS_MAX
    for (const [tenant, sinceMs] of this.#waking) {
      if (sinceMs > latestMs) return // in the order of their times
      if (!share.isAwaitedBy(tenant)) this.#waking.delete(tenant)
    }
  }

  #wake(tenant: TenantId): void {
    const runner = this.runner(tenant)
    this.#waking.set(tenant, this.#parts.clock.monotonicMs())
    runner.wake()
  }

  /** While others wait, no tenant stays behind its work. */
  #crowd(isCrowded: boolean, nowMs: number): void {
    if (isCrowded === this.#isCrowded) return
    this.#isCrowded = isCrowded
    this.#roomAtMs = nowMs + ROOM_MS
    for (const runner of this.#runners.values()) runner.linger(isCrowded ? 0 : LINGER_MS)
  }

  /** Others wait: those that have been awake longest take no further runs, and go when theirs have come to rest. */
  #makeRoom(nowMs: number): void {
    this.#roomAtMs = nowMs + ROOM_MS
    const rested = [...this.#runners].filter(([tenant]) => !this.#waking.has(tenant))
    for (const [, runner] of rested.slice(0, ROOM_COUNT)) runner.drain()
  }

  /** Other code is loaded. Who has a blocked run is to be looked at within {@link BLOCKED_LOOK_MS} anyway, and is woken now. */
  reload(): void {
    for (const runner of this.#runners.values()) runner.reload()
    const soonMs = this.#parts.clock.nowMs() + BLOCKED_LOOK_MS
    for (const { id } of this.#parts.tenancy.dueTenants(soonMs, this.#limits.awakeMax)) this.#waiting.add(id)
    this.#lookSoon()
  }

  /** Starts nothing more, and waits for commits that are under way. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#timer?.cancel()
    await Promise.all([...this.#runners.values()].map((runner) => runner.close()))
    this.#runners.clear()
  }
}

function vacated(tenant: TenantId): TenaxError {
  return new TenaxError('tenant_in_transition', `a run of tenant "${tenant}" is tried alone, in a process of its own`, {
    hint: 'ask again; it takes a minute at most',
  })
}
