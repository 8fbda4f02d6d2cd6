/** Outcomes that have come in for a run in memory, until its body gets them in their order (WORKFLOWS 2). */
import type { Clock } from '@tenax/kernel'
import type { Outcome } from '@tenax/workflow/core'
import type { OpenOperations } from './open-operations.ts'
import type { Announcement } from './store/announcement.ts'
import type { Delivered } from './store/turn-record.ts'

/** An outcome that came in. `isArrived` says that a commit of others has recorded it already. */
export interface Inbound {
  readonly seq: number
  readonly outcome: Outcome
  readonly isArrived: boolean
  readonly attempts: number
}

/** As {@link Inbound}, of what a commit of others has settled. */
export function arrivedOf({ seq, outcome }: Announcement): Inbound {
  return { seq, outcome, isArrived: true, attempts: 0 }
}

/** The outcomes of one run that its body has not seen. */
export class Inbox {
  readonly #open: OpenOperations
  readonly #clock: Clock
  #inbound: Inbound[] = []
  #lastAtMs: number

  constructor(open: OpenOperations, at: { readonly clock: Clock; readonly lastAtMs: number }) {
    this.#open = open
    this.#clock = at.clock
    this.#lastAtMs = at.lastAtMs
  }

  get isEmpty(): boolean {
    return this.#inbound.length === 0
  }

  /** True when something is there that an open operation waits for. */
  get hasWork(): boolean {
    return this.#inbound.some(({ seq }) => this.#open.get(seq) !== undefined)
  }

  put(inbound: Inbound): void {
    this.#inbound.push(inbound)
    this.#open.noteOutcome(inbound.seq)
  }

  /** Puts what the record has in front of what came in since; by now it is known what is open. */
  putFirst(arrived: readonly Announcement[]): void {
    this.#inbound.unshift(...arrived.map(arrivedOf))
    for (const { seq } of this.#inbound) this.#open.noteOutcome(seq)
  }

  /** True when an outcome of this operation is there. */
  has(seq: number): boolean {
    return this.#inbound.some((inbound) => inbound.seq === seq)
  }

  /** Forgets failures of these: a cancellation rejects them. */
  forgetFailures(seqs: readonly number[]): void {
    this.#inbound = this.#inbound.filter(({ seq, outcome }) => outcome.type === 'ok' || !seqs.includes(seq))
  }

  /** Takes out what is not recorded yet. */
  takeUnrecorded(): Inbound[] {
    const unrecorded = this.#inbound.filter(({ seq, isArrived }) => !isArrived && this.#open.get(seq) !== undefined)
    this.#inbound = this.#inbound.filter(({ isArrived }) => isArrived)
    return unrecorded
  }

  /**
   * Empties it. What an open operation waits for gets its place behind the first `places` completions: one place, also when
   * its end came twice, such as from the record and from a timer that did not know.
   */
  take(places: number): Delivered[] {
    const taken = new Map<number, Inbound>()
    for (const inbound of this.#inbound) {
      const { seq } = inbound
      if (this.#open.get(seq) !== undefined && !taken.has(seq)) taken.set(seq, inbound)
    }
    this.#inbound = []
    return [...taken.values()].map(({ seq, outcome, isArrived, attempts }, index) => {
      this.#lastAtMs = Math.max(this.#lastAtMs, this.#clock.nowMs())
      return { completion: { seq, number: places + index + 1, atMs: this.#lastAtMs, outcome }, isArrived, attempts }
    })
  }
}
