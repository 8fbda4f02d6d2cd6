/** Requests that wait for the end of a run: how many there may be, and their end when the host stops. */
import type { RunDetail } from '@tenax/engine'
import { TenaxError } from '@tenax/kernel'
import { RESULT_WAITS_MAX } from './limits.ts'

/** Asks for a run once it has ended, or as it is after so long. */
export type AskResult = (timeoutMs: number) => Promise<RunDetail>

/** The waits of one host. */
export class ResultWaits {
  readonly #listeners = new Set<() => void>()
  #hasEnded = false
  #count = 0

  /** What `ask` answers, at once when the host stops meanwhile. Throws TenaxError `overloaded` beyond the limit. */
  async wait(ask: AskResult, timeoutMs: number): Promise<RunDetail> {
    if (timeoutMs === 0) return ask(0)
    if (this.#count >= RESULT_WAITS_MAX) {
      throw new TenaxError('overloaded', `${RESULT_WAITS_MAX} requests wait for runs already`, {
        hint: 'ask with timeout_ms=0, now and then',
      })
    }
    this.#count += 1
    const ended = Promise.withResolvers<void>()
    const forget = this.onEnd(ended.resolve)
    try {
      return await Promise.race([ask(timeoutMs), ended.promise.then(() => ask(0))])
    } finally {
      forget()
      this.#count -= 1
    }
  }

  /** Calls `listener` when everybody who waits is to be answered, at once if that is now. The answer forgets it. */
  onEnd(listener: () => void): () => void {
    if (this.#hasEnded) listener()
    else this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Everybody who waits is answered with what there is. */
  end(): void {
    this.#hasEnded = true
    for (const listener of [...this.#listeners]) listener()
    this.#listeners.clear()
  }
}
