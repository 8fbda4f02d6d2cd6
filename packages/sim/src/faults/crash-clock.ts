/** Counts what happens on a disk and acts at one moment of it: all moments together are all crash points. */

/** Strikes once, at the k-th event from when it was set. */
export class CrashClock {
  readonly #strike: () => void
  #left = Number.POSITIVE_INFINITY
  #eventCount = 0

  constructor(strike: () => void) {
    this.#strike = strike
  }

  /** Strikes at the `left`-th event from now. */
  set(left: number): void {
    this.#left = left
  }

  /** Events so far. */
  get eventCount(): number {
    return this.#eventCount
  }

  /** One event. It is called before and behind each deed, so that both sides of it are crash points. */
  tick(): void {
    this.#eventCount += 1
    this.#left -= 1
    if (this.#left === 0) this.#strike()
  }
}
