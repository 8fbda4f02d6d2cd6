/** Callers of the pool that wait: in sets that are woken, for a bounded time, in a bounded number. */
import { type Clock, TenaxError } from '@tenax/kernel'

/** Who waits at one place; each is called once when it is woken. */
export type WaitingSet = Set<() => void>

/** All who wait, over all sets. */
export class Waiters {
  readonly #clock: Clock
  readonly #waitersMax: number
  #count = 0

  constructor(options: { clock: Clock; waitersMax: number }) {
    this.#clock = options.clock
    this.#waitersMax = options.waitersMax
  }

  /** How many callers wait; verbs are not counted. */
  get count(): number {
    return this.#count
  }

  /** As `waitIn`, for callers, whose number is bounded; verbs always find a place to wait. */
  queueIn(set: WaitingSet, deadlineMs: number): Promise<void> {
    if (this.#count >= this.#waitersMax) throw overloaded()
    this.#count += 1
    return this.waitIn(set, deadlineMs).finally(() => {
      this.#count -= 1
    })
  }

  /**
   * Resolves when the set is woken.
   *
   * @throws TenaxError `overloaded` when that takes longer than until `deadlineMs` of the monotonic clock
   */
  async waitIn(set: WaitingSet, deadlineMs: number): Promise<void> {
    const leftMs = deadlineMs - this.#clock.monotonicMs()
    if (leftMs <= 0) throw overloaded()
    await new Promise<void>((resolve, reject) => {
      const woken = () => {
        timer.cancel()
        resolve()
      }
      const timer = this.#clock.after(leftMs, () => {
        set.delete(woken)
        reject(overloaded())
      })
      set.add(woken)
    })
  }
}

/** Wakes everybody in `set`, in the order in which they came. */
export function wakeAll(set: WaitingSet): void {
  const callers = [...set]
  set.clear()
  for (const wake of callers) wake()
}

function overloaded(): TenaxError {
  return new TenaxError('overloaded', 'all open handles are in use', { hint: 'retry, or raise handlesMax' })
}
