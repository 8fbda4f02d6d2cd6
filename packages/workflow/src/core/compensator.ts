/** Runs compensations one at a time, the operation that ended last first (WORKFLOWS 21). */
import type { Entry } from './entry.ts'

/** The compensation that stopped the rest. */
export interface Stuck {
  readonly entry: Entry
  readonly error: unknown
}

/** The queue of what is to be undone. */
export class Compensator {
  readonly #compensate: (entry: Entry) => PromiseLike<unknown>
  readonly #isSkipped: (entry: Entry) => boolean
  #queue: Entry[] = []
  #isBusy = false
  #stuck: Stuck | undefined
  #isReleased = false

  constructor(compensate: (entry: Entry) => PromiseLike<unknown>, isSkipped: (entry: Entry) => boolean) {
    this.#compensate = compensate
    this.#isSkipped = isSkipped
  }

  /** True when there is nothing left to undo. */
  get isIdle(): boolean {
    return !this.#isBusy
  }

  get stuck(): Stuck | undefined {
    return this.#stuck
  }

  /** Takes in what is not undone yet and begins, unless it has. */
  add(entries: readonly Entry[]): void {
    for (const entry of entries) entry.isUndone = true
    this.#queue = [...this.#queue, ...entries].sort((a, b) => b.endedAs - a.endedAs || b.seq - a.seq)
    if (this.#isBusy || this.#queue.length === 0) return
    this.#isBusy = true
    void this.#work()
  }

  /**
   * The body has ended. A failure that is skipped holds up the rest only until then: while the body goes on, what it asks
   * for must not meet what the rest asks for in another order than it did before the skipping.
   */
  release(): void {
    this.#isReleased = true
    if (this.#stuck === undefined || !this.#isSkipped(this.#stuck.entry)) return
    this.#stuck = undefined
    void this.#work()
  }

  async #work(): Promise<void> {
    for (let entry = this.#queue.shift(); entry !== undefined; entry = this.#queue.shift()) {
      try {
        await this.#compensate(entry)
      } catch (error) {
        if (this.#isReleased && this.#isSkipped(entry)) continue
        this.#stuck = { entry, error }
        return
      }
    }
    this.#isBusy = false
  }
}
