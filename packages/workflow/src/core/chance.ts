/** Randomness of a run: it derives from the seed, so that nothing needs to be recorded for it (WORKFLOWS 5). */

/** A hash of a text as hexadecimal digits. */
export type Hash = (text: string) => string

/** The first `count` hexadecimal digits that derive from `text`, whatever the width of the hash. */
export function digitsOf(hash: Hash, text: string, count: number): string {
  let digits = ''
  for (let part = 0; digits.length < count; part += 1) digits += hash(`${part}\n${text}`)
  return digits.slice(0, count)
}

/** Numbers and ids of a run, in the order in which they are drawn in a scope. */
export class Chance {
  readonly #hash: Hash
  readonly #seed: string
  readonly #drawn = new Map<string, number>()

  constructor(hash: Hash, seed: string) {
    this.#hash = hash
    this.#seed = seed
  }

  /** A number from 0 to below 1. Each scope has a row of its own, so that a branch does not shift its neighbour's. */
  random(scope: string): number {
    return Number.parseInt(this.#draw(scope, 13), 16) / 2 ** 52
  }

  /** A UUID of version 4. */
  uuid(scope: string): string {
    const digits = this.#draw(scope, 32)
    const variant = '89ab'[Number.parseInt(digits.charAt(16), 16) % 4]
    const groups = [digits.slice(0, 8), digits.slice(8, 12), `4${digits.slice(13, 16)}`]
    return [...groups, `${variant}${digits.slice(17, 20)}`, digits.slice(20)].join('-')
  }

  #draw(scope: string, count: number): string {
    const index = this.#drawn.get(scope) ?? 0
    this.#drawn.set(scope, index + 1)
    return digitsOf(this.#hash, `${this.#seed}\n${scope}\n${index}`, count)
  }
}
