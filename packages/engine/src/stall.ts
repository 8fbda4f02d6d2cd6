/** The pause of a tenant whose file could not be opened or written: longer from one failure to the next. */
import type { Clock } from '@tenax/kernel'
import { STALL_FIRST_MS, STALL_MS_MAX } from './limits.ts'

/** Whether, and until when, a tenant is left alone. */
export class Stall {
  readonly #clock: Clock
  #lengthMs = 0
  #untilMs: number | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** When it is over; undefined when there is none. */
  get untilMs(): number | undefined {
    return this.#untilMs
  }

  get isOn(): boolean {
    return this.#untilMs !== undefined
  }

  begin(): void {
    this.#lengthMs = Math.min(Math.max(this.#lengthMs * 2, STALL_FIRST_MS), STALL_MS_MAX)
    this.#untilMs = this.#clock.nowMs() + this.#lengthMs
  }

  /** The tenant is tried again. */
  end(): void {
    this.#untilMs = undefined
  }

  /** A commit succeeded: the next pause is a first one. */
  forget(): void {
    this.#lengthMs = 0
  }
}
