/**
 * Who is looked at when: one timer per host, over the runners in memory and the wake hints of all catalogs (WORKFLOWS 18).
 * Nothing is kept for a tenant that is not awake.
 */
import { sleep, type TenantId, TenaxError, type Timer } from '@tenax/kernel'
import {
  BLOCKED_LOOK_MS,
  CROWDED_LOOK_MS,
  LINGER_MS,
  ROOM_COUNT,
  ROOM_MS,
  TENANTS_AWAKE_MAX,
  TENANTS_WAITING_MAX,
  VACATE_LOOK_MS,
} from './limits.ts'
import type { EngineParts } from './parts.ts'
import { TenantRunner } from './tenant-runner.ts'

/** The tenants that are awake. */
export class Scheduler {
  readonly #parts: EngineParts
  readonly #awakeMax: number
  readonly #runners = new Map<TenantId, TenantRunner>()
  /** Tenants whose runs execute elsewhere. */
  readonly #vacated = new Set<TenantId>()
  #timer: Timer | undefined
  #timerAtMs = Number.POSITIVE_INFINITY
  /** When the catalogs are asked next: what they say changes by us, or without hurry. */
  #askAtMs = 0
  /** Tenants that were due when the catalogs were asked, and have no place yet, in their order. */
  #waiting: TenantId[] = []
  /** True when more are due than were taken down. */
  #isCut = false
  #isCrowded = false
  /** By the stopwatch: no further look before. */
  #restUntilMs = 0
  #roomAtMs = 0
  #isClosed = false

  constructor(parts: EngineParts, awakeMax = TENANTS_AWAKE_MAX) {
    this.#parts = parts
    this.#awakeMax = awakeMax
  }

  /** The runner of a tenant, made when it is not awake. Without a place it takes what it is given, and goes. */
  runner(tenant: TenantId): TenantRunner {
    if (this.#vacated.has(tenant)) throw vacated(tenant)
    const known = this.#runners.get(tenant)
    if (known !== undefined && !known.isGone) return known
    const runner = new TenantRunner(this.#parts, tenant)
    if (!this.#hasRoom) runner.drain()
    if (this.#isCrowded) runner.linger(0)
    this.#runners.set(tenant, runner)
    return runner
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
    this.#runners.delete(tenant)
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

  /** Sees that somebody looks at `atMs`, at the latest. */
  plan(atMs: number): void {
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
    this.#askAtMs = 0
    this.plan(this.#parts.clock.nowMs())
  }

  /** Looks at everything that is due now, and plans the next look. */
  look(): void {
    if (this.#isClosed) return
    this.#timer?.cancel()
    this.#timerAtMs = Number.POSITIVE_INFINITY
    const nowMs = this.#parts.clock.nowMs()
    if (this.#askAtMs > nowMs + this.#parts.seams.lookMsMax) this.#askAtMs = nowMs // the hour was set back
    for (const [tenant, runner] of this.#runners) this.#lookAt(tenant, runner, nowMs)
    // Those that wait come before those that have had their turn and are due again.
    if (nowMs >= this.#askAtMs && this.#waiting.length === 0) this.#ask(nowMs)
    this.#admit(nowMs)
    if (this.#isCrowded && (nowMs >= this.#roomAtMs || this.#roomAtMs > nowMs + ROOM_MS)) this.#makeRoom(nowMs)
    this.#restUntilMs =
      this.#parts.clock.monotonicMs() + (this.#isCrowded ? CROWDED_LOOK_MS : this.#parts.seams.lookRestMs)
    let nextMs = this.#isCrowded ? this.#roomAtMs : this.#askAtMs
    for (const { nextLookMs } of this.#runners.values()) nextMs = Math.min(nextMs, nextLookMs ?? nextMs)
    this.plan(nextMs)
  }

  get #hasRoom(): boolean {
    return this.#runners.size < this.#awakeMax
  }

  #lookAt(tenant: TenantId, runner: TenantRunner, nowMs: number): void {
    const mayGo = runner.look(nowMs)
    if (mayGo) this.#askAtMs = Math.min(this.#askAtMs, Math.max(runner.retire() ?? this.#askAtMs, nowMs))
    if (mayGo || runner.isGone) this.#runners.delete(tenant)
  }

  /** Takes down which tenants are due, and when the next one is. */
  #ask(nowMs: number): void {
    // Hints of those that are awake are 0, and come first.
    const limit = this.#runners.size + this.#vacated.size + TENANTS_WAITING_MAX
    this.#askAtMs = nowMs + this.#parts.seams.lookMsMax
    const found = this.#parts.tenancy.dueTenants(Number.MAX_SAFE_INTEGER, limit)
    this.#isCut = found.length === limit
    for (const { id, wakeAtMs } of found) {
      if (this.#runners.has(id) || this.#vacated.has(id)) continue
      if (wakeAtMs <= nowMs) this.#waiting.push(id)
      else {
        this.#isCut = false
        this.#askAtMs = Math.min(this.#askAtMs, wakeAtMs)
        return
      }
    }
  }

  /** Wakes those that wait, while there is room. */
  #admit(nowMs: number): void {
    let count = 0
    for (const id of this.#waiting) {
      if (!this.#hasRoom) break
      count += 1
      if (!this.#runners.has(id) && !this.#vacated.has(id)) this.runner(id).wake()
    }
    this.#waiting.splice(0, count)
    if (this.#waiting.length === 0 && this.#isCut) this.#askAtMs = nowMs
    this.#crowd(this.#waiting.length > 0, nowMs)
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
    for (const runner of [...this.#runners.values()].slice(0, ROOM_COUNT)) runner.drain()
  }

  /** Other code is loaded. Who has a blocked run is to be looked at within {@link BLOCKED_LOOK_MS} anyway, and is woken now. */
  reload(): void {
    for (const runner of this.#runners.values()) runner.reload()
    const soonMs = this.#parts.clock.nowMs() + BLOCKED_LOOK_MS
    for (const { id } of this.#parts.tenancy.dueTenants(soonMs, this.#awakeMax)) {
      if (!this.#runners.has(id) && this.#hasRoom) this.runner(id).wake()
    }
    this.plan(this.#parts.clock.nowMs())
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
