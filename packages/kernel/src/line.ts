/**
 * Who waits, in order of coming. A Set would do, but for its length: the first of many is found behind all that were there before.
 */

/** A queue: first in, first out, each in constant time. */
export class Line<T> {
  #first: Place<T> | undefined
  #last: Place<T> | undefined

  get isEmpty(): boolean {
    return this.#first === undefined
  }

  add(value: T): void {
    const place: Place<T> = { value, next: undefined }
    if (this.#last === undefined) this.#first = place
    else this.#last.next = place
    this.#last = place
  }

  /** Takes the first one out; undefined when nobody waits. */
  take(): T | undefined {
    const place = this.#first
    this.#first = place?.next
    if (this.#first === undefined) this.#last = undefined
    return place?.value
  }
}

interface Place<T> {
  readonly value: T
  next: Place<T> | undefined
}
