/**
 * Time is an argument. Everything that needs the hour, a duration or a timer takes a {@link Clock}; only the system clock
 * below touches the platform's.
 */

/** A timer that can be taken back. Cancelling twice is harmless. */
export interface Timer {
  cancel(): void
}

/** Where time comes from. `nowMs` may jump (it is the calendar); `monotonicMs` never goes back (it measures). */
export interface Clock {
  /** Milliseconds since 1970-01-01 UTC. */
  nowMs(): number
  /** Milliseconds since some fixed moment; fractions allowed. */
  monotonicMs(): number
  /** Calls `fn` once after `delayMs`. The timer does not keep the process alive. */
  after(delayMs: number, fn: () => void): Timer
}

/** The platform's clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, fn) {
    const handle = setTimeout(fn, delayMs)
    handle.unref()
    return { cancel: () => clearTimeout(handle) }
  },
}

/** Resolves after `delayMs` of `clock`. */
export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(delayMs, resolve)
  })
}

/** As {@link sleep} on the platform's clock, for a program that has nothing else to do: it keeps the process alive. `signal` ends it early. */
export function pause(delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const handle = setTimeout(resolve, delayMs)
    signal?.addEventListener(
      'abort',
      () => {
        clearTimeout(handle)
        resolve()
      },
      { once: true },
    )
  })
}

/** A clock that stands still until it is told to move: for tests and simulations. */
export class ManualClock implements Clock {
  #nowMs: number
  #sequence = 0
  readonly #timers = new Map<number, { dueMs: number; fn: () => void }>()

  constructor(startMs = 1_700_000_000_000) {
    this.#nowMs = startMs
  }

  nowMs(): number {
    return this.#nowMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  after(delayMs: number, fn: () => void): Timer {
    const id = this.#sequence++
    this.#timers.set(id, { dueMs: this.#nowMs + delayMs, fn })
    return { cancel: () => void this.#timers.delete(id) }
  }

  /** How many timers wait. */
  get pending(): number {
    return this.#timers.size
  }

  /** Moves time on and runs what falls due, in order of due time, then of registration. */
  advance(byMs: number): void {
    const untilMs = this.#nowMs + byMs
    for (;;) {
      const next = this.#earliest(untilMs)
      if (next === undefined) break
      const [id, timer] = next
      this.#timers.delete(id)
      this.#nowMs = Math.max(this.#nowMs, timer.dueMs)
      timer.fn()
    }
    this.#nowMs = untilMs
  }

  #earliest(untilMs: number): [number, { dueMs: number; fn: () => void }] | undefined {
    let best: [number, { dueMs: number; fn: () => void }] | undefined
    for (const entry of this.#timers) {
      if (entry[1].dueMs <= untilMs && (best === undefined || entry[1].dueMs < best[1].dueMs)) best = entry
    }
    return best
  }
}
