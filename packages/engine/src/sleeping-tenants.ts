/**
 * When tenants that are not in memory are to be woken. What the catalogs say of the time ahead is taken down, and kept up to date
 * by what their runners leave behind: a tenant that comes to rest, and wakes again soon, is asked for in no catalog.
 *
 * Invariants:
 *  1. Who is due by `#knownToMs` is in the list, was given out, or was awake when the catalogs were asked, and is heard of when it goes.
 *  2. The catalogs are asked again before that time is over, and every `lookMsMax` anyway. What they say then takes the place of the
 *     list: a wake that this memory has forgotten is found there.
 */
import type { TenantId } from '@tenax/kernel'
import type { EngineTenancy } from './tenancy-port.ts'
import { WakeList } from './wake-list.ts'

/** The wake hints of a host, as far ahead as need be. */
export class SleepingTenants {
  readonly #tenancy: Pick<EngineTenancy, 'dueTenants'>
  readonly #lookMsMax: number
  readonly #list = new WakeList()
  #knownToMs = Number.NEGATIVE_INFINITY
  #askAtMs = 0
  /** True when more were found than are taken down. */
  #isCut = false

  constructor(tenancy: Pick<EngineTenancy, 'dueTenants'>, lookMsMax: number) {
    this.#tenancy = tenancy
    this.#lookMsMax = lookMsMax
  }

  /** When the first one is due that is known. */
  get nextMs(): number {
    return this.#list.nextMs
  }

  /** When the catalogs are to be asked. */
  get askAtMs(): number {
    return this.#askAtMs
  }

  /** What the catalogs say was changed by somebody else. */
  askSoon(): void {
    this.#askAtMs = 0
  }

  /** True when the catalogs are to be asked now. */
  mustAsk(nowMs: number): boolean {
    return nowMs >= this.#askAtMs || this.#askAtMs > nowMs + this.#lookMsMax // the hour was set back
  }

  /** Takes down what the catalogs say, of at most `limit`, without those who are heard of later, or wait already. */
  ask(nowMs: number, limit: number, isKnown: (tenant: TenantId) => boolean): void {
    const aheadMs = Math.min(nowMs + 2 * this.#lookMsMax, Number.MAX_SAFE_INTEGER)
    const found = this.#tenancy.dueTenants(aheadMs, limit)
    const last = found.at(-1)
    this.#isCut = found.length >= limit && last !== undefined
    this.#knownToMs = this.#isCut && last !== undefined ? last.wakeAtMs - 1 : aheadMs
    this.#askAtMs = Math.max(nowMs, Math.min(nowMs + this.#lookMsMax, this.#knownToMs + 1))
    this.#list.clear()
    for (const { id, wakeAtMs } of found) if (!isKnown(id)) this.#list.set(id, wakeAtMs)
  }

  /** Hears that a tenant has left memory, and when it is to be woken; undefined: never. */
  leave(tenant: TenantId, atMs: number | undefined, nowMs: number): void {
    // Those whom nobody has asked for yet come before one that has had its turn, and is due again.
    const isKnown = atMs !== undefined && atMs <= this.#knownToMs && !(this.#isCut && atMs <= nowMs)
    this.#list.set(tenant, isKnown ? atMs : undefined)
    if (atMs !== undefined && !isKnown) this.#askAtMs = Math.min(this.#askAtMs, Math.max(atMs, nowMs))
  }

  /** Gives out those that are due by `nowMs`, the earliest first. */
  takeDue(nowMs: number): TenantId[] {
    return this.#list.takeDue(nowMs)
  }
}
