/**
 * When a run in memory keeps still: it is paused (WORKFLOWS 19), its record has refused a turn for that, or its children are to
 * end before a cancellation reaches its body (WORKFLOWS 22). The ends of attempts in flight are recorded, and nothing else
 * happens; when nothing is in flight any more it leaves memory.
 */
import type { ExecutionPort } from '@tenax/workflow/core'
import type { Inbox } from './inbox.ts'
import type { OpenOperations } from './open-operations.ts'
import type { Recorder } from './parts.ts'
import { cancelChild } from './store/endings.ts'
import { keepEnds, parkRun } from './store/pauses.ts'

/** The run that keeps still. */
export interface StillOwner {
  readonly recorder: Recorder
  readonly open: OpenOperations
  readonly inbox: Inbox
  readonly execution: Pick<ExecutionPort, 'rejectable'>
  number(): number | undefined
  isOver(): boolean
  /** True while a cancellation that was asked for has yet to reach a body that is at rest. */
  isCancelPending(): boolean
  /** Resolves when something has happened. */
  poked(): Promise<void>
}

/** See the head of this module. */
export class KeepingStill {
  isPaused = false
  /** True when the record has refused a turn: the execution is ahead of it. */
  isAhead = false
  readonly #owner: StillOwner
  /** Operations whose children were asked to end. */
  readonly #asked = new Set<number>()

  constructor(owner: StillOwner) {
    this.#owner = owner
  }

  get isOn(): boolean {
    return this.isPaused || this.isAhead || this.#awaited().length > 0
  }

  /** Open operations whose children go with this run. */
  childSeqs(): readonly number[] {
    const { execution, open } = this.#owner
    return execution.rejectable().filter((seq) => {
      const spec = open.get(seq)?.asked.spec
      return spec?.kind === 'child' && spec.onParentClose === 'cancel'
    })
  }

  #awaited(): readonly number[] {
    if (!this.#owner.isCancelPending()) return []
    return this.childSeqs().filter((seq) => !this.#owner.inbox.has(seq))
  }

  /** Keeps still as long as it has to. True when the run is to leave memory. */
  async keep(): Promise<boolean> {
    const { recorder, inbox, open, isOver, poked } = this.#owner
    while (this.isOn && !isOver()) {
      const ends = inbox.takeUnrecorded()
      const children = this.#awaited()
      const isLast = open.inFlightCount === 0
      const { isAhead } = this
      if (ends.length > 0 || isLast || children.some((seq) => !this.#asked.has(seq))) {
        const { value } = await recorder.submit((file, effects) => {
          const run = this.#owner.number() ?? 0
          keepEnds(file, { run, ends }, effects)
          for (const seq of children) cancelChild(file, run, seq, effects)
          return isLast && parkRun(file, run, { isAhead, children })
        })
        for (const seq of children) this.#asked.add(seq)
        if (value) return true
      } else await poked()
    }
    return false
  }
}
