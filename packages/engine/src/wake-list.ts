/**
 * Tenants with a time each, in the order of their times: a binary heap. An entry that was put elsewhere, or taken out, stays in
 * the heap until it comes to its top, or until more than half of the heap is such entries.
 */
import type { TenantId } from '@tenax/kernel'

interface Entry {
  readonly tenant: TenantId
  readonly atMs: number
}

/** The heap is cleared of what does not count any more beyond so many entries. */
const SPARE_COUNT = 64

/** When each of some tenants is to be looked at. */
export class WakeList {
  #heap: Entry[] = []
  readonly #times = new Map<TenantId, number>()

  /** When the first one is due; infinite when there is none. */
  get nextMs(): number {
    return this.#first()?.atMs ?? Number.POSITIVE_INFINITY
  }

  /** Says when `tenant` is due, whatever was said before; undefined: never. */
  set(tenant: TenantId, atMs: number | undefined): void {
    if (this.#times.get(tenant) === atMs) return
    this.#times.delete(tenant)
    if (atMs === undefined) return
    this.#times.set(tenant, atMs)
    this.#heap.push({ tenant, atMs })
    this.#rise(this.#heap.length - 1)
    if (this.#heap.length > 2 * this.#times.size + SPARE_COUNT) this.#rebuild()
  }

  /** Says that `tenant` is due at `atMs`, at the latest. */
  setBy(tenant: TenantId, atMs: number): void {
    if (atMs < (this.#times.get(tenant) ?? Number.POSITIVE_INFINITY)) this.set(tenant, atMs)
  }

  /** Takes out those that are due by `nowMs`, the earliest first. */
  takeDue(nowMs: number): TenantId[] {
    const due: TenantId[] = []
    for (let first = this.#first(); first !== undefined && first.atMs <= nowMs; first = this.#first()) {
      due.push(first.tenant)
      this.#times.delete(first.tenant)
      this.#drop()
    }
    return due
  }

  clear(): void {
    this.#heap = []
    this.#times.clear()
  }

  #first(): Entry | undefined {
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (this.#times.get(first.tenant) === first.atMs) return first
      this.#drop()
    }
    return undefined
  }

  #rebuild(): void {
    this.#heap = [...this.#times].map(([tenant, atMs]) => ({ tenant, atMs })).sort((a, b) => a.atMs - b.atMs)
  }

  /** Takes the top off. */
  #drop(): void {
    const last = this.#heap.pop()
    if (last === undefined || this.#heap.length === 0) return
    this.#heap[0] = last
    this.#sink()
  }

  #rise(index: number): void {
    for (let at = index; at > 0; ) {
      const above = (at - 1) >> 1
      if (!this.#swapIfEarlier(at, above)) return
      at = above
    }
  }

  #sink(): void {
    for (let at = 0; ; ) {
      const [left, right] = [2 * at + 1, 2 * at + 2]
      const below = this.#timeAt(right) < this.#timeAt(left) ? right : left
      if (!this.#swapIfEarlier(below, at)) return
      at = below
    }
  }

  #timeAt(index: number): number {
    return this.#heap[index]?.atMs ?? Number.POSITIVE_INFINITY
  }

  #swapIfEarlier(below: number, above: number): boolean {
    const [lower, upper] = [this.#heap[below], this.#heap[above]]
    if (lower === undefined || upper === undefined || lower.atMs >= upper.atMs) return false
    this.#heap[above] = lower
    this.#heap[below] = upper
    return true
  }
}
