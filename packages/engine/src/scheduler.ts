/**
 * Who is looked at when: one timer per host, over the runners in memory and the wake hints of all catalogs (WORKFLOWS 18).
 * Nothing is kept for a tenant that is not awake.
 */
import type { TenantId, Timer } from '@tenax/kernel'
import { LOOK_MS_MAX, ROOM_COUNT, ROOM_MS, TENANTS_AWAKE_MAX } from './limits.ts'
import type { EngineParts } from './parts.ts'
import { TenantRunner } from './tenant-runner.ts'

/** The tenants that are awake. */
export class Scheduler {
  readonly #parts: EngineParts
  readonly #awakeMax: number
  readonly #runners = new Map<TenantId, TenantRunner>()
  #timer: Timer | undefined
  #timerAtMs = Number.POSITIVE_INFINITY
  /** When the catalogs are asked next: what they say changes by us, or without hurry. */
  #askAtMs = 0
  #isClosed = false

  constructor(parts: EngineParts, awakeMax = TENANTS_AWAKE_MAX) {
    this.#parts = parts
    this.#awakeMax = awakeMax
  }

  /** The runner of a tenant, made when it is not awake. Without a place it takes what it is given, and goes. */
  runner(tenant: TenantId): TenantRunner {
    const known = this.#runners.get(tenant)
    if (known !== undefined && !known.isGone) return known
    const runner = new TenantRunner(this.#parts, tenant)
    if (!this.#hasRoom) runner.drain()
    this.#runners.set(tenant, runner)
    return runner
  }

  /** How many tenants are in memory. */
  get awakeCount(): number {
    return this.#runners.size
  }

  /** Sees that somebody looks at `atMs`, at the latest. */
  plan(atMs: number): void {
    if (this.#isClosed || atMs >= this.#timerAtMs) return
    this.#timer?.cancel()
    this.#timerAtMs = atMs
    this.#timer = this.#parts.clock.after(Math.max(0, atMs - this.#parts.clock.nowMs()), () => this.look())
  }

  /** Looks at everything that is due now, and plans the next look. */
  look(): void {
    if (this.#isClosed) return
    this.#timer?.cancel()
    this.#timerAtMs = Number.POSITIVE_INFINITY
    const nowMs = this.#parts.clock.nowMs()
    for (const [tenant, runner] of this.#runners) this.#lookAt(tenant, runner, nowMs)
    if (nowMs >= this.#askAtMs) {
      const hadRoom = this.#hasRoom
      const dueMs = this.#wakeDue(nowMs)
      if (!hadRoom && dueMs <= nowMs) this.#makeRoom()
      this.#askAtMs = Math.min(nowMs + LOOK_MS_MAX, Math.max(dueMs, nowMs + (hadRoom ? 0 : ROOM_MS)))
    }
    let nextMs = this.#askAtMs
    for (const { nextLookMs } of this.#runners.values()) nextMs = Math.min(nextMs, nextLookMs ?? nextMs)
    this.plan(Math.max(nextMs, nowMs + 1))
  }

  get #hasRoom(): boolean {
    return this.#runners.size < this.#awakeMax
  }

  #lookAt(tenant: TenantId, runner: TenantRunner, nowMs: number): void {
    const mayGo = runner.look(nowMs)
    if (mayGo) this.#askAtMs = Math.min(this.#askAtMs, Math.max(runner.retire() ?? this.#askAtMs, nowMs))
    if (mayGo || runner.isGone) this.#runners.delete(tenant)
  }

  /** Wakes tenants whose hint is due, while there is room. Gives when the next one is due. */
  #wakeDue(nowMs: number): number {
    // Hints of those that are awake are 0, and come first.
    const limit = Math.max(this.#runners.size, this.#awakeMax) + 1
    for (const { id, wakeAtMs } of this.#parts.tenancy.dueTenants(Number.MAX_SAFE_INTEGER, limit)) {
      if (this.#runners.has(id)) continue
      if (wakeAtMs > nowMs || !this.#hasRoom) return wakeAtMs
      this.runner(id).wake()
    }
    return Number.POSITIVE_INFINITY
  }

  /** Others wait: those that have been awake longest take no further runs, and go when theirs have come to rest. */
  #makeRoom(): void {
    for (const runner of [...this.#runners.values()].slice(0, ROOM_COUNT)) runner.drain()
  }

  /** Starts nothing more, and waits for commits that are under way. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#timer?.cancel()
    await Promise.all([...this.#runners.values()].map((runner) => runner.close()))
    this.#runners.clear()
  }
}
