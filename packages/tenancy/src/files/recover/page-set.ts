/** Which pages of a file are known: one bit for each. */
import { LOCK_PAGE_NUMBER } from '@tenax/sqlite'

const BYTES_MIN = 32

/** A set of page numbers, from 1. */
export class PageSet {
  #bits = new Uint8Array(BYTES_MIN)
  #count = 0

  has(number: number): boolean {
    return ((this.#bits[number >> 3] ?? 0) & (1 << (number & 7))) !== 0
  }

  add(number: number): void {
    if (this.has(number)) return
    const at = number >> 3
    if (at >= this.#bits.length) {
      const larger = new Uint8Array(Math.max(at + 1, this.#bits.length * 2))
      larger.set(this.#bits)
      this.#bits = larger
    }
    this.#bits[at] = (this.#bits[at] ?? 0) | (1 << (number & 7))
    this.#count += 1
  }

  /** Takes out every page behind `last`. */
  cut(last: number): void {
    for (let number = last + 1; number < this.#bits.length * 8; number += 1) {
      if (!this.has(number)) continue
      this.#bits[number >> 3] = (this.#bits[number >> 3] ?? 0) & ~(1 << (number & 7))
      this.#count -= 1
    }
  }

  clear(): void {
    this.#bits = new Uint8Array(BYTES_MIN)
    this.#count = 0
  }

  /** Whether a file of `databasePages` pages is known in whole; the lock page has nothing in it. */
  isWhole(databasePages: number): boolean {
    const isLockPageIn = databasePages >= LOCK_PAGE_NUMBER && !this.has(LOCK_PAGE_NUMBER)
    return this.#count + (isLockPageIn ? 1 : 0) === databasePages
  }
}
