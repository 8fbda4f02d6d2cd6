/** Places for attempts in flight: bounded per host, given in turn to whoever waits, so that no run shuts out another. */

/** A bounded number of places. */
export class Places {
  #freeCount: number
  readonly #waiters = new Set<() => void>()

  constructor(count: number) {
    this.#freeCount = count
  }

  /** Takes a place if one is free. */
  take(): boolean {
    if (this.#freeCount === 0) return false
    this.#freeCount -= 1
    return true
  }

  /** Calls `again` once when a place is free; whoever takes none leaves it to the next. Asking twice counts once. */
  wait(again: () => void): void {
    this.#waiters.add(again)
  }

  /** Gives a place back. */
  release(): void {
    this.#freeCount += 1
    for (const again of this.#waiters) {
      if (this.#freeCount === 0) return
      this.#waiters.delete(again)
      again()
    }
  }
}
