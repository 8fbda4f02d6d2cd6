/** The promises that a body gets: they carry a name, know the order in which they settled, and can be dropped. */
import type { Op } from '../api.ts'
import type { DropReason } from './scope.ts'

const PLEDGE = Symbol('pledge')

type OwnOp = Op<unknown> & { readonly [PLEDGE]: Pledge }

/** Counts what settles in one execution: the older of two settled operations wins a race (WORKFLOWS 17). */
export interface Order {
  count: number
}

/** A promise handed out, from the side of who keeps it. */
export class Pledge {
  readonly op: Op<unknown>
  readonly #order: Order
  readonly #drop: (reason: DropReason) => void
  readonly #resolve: (value: unknown) => void
  readonly #reject: (error: unknown) => void
  #settledAs: number | undefined
  #isDropped = false

  constructor(name: string, order: Order, drop: (reason: DropReason) => void) {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    // A failure that nobody awaits must not end the host (WORKFLOWS 8).
    promise.then(undefined, unawaited)
    this.#order = order
    this.#drop = drop
    this.#resolve = resolve
    this.#reject = reject
    this.op = Object.assign(promise, { op: name, [PLEDGE]: this })
  }

  /** Its place among what settled; undefined while it is open, and for ever when it was dropped. */
  get settledAs(): number | undefined {
    return this.#settledAs
  }

  /** True while it can still settle. */
  get isOpen(): boolean {
    return this.#settledAs === undefined && !this.#isDropped
  }

  resolve(value: unknown): void {
    if (this.#settle()) this.#resolve(value)
  }

  reject(error: unknown): void {
    if (this.#settle()) this.#reject(error)
  }

  /** Nobody wants it any more. What is open never settles. */
  drop(reason: DropReason): void {
    this.#isDropped = true
    this.#drop(reason)
  }

  /** Takes its place in the order, if it is still open. */
  #settle(): boolean {
    if (!this.isOpen) return false
    this.#order.count += 1
    this.#settledAs = this.#order.count
    return true
  }
}

/** What stands behind an operation; undefined for a promise that the engine does not know. */
export function pledgeOf(value: unknown): Pledge | undefined {
  return value instanceof Promise && PLEDGE in value ? (value as OwnOp)[PLEDGE] : undefined
}

/** Takes the failure of a promise that has been looked at elsewhere, or that nobody waits for. */
export function unawaited(): undefined {
  return undefined
}
