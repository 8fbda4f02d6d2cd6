/** Turns at one handle: one operation at a time, first come first served, a bounded queue and a bounded wait. */
import { type Clock, TenaxError } from '@tenax/kernel'

/** Ends a turn. Calling it twice is harmless. */
export type EndTurn = () => void

interface Waiter {
  readonly start: () => void
  readonly fail: (error: unknown) => void
}

/** A queue of turns. */
export class Turns {
  readonly #clock: Clock
  readonly #queueMax: number
  readonly #waitMsMax: number
  readonly #queue: Waiter[] = []
  #taken = false
  #refusal: (() => unknown) | undefined

  constructor(options: { clock: Clock; queueMax: number; waitMsMax: number }) {
    this.#clock = options.clock
    this.#queueMax = options.queueMax
    this.#waitMsMax = options.waitMsMax
  }

  /** How many wait, the one whose turn it is not counted. */
  get waiting(): number {
    return this.#queue.length
  }

  /** Refuses everybody from now on, those who wait included, with the error that `refusal` makes. */
  refuse(refusal: () => unknown): void {
    this.#refusal = refusal
    for (const waiter of this.#queue.splice(0)) waiter.fail(refusal())
  }

  /**
   * Waits for a turn. The caller ends it, whatever happens.
   *
   * @throws TenaxError `overloaded` when the queue is full or the wait too long
   */
  async take(): Promise<EndTurn> {
    if (this.#refusal !== undefined) throw this.#refusal()
    return this.takeLast()
  }

  /** As `take`, also when everybody else is refused: for the one who closes. */
  async takeLast(): Promise<EndTurn> {
    if (this.#taken) await this.#wait()
    this.#taken = true
    let ended = false
    return () => {
      if (ended) return
      ended = true
      this.#next()
    }
  }

  #wait(): Promise<void> {
    if (this.#queue.length >= this.#queueMax) throw overloaded()
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(this.#waitMsMax, () => {
        this.#queue.splice(this.#queue.indexOf(waiter), 1)
        reject(overloaded())
      })
      const waiter: Waiter = {
        start: () => {
          timer.cancel()
          resolve()
        },
        fail: (error) => {
          timer.cancel()
          reject(error)
        },
      }
      this.#queue.push(waiter)
    })
  }

  /** Hands the turn on without letting it go, so that nobody slips in between. */
  #next(): void {
    const waiter = this.#queue.shift()
    if (waiter === undefined) this.#taken = false
    else waiter.start()
  }
}

function overloaded(): TenaxError {
  return new TenaxError('overloaded', 'too many operations wait for this tenant', {
    hint: 'retry; a long statement or an open transaction holds the tenant',
  })
}
