/** Looks at a body that awaits something of its own: less and less often, until it has taken too long (WORKFLOWS 8). */
import type { Clock } from '@tenax/kernel'
import type { Turn } from '@tenax/workflow/core'
import { FOREIGN_FIRST_MS, FOREIGN_LOOK_MS_MAX, FOREIGN_MS_MAX } from './limits.ts'
import { failed } from './stored-error.ts'

const MESSAGE = 'the body awaits a promise that is no operation of its context: put that work into a step'

/** The looks at one run in memory. */
export class ForeignLooks {
  readonly #clock: Clock
  #sinceMs: number | undefined
  #waitedMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The body went on: the next such place has its time anew. */
  reset(): void {
    this.#sinceMs = undefined
  }

  /** Waits until the next look is due, or `poked` resolves, which `poke` does. */
  async wait(poked: Promise<void>, poke: () => void): Promise<void> {
    const nowMs = this.#clock.monotonicMs()
    this.#sinceMs ??= nowMs
    this.#waitedMs = nowMs - this.#sinceMs
    const waitMs = Math.min(Math.max(this.#waitedMs, FOREIGN_FIRST_MS), FOREIGN_LOOK_MS_MAX)
    const timer = this.#clock.after(waitMs, poke)
    await poked
    timer.cancel()
  }

  /** What a look came to: undefined when the body has not moved and may still have time. */
  judge(turn: Turn): Turn | undefined {
    const isSilent = turn.state.type === 'stalled' && turn.asked.length + turn.outputs.length === 0
    if (!isSilent) return turn
    if (this.#waitedMs < FOREIGN_MS_MAX) return undefined
    const outcome = failed('awaits_foreign_promise', MESSAGE, 1)
    return outcome.type === 'error' ? { ...turn, state: { type: 'failed', error: outcome.error } } : turn
  }
}
