/** Bounded concurrency: so many calls at work, so many waiting, in order of coming; the rest is refused. */
import { Line, TenaxError } from '@tenax/kernel'
import { unavailable } from './blob-errors.ts'
import { WAITING_CALLS_MAX } from './limits.ts'

interface Waiting {
  readonly begin: () => void
  isGone: boolean
}

/** Places at work. */
export class Slots {
  readonly #line = new Line<Waiting>()
  readonly #callsMax: number
  #callCount = 0
  #waitingCount = 0
  #isClosed = false

  constructor(callsMax: number) {
    this.#callsMax = callsMax
  }

  /**
   * Runs `deed` when there is a place.
   *
   * @throws TenaxError `overloaded`, `unavailable` when closed; the signal's reason when it is aborted before `deed` began
   */
  async use<T>(signal: AbortSignal | undefined, deed: () => Promise<T>): Promise<T> {
    this.#check(signal)
    if (this.#callCount < this.#callsMax) this.#callCount += 1
    else await this.#wait(signal)
    try {
      this.#check(signal)
      return await deed()
    } finally {
      this.#giveOn()
    }
  }

  /** Refuses whoever comes or still waits from now on. */
  close(): void {
    this.#isClosed = true
  }

  #check(signal: AbortSignal | undefined): void {
    if (this.#isClosed) throw unavailable('object storage was closed')
    signal?.throwIfAborted()
  }

  async #wait(signal: AbortSignal | undefined): Promise<void> {
    if (this.#waitingCount >= WAITING_CALLS_MAX) {
      throw new TenaxError('overloaded', 'too many calls wait for object storage', { hint: 'wait and repeat' })
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const waiting: Waiting = { begin: resolve, isGone: false }
    const leave = () => {
      waiting.isGone = true
      reject(signal?.reason)
    }
    signal?.addEventListener('abort', leave, { once: true })
    this.#waitingCount += 1
    this.#line.add(waiting)
    try {
      await promise
    } finally {
      signal?.removeEventListener('abort', leave)
    }
  }

  /** The place goes to the first who still waits for it. Who has gone counts until here, so that the line stays bounded. */
  #giveOn(): void {
    for (let next = this.#line.take(); next !== undefined; next = this.#line.take()) {
      this.#waitingCount -= 1
      if (next.isGone) continue
      next.begin()
      return
    }
    this.#callCount -= 1
  }
}
