/** Time that stands still until it is told to move, one timer at a time. */
import { assert, type Clock, type Timer } from '@tenax/kernel'

interface Waiting {
  readonly dueMs: number
  readonly fn: () => void
}

/** The clock as one life of the engine has it. */
export interface ClockFace extends Clock {
  /** Forgets its timers: whoever waits for one waits for ever. */
  drop(): void
}

/** The hour of a test. */
export class VirtualClock {
  #nowMs: number
  /** In the order in which they were set, which decides between those that are due at the same time. */
  readonly #timers = new Set<Waiting>()

  constructor(startMs: number) {
    this.#nowMs = startMs
  }

  get nowMs(): number {
    return this.#nowMs
  }

  /** A view of its own, with the same hour. */
  face(): ClockFace {
    const own = new Set<Waiting>()
    let isDropped = false
    return {
      nowMs: () => this.#nowMs,
      monotonicMs: () => this.#nowMs,
      after: (delayMs, fn) => {
        const timer: Waiting = {
          dueMs: this.#nowMs + Math.max(0, delayMs),
          fn: () => {
            own.delete(timer)
            fn()
          },
        }
        if (!isDropped && Number.isFinite(delayMs)) {
          own.add(timer)
          this.#timers.add(timer)
        }
        return this.#cancellable(timer)
      },
      drop: () => {
        isDropped = true
        for (const timer of own) this.#timers.delete(timer)
      },
    }
  }

  /** Moves to the first timer that is due by `untilMs`, and calls it. False when there is none. */
  runNext(untilMs: number): boolean {
    let next: Waiting | undefined
    for (const timer of this.#timers) if (next === undefined || timer.dueMs < next.dueMs) next = timer
    if (next === undefined || next.dueMs > untilMs) return false
    this.#timers.delete(next)
    this.#nowMs = Math.max(this.#nowMs, next.dueMs)
    next.fn()
    return true
  }

  /** Moves to a time before which nothing is due. */
  moveTo(atMs: number): void {
    assert(atMs >= this.#nowMs, 'time does not go back')
    this.#nowMs = atMs
  }

  #cancellable(timer: Waiting): Timer {
    return { cancel: () => void this.#timers.delete(timer) }
  }
}
