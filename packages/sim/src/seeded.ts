/** A seeded generator of choices: the same seed makes the same choices, so that a failure can be repeated. */
import { assert } from '@tenax/kernel'

/** Numbers that look random and follow from a seed (mulberry32, Tommy Ettinger, public domain). */
export class Seeded {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** The next number in [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }

  /** A whole number from 0 to `count` - 1. */
  below(count: number): number {
    return Math.floor(this.next() * count)
  }

  /** One of `items`, which are not none. */
  pick<T>(items: readonly T[]): T {
    const [item] = items.slice(this.below(items.length))
    assert(item !== undefined, 'something can be picked')
    return item
  }

  /** A generator of its own that follows from this seed and `name`. */
  branch(name: string): Seeded {
    let hash = this.#state
    for (const char of name) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193) >>> 0
    return new Seeded(hash)
  }
}
