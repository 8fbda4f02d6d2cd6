/**
 * Who is looked at when: one timer per host, over the runners in memory and the wake hints of all catalogs (WORKFLOWS 18).
 * Nothing is kept for a tenant that is not awake.
 */
import type { TenantId, Timer } from '@tenax/kernel'
import { LOOK_MS_MAX, TENANTS_AWAKE_MAX } from './limits.ts'
import type { EngineParts } from './parts.ts'
import { TenantRunner } from './tenant-runner.ts'

/** The tenants that are awake. */
export class Scheduler {
  readonly #parts: EngineParts
  readonly #runners = new Map<TenantId, TenantRunner>()
  #timer: Timer | undefined
  #timerAtMs = Number.POSITIVE_INFINITY
  /** When the catalogs are asked next: what they say changes by us, or without hurry. */
  #askAtMs = 0
  #isClosed = false

  constructor(parts: EngineParts) {
    this.#parts = parts
  }

  /** The runner of a tenant, made when it is not awake. */
  runner(tenant: TenantId): TenantRunner {
    const known = this.#runners.get(tenant)
    if (known !== undefined && !known.isGone) return known
    const runner = new TenantRunner(this.#parts, tenant)
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
    if (nowMs >= this.#askAtMs) this.#askAtMs = Math.min(nowMs + LOOK_MS_MAX, this.#wakeDue(nowMs))
    let nextMs = this.#askAtMs
    for (const { nextLookMs } of this.#runners.values()) nextMs = Math.min(nextMs, nextLookMs ?? nextMs)
    this.plan(Math.max(nextMs, nowMs + 1))
  }

  #lookAt(tenant: TenantId, runner: TenantRunner, nowMs: number): void {
    const isFull = this.#runners.size >= TENANTS_AWAKE_MAX
    const mayGo = runner.look(nowMs)
    if (mayGo) this.#askAtMs = Math.min(this.#askAtMs, runner.retire() ?? this.#askAtMs)
    if (!mayGo && !runner.isGone) return
    this.#runners.delete(tenant)
    if (isFull) this.#askAtMs = nowMs
  }

  /** Wakes tenants whose hint is due, while there is room. Gives when one that sleeps is due. */
  #wakeDue(nowMs: number): number {
    // Hints of those that are awake are 0, and come first.
    const known = this.#runners.size
    const room = TENANTS_AWAKE_MAX - known
    const hints = this.#parts.tenancy.dueTenants(Number.MAX_SAFE_INTEGER, known + Math.max(room, 0) + 1)
    for (const { id, wakeAtMs } of hints) {
      if (this.#runners.has(id)) continue
      if (wakeAtMs > nowMs) return wakeAtMs
      if (this.#runners.size >= TENANTS_AWAKE_MAX) break
      this.runner(id).wake()
    }
    return Number.POSITIVE_INFINITY
  }

  /** Starts nothing more, and waits for commits that are under way. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#timer?.cancel()
    await Promise.all([...this.#runners.values()].map((runner) => runner.close()))
    this.#runners.clear()
  }
}
