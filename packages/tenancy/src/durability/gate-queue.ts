/**
 * Who waits at the gate until a flush of the ledger has ended (LEDGER G1).
 *
 * Invariants
 *  1. A waiter is let go when its flush is durable, never before; those of one tenant and flush in the order in which they came.
 *  2. Each waits for `waitMsMax` at most, counted from its own coming. One timer does for all; when nobody is left, it runs out
 *     once and is not set again.
 *  3. A flush that lets many go does so in several turns of the event loop. Clients send their next commits at once: in one
 *     turn all of those would run while the disk rests, and then all would rest while the disk works.
 *  4. Whose flushes are durable leave in turns, tenant by tenant: thousands of one do not stand before the one of another.
 */
import { type Clock, Line, type TenaxError } from '@tenax/kernel'
import { GATE_RELEASE_COUNT } from '../limits.ts'

interface Waiter {
  readonly whose: object
  readonly untilMs: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** What a queue is made with. `late` makes the error of a waiter whose time is over. */
export interface GateQueueOptions {
  readonly clock: Clock
  readonly waitMsMax: number
  readonly late: () => TenaxError
}

/** All waiters of one ledger. */
export class GateQueue {
  readonly #clock: Clock
  readonly #waitMsMax: number
  readonly #late: () => TenaxError
  /** In order of coming, and so of `untilMs`. */
  readonly #waiting = new Set<Waiter>()
  /** Durable, and not yet told: by whose they are, in turn. */
  readonly #ready = new Map<object, Line<Waiter>>()
  #isReleasing = false
  #isTimed = false
  /** The flush that somebody waited for last, and all who wait for it. */
  #flush: Promise<void> | undefined
  #group: Waiter[] = []

  constructor({ clock, waitMsMax, late }: GateQueueOptions) {
    this.#clock = clock
    this.#waitMsMax = waitMsMax
    this.#late = late
  }

  /** Resolves some time after `flush` does; rejects as it does, or with `late()`. Who waits for the same tenant says the same `whose`. */
  wait(flush: Promise<void>, whose: object): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const waiter: Waiter = { whose, untilMs: this.#clock.monotonicMs() + this.#waitMsMax, resolve, reject }
    this.#waiting.add(waiter)
    if (flush !== this.#flush) this.#join(flush)
    this.#group.push(waiter)
    if (!this.#isTimed) this.#setTimer(this.#waitMsMax)
    return promise
  }

  #join(flush: Promise<void>): void {
    const group: Waiter[] = []
    this.#flush = flush
    this.#group = group
    flush.then(
      () => this.#letGo(group),
      (error: unknown) => {
        for (const waiter of group) if (this.#waiting.delete(waiter)) waiter.reject(error)
      },
    )
  }

  #letGo(group: readonly Waiter[]): void {
    for (const waiter of group) if (this.#waiting.delete(waiter)) this.#readyOf(waiter.whose).add(waiter)
    if (!this.#isReleasing) this.#release()
  }

  #release(): void {
    const turn: Waiter[] = []
    for (let waiter = this.#next(); waiter !== undefined; waiter = this.#next()) {
      turn.push(waiter)
      if (turn.length === GATE_RELEASE_COUNT) break
    }
    this.#isReleasing = this.#ready.size > 0
    if (this.#isReleasing) setImmediate(() => this.#release())
    for (const { resolve } of turn) resolve()
  }

  #readyOf(whose: object): Line<Waiter> {
    const known = this.#ready.get(whose)
    if (known !== undefined) return known
    const line = new Line<Waiter>()
    this.#ready.set(whose, line)
    return line
  }

  /** The first one of the tenant whose turn it is, which goes behind the others then. */
  #next(): Waiter | undefined {
    const [first] = this.#ready
    if (first === undefined) return undefined
    const [whose, line] = first
    const waiter = line.take()
    this.#ready.delete(whose)
    if (!line.isEmpty) this.#ready.set(whose, line)
    return waiter
  }

  #setTimer(delayMs: number): void {
    this.#isTimed = true
    this.#clock.after(delayMs, () => this.#turnAway())
  }

  /** Turns those away whose time is over, and looks again when that of the next one is. */
  #turnAway(): void {
    this.#isTimed = false
    const nowMs = this.#clock.monotonicMs()
    for (const waiter of this.#waiting) {
      if (waiter.untilMs > nowMs) {
        this.#setTimer(waiter.untilMs - nowMs)
        return
      }
      this.#waiting.delete(waiter)
      waiter.reject(this.#late())
    }
  }
}
