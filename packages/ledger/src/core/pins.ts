/**
 * Which segments are still needed, and by whom (LEDGER K3). An entry pins the segments that hold its parts until its
 * tenant has a checkpoint at or behind its LSN, or is forgotten; no other record pins anything.
 *
 * Feed it only what is durable, in the order of the ledger: a checkpoint that a crash takes back must release nothing.
 */
import type { Incarnation } from '@tenax/kernel'

/** What a durable record does to pins. */
export type PinEffect =
  | { readonly kind: 'entry' | 'checkpoint'; readonly incarnation: Incarnation; readonly lsn: number }
  | { readonly kind: 'forget'; readonly incarnation: Incarnation }

/** The pins of one ledger. */
export class Pins {
  /** Per segment, the highest LSN that each tenant has in it. */
  readonly #segments = new Map<number, Map<Incarnation, number>>()
  readonly #segmentsOf = new Map<Incarnation, Set<number>>()

  /** Applies one durable record of `segmentId`. */
  apply(segmentId: number, effect: PinEffect): void {
    if (effect.kind === 'entry') this.#pin(segmentId, effect.incarnation, effect.lsn)
    else this.#release(effect.incarnation, effect.kind === 'forget' ? Number.POSITIVE_INFINITY : effect.lsn)
  }

  #pin(segmentId: number, incarnation: Incarnation, lsn: number): void {
    const tenants = entryOf(this.#segments, segmentId, () => new Map<Incarnation, number>())
    tenants.set(incarnation, Math.max(lsn, tenants.get(incarnation) ?? 0))
    entryOf(this.#segmentsOf, incarnation, () => new Set<number>()).add(segmentId)
  }

  #release(incarnation: Incarnation, throughLsn: number): void {
    const held = this.#segmentsOf.get(incarnation)
    if (held === undefined) return
    for (const segmentId of held) {
      const tenants = this.#segments.get(segmentId)
      if (tenants === undefined || (tenants.get(incarnation) ?? 0) > throughLsn) continue
      tenants.delete(incarnation)
      if (tenants.size === 0) this.#segments.delete(segmentId)
      held.delete(segmentId)
    }
    if (held.size === 0) this.#segmentsOf.delete(incarnation)
  }

  /** The first segment that some tenant needs; undefined when none does. */
  firstNeeded(): number | undefined {
    let first: number | undefined
    for (const segmentId of this.#segments.keys()) {
      if (first === undefined || segmentId < first) first = segmentId
    }
    return first
  }

  /** The tenants that need `segmentId`. */
  holdersOf(segmentId: number): Incarnation[] {
    return [...(this.#segments.get(segmentId)?.keys() ?? [])]
  }
}

function entryOf<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}
