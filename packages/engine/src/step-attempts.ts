/**
 * Attempts of one run's steps: when they begin, and what becomes of their ends.
 *
 *   asked ──durable──► may start ──a place is free──► in flight ──► settled
 *                        ▲                               │ failed, worth another try
 *                        └──durable again◄──due◄──recorded┘
 */
import type { Json } from '@tenax/workflow'
import type { Outcome } from '@tenax/workflow/core'
import { type AttemptEnd, runAttempt, type StepSpec } from './attempt.ts'
import { STEPS_IN_FLIGHT_MAX } from './limits.ts'
import type { OpenOperation, OpenOperations, StartLeave } from './open-operations.ts'
import type { EngineParts, Recorder } from './parts.ts'
import { type Outlook, writeOutlook } from './store/runs.ts'
import { writeAttempt } from './store/steps.ts'
import { failed } from './stored-error.ts'
import type { RunName } from './watch/loop-note.ts'

/** The run whose steps these are. */
export interface AttemptsOwner {
  readonly parts: EngineParts
  readonly recorder: Recorder
  readonly open: OpenOperations
  readonly name: RunName
  /** The run's number; undefined when it has none yet, or has left memory. */
  number(): number | undefined
  /** True while none may begin: its run is paused. */
  isHeld(): boolean
  outlook(): Outlook
  /** A step has its outcome. `attempts`: how many it took. */
  settled(seq: number, outcome: Outcome, attempts: number): void
  /** A failed attempt was recorded, and with it how the run goes on. */
  kept(outlook: Outlook | undefined): void
  /** Something could not be recorded. */
  lost(): void
}

/** The steps of one run in memory. */
export class StepAttempts {
  readonly #owner: AttemptsOwner

  constructor(owner: AttemptsOwner) {
    this.#owner = owner
  }

  /** What these build on is durable: those that need not wait for their time may start. */
  allow(leaves: readonly StartLeave[]): void {
    this.#owner.open.allowStart(leaves, this.#owner.parts.clock.nowMs())
    this.#start()
  }

  /** Sees to attempts whose time has come: each is an effect, so whatever was committed meanwhile is durable first. */
  tick(nowMs: number): void {
    const due = this.#owner.open.takeRetries(nowMs)
    if (due.length === 0) return
    this.#owner.recorder.durable().then(
      () => this.allow(due),
      () => this.#owner.lost(),
    )
  }

  /** Those that were held may begin: each is an effect, so whatever was committed meanwhile is durable first. */
  release(): void {
    this.#owner.recorder.durable().then(this.#start, () => this.#owner.lost())
  }

  /** A field, so that waiting for a place twice counts once. */
  readonly #start = (): void => {
    const { open, parts } = this.#owner
    if (this.#owner.number() === undefined || this.#owner.isHeld() || parts.isClosing()) return
    for (const operation of open.startable()) {
      if (open.inFlightCount >= STEPS_IN_FLIGHT_MAX) return
      if (wasInterrupted(operation)) this.#interrupt(operation)
      else if (parts.places.take()) this.#attempt(operation)
      else {
        parts.places.wait(this.#start)
        return
      }
    }
  }

  #interrupt(operation: OpenOperation): void {
    operation.isHandled = true
    operation.begunCount += 1
    const outcome = failed('step_interrupted', 'the host stopped while the step was under way', operation.attempts)
    this.#owner.settled(operation.asked.seq, outcome, operation.attempts)
  }

  #attempt(operation: OpenOperation): void {
    const { parts, name } = this.#owner
    const { asked, attempts, progressJson } = operation
    const controller = new AbortController()
    operation.flight = controller
    operation.begunCount += 1
    const spec = this.#seamed(asked.identity, asked.spec as StepSpec)
    const number = attempts + 1
    const show = (value: Json) => {
      const run = operation.flight === controller ? this.#owner.number() : undefined
      const shown = { type: 'live', step: asked.identity, attempt: number, atMs: parts.clock.nowMs(), value } as const
      if (run !== undefined) parts.feeds.show(name.tenant, run, shown)
    }
    const attempt = { name, spec, number, lastJson: progressJson, clock: parts.clock, controller, show }
    void runAttempt(attempt).then((end) => {
      this.#ended(operation, end)
      parts.places.release()
    })
  }

  #seamed(identity: string, spec: StepSpec): StepSpec {
    const { name, run: fn } = spec
    const step = { run: this.#owner.number() ?? 0, identity, name, fn }
    return { ...spec, run: (attempt) => this.#owner.parts.seams.runStep(step, attempt) }
  }

  #ended(operation: OpenOperation, end: AttemptEnd): void {
    const { open, parts } = this.#owner
    const { seq } = operation.asked
    if (this.#owner.number() === undefined || parts.isClosing()) return
    const isAwaited = open.get(seq) === operation
    if (isAwaited && end.type === 'settled') {
      operation.flight = undefined
      operation.isHandled = true
      this.#owner.settled(seq, end.outcome, operation.attempts + 1)
    } else if (isAwaited && end.type === 'again') this.#keep(operation, end)
    this.#start()
  }

  /** A failed attempt and its next time are one commit (WORKFLOWS 13). Until then it is in flight: nothing builds on it. */
  #keep(operation: OpenOperation, { error, delayMs, progressJson }: Extract<AttemptEnd, { type: 'again' }>): void {
    const { recorder, parts } = this.#owner
    const nextAtMs = parts.clock.nowMs() + delayMs
    operation.attempts = error.attempts
    operation.dueAtMs = nextAtMs
    operation.mayStart = false
    operation.progressJson = progressJson ?? operation.progressJson
    const { seq } = operation.asked
    const work = recorder.submit((file) => {
      operation.flight = undefined
      const run = this.#owner.number()
      if (run === undefined || !writeAttempt(file, run, { seq, error, nextAtMs, progressJson })) return undefined
      const outlook = this.#owner.outlook()
      writeOutlook(file, run, outlook)
      return outlook
    })
    work.then(
      ({ value }) => this.#owner.kept(value),
      () => this.#owner.lost(),
    )
  }
}

/** A step that may run at most once has its attempt counted before it begins: found open again, nobody knows how it went. */
function wasInterrupted({ asked: { spec }, attempts }: OpenOperation): boolean {
  return spec.kind === 'step' && spec.atMostOnce && attempts > 0
}
