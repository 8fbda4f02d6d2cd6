/**
 * What one life of the engine is doing. Between two of these it waits for nothing but microtasks, so when none is under way
 * and a macrotask passes in which none begins, it rests until time moves or somebody asks.
 */
import { systemClock } from '@tenax/kernel'
import { STUCK_MS } from './limits.ts'

/** Everything that is under way. */
export class Activity {
  readonly #names = new Map<symbol, string>()
  #begunCount = 0
  #isOver = false
  #heard: (() => void)[] = []

  /** Says that something has begun. The answer says that it has ended; twice is harmless. */
  begin(name: string): () => void {
    const id = Symbol(name)
    this.#names.set(id, name)
    this.#begunCount += 1
    return () => {
      if (this.#names.delete(id) && this.#names.size === 0) this.#tell()
    }
  }

  async during<T>(name: string, work: () => Promise<T>): Promise<T> {
    const end = this.begin(name)
    try {
      return await work()
    } finally {
      end()
    }
  }

  /** The life is over: nobody waits for what it does. */
  end(): void {
    this.#isOver = true
    this.#tell()
  }

  /** Resolves at rest. Rejects when something has been under way for {@link STUCK_MS}. */
  async rest(): Promise<void> {
    while (!this.#isOver) {
      if (this.#names.size > 0) await this.#ended()
      const begunCount = this.#begunCount
      await new Promise((resolve) => setImmediate(resolve))
      if (this.#names.size === 0 && this.#begunCount === begunCount) return
    }
  }

  #ended(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const timer = systemClock.after(STUCK_MS, () => {
      const names = [...new Set(this.#names.values())].join(', ')
      reject(new Error(`still under way after ${STUCK_MS} ms of real time: ${names}`))
    })
    this.#heard.push(() => {
      timer.cancel()
      resolve()
    })
    return promise
  }

  #tell(): void {
    for (const hear of this.#heard.splice(0)) hear()
  }
}
