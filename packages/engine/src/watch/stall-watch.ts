/**
 * What the watching thread does at each of its looks, apart from the thread itself.
 *
 *   turning ──no beat for reportMs──► reported ──no beat for killMs──► killed
 *      ▲                                 │
 *      └───────────── a beat ────────────┘
 *
 * Time is counted in looks: a process that was stopped as a whole, or a machine that slept, has looked as little as it has beaten.
 */
import type { RunName } from './loop-note.ts'

/** What the loop shows. */
export interface WatchedLoop {
  readonly beats: number
  readonly isDebugged: boolean
  readonly run: RunName | undefined
}

/** What is done about a loop that stands still. */
export interface StallActions {
  /** It stands: told once, and again when it is known later who it is. */
  report(stalledMs: number, run: RunName | undefined): void
  /** Asks the loop's own interpreter whose code it is in; the answer may never come. */
  ask(answer: (run: RunName) => void): void
  /** It turns again. */
  recovered(stalledMs: number, run: RunName | undefined): void
  kill(stalledMs: number, run: RunName | undefined): void
}

/** When what is done, in milliseconds. Without `killMs` nothing is ever ended. */
export interface StallLimits {
  readonly reportMs: number
  readonly killMs: number | undefined
  /** A look that comes later than this counts as this: it was not only the loop that stood. */
  readonly lookMsMax: number
}

/** The state of the watch over one loop. */
export class StallWatch {
  readonly #loop: WatchedLoop
  readonly #limits: StallLimits
  readonly #actions: StallActions
  #beats: number
  #stalledMs = 0
  #isReported = false
  #run: RunName | undefined

  constructor(loop: WatchedLoop, limits: StallLimits, actions: StallActions) {
    this.#loop = loop
    this.#limits = limits
    this.#actions = actions
    this.#beats = loop.beats
  }

  /** Looks at the loop, `sinceMs` after the look before. */
  look(sinceMs: number): void {
    const { beats, isDebugged } = this.#loop
    if (beats !== this.#beats) {
      this.#beats = beats
      this.#turns()
      return
    }
    this.#stalledMs += Math.min(sinceMs, this.#limits.lookMsMax)
    if (this.#stalledMs >= this.#limits.reportMs) this.#report()
    // At a breakpoint the loop stands because somebody looks at it.
    if (this.#limits.killMs !== undefined && this.#stalledMs >= this.#limits.killMs && !isDebugged) {
      this.#actions.kill(this.#stalledMs, this.#run)
    }
  }

  #turns(): void {
    if (this.#isReported) this.#actions.recovered(this.#stalledMs, this.#run)
    this.#stalledMs = 0
    this.#isReported = false
    this.#run = undefined
  }

  #report(): void {
    if (this.#isReported) return
    this.#isReported = true
    this.#run = this.#loop.run
    this.#actions.report(this.#stalledMs, this.#run)
    if (this.#run !== undefined) return
    const beats = this.#beats
    this.#actions.ask((run) => {
      if (!this.#isReported || this.#beats !== beats || this.#loop.beats !== beats) return
      this.#run = run
      this.#actions.report(this.#stalledMs, run)
    })
  }
}
