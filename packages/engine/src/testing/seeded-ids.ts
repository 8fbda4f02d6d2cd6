/** Ids that follow from a seed, and from the call that draws them: a call that a crash makes anew draws the same. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { createHash } from 'node:crypto'

interface Row {
  readonly name: string
  count: number
}

/** See the head of this module. */
export class SeededIds {
  readonly #seed: string
  readonly #rest: Row = { name: '', count: 0 }
  readonly #row = new AsyncLocalStorage<Row>()

  constructor(seed: string) {
    this.#seed = seed
  }

  /** 20 characters of those that an id may have. */
  readonly draw = (): string => {
    const row = this.#row.getStore() ?? this.#rest
    row.count += 1
    return createHash('sha256').update(`${this.#seed}\n${row.name}\n${row.count}`).digest('hex').slice(0, 20)
  }

  /** What `work` draws comes from a row of that name, from its first on. */
  within<T>(name: string, work: () => T): T {
    return this.#row.run({ name, count: 0 }, work)
  }
}
