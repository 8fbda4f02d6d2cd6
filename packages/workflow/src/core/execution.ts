/**
 * One life of a run's body in memory (see `ExecutionPort`). States of the body:
 *
 *   running ──returns, throws, continueAs()──► ended ──undone what is to be undone──► final
 *      │                                         └─a compensation failed──► stuck
 *      └──asks for something else than its record──► diverged
 */
import { assert } from '@tenax/kernel'
import { CancelledError } from '../errors.ts'
import { idempotencyKeyOf } from './calls.ts'
import { Compensator } from './compensator.ts'
import { Context, type ContextParts } from './context.ts'
import type { Entry } from './entry.ts'
import { storedErrorOf } from './failures.ts'
import { invoke } from './groups.ts'
import type { BodyState, Completion, RecordedOperation, Turn, UndoneOperation } from './history.ts'
import { decodeJson, encodePayload } from './json.ts'
import { Machine } from './machine.ts'
import type { ExecutionOptions, ExecutionPort } from './port.ts'
import { compensationPath, Scope } from './scope.ts'

type Final = Extract<BodyState, { type: 'completed' | 'failed' | 'cancelled' | 'continued' }>

/**
 * The replay core of one run.
 *
 * @example
 * const execution = new Execution(options)
 * const turn = await execution.replay()
 */
export class Execution implements ExecutionPort {
  readonly #options: ExecutionOptions
  readonly #machine: Machine
  readonly #compensator: Compensator
  readonly #parts: ContextParts
  readonly #root = new Scope('')
  #final: Final | undefined
  #cancelled: { seq: number; number: number }[] = []
  #cancelledAfter: number | undefined
  #undone: UndoneOperation[] = []
  /** Of the compensation that was begun last. */
  #undoing: Scope | undefined
  #isBusy = false

  constructor(options: ExecutionOptions) {
    this.#options = options
    this.#machine = new Machine(options, {
      abandoned: () => this.#undo((entry) => entry.isAbandoned),
      exhausted: (error) => this.#end(this.#machine.isCancelled ? { type: 'cancelled' } : { type: 'failed', error }),
    })
    this.#parts = {
      machine: this.#machine,
      ending: { continued: (inputJson) => this.#end({ type: 'continued', inputJson }) },
    }
    const skipped = new Set(options.history.skipped)
    this.#compensator = new Compensator(
      (entry) => this.#compensate(entry),
      (entry) => skipped.has(entry.identity),
    )
  }

  replay(): Promise<Turn> {
    return this.#alone(async () => {
      const recorded = completionsOf(this.#options.history.operations)
      this.#machine.announce(recorded.length)
      this.#begin()
      await this.#rest()
      if (this.#options.history.cancelledAfter === 0) this.#machine.beginCancel()
      for (const completion of recorded) {
        if (this.#machine.isStopped) break
        if (await this.#hasAsked(completion.seq)) await this.#deliver(completion)
        else this.#machine.missed(completion.seq)
      }
      await this.#hasAsked(this.#options.history.operations.length)
      if (!this.#machine.isStopped) this.#machine.checkRecord()
      if (this.#options.isCancelled && !this.#machine.isCancelled) await this.#cancel()
      return { ...this.#turn(), reopened: this.#isLive ? this.#machine.reopened() : [] }
    })
  }

  deliver(completions: readonly Completion[]): Promise<Turn> {
    return this.#alone(async () => {
      for (const { number } of completions) this.#machine.announce(number)
      for (const completion of completions) await this.#deliver(completion)
      return this.#turn()
    })
  }

  cancel(): Promise<Turn> {
    return this.#alone(async () => {
      if (!this.#machine.isCancelled) await this.#cancel()
      return this.#turn()
    })
  }

  rejectable(): readonly number[] {
    return this.#machine.isStopped || this.#final !== undefined ? [] : this.#machine.rejectable()
  }

  look(): Promise<Turn> {
    return this.#alone(async () => {
      await this.#rest()
      return this.#turn()
    })
  }

  stray(error: unknown, kind: 'unhandled_rejection' | 'uncaught_exception' = 'unhandled_rejection'): void {
    if (this.#machine.isCancelled && isCancelledError(error)) return
    const { message, ...rest } = storedErrorOf(error)
    const what = kind === 'unhandled_rejection' ? 'nobody awaits what was rejected' : 'a callback threw'
    const stored = { ...rest, code: kind, message: `${what}: ${message}` }
    this.#end({ type: 'failed', error: stored })
  }

  discard(): void {
    this.#machine.stop()
  }

  /** True while operations may still be performed. */
  get #isLive(): boolean {
    return this.#machine.divergence === undefined
  }

  async #alone(act: () => Promise<Turn>): Promise<Turn> {
    assert(!this.#isBusy, 'an execution takes one call at a time')
    this.#isBusy = true
    try {
      return await act()
    } finally {
      this.#isBusy = false
    }
  }

  #begin(): void {
    const ctx = new Context(this.#parts, this.#root, 'open')
    const input = decodeJson(this.#options.inputJson)
    invoke(() => this.#confine(() => this.#options.body(ctx, input as never))).then(
      (value) => this.#end(returned(value)),
      (error) => this.#end(this.#thrown(error)),
    )
  }

  #confine<T>(act: () => T): T {
    const { confine } = this.#options
    return confine === undefined ? act() : confine(act)
  }

  async #deliver(completion: Completion): Promise<void> {
    if (this.#machine.isStopped) return
    this.#machine.deliver(completion)
    await this.#rest()
    if (this.#options.history.cancelledAfter === completion.number) this.#machine.beginCancel()
  }

  /** What the cancellation rejects, it rejects a macrotask apart, just as a replay will. */
  async #cancel(): Promise<void> {
    if (this.#machine.isStopped || this.#final !== undefined) return
    this.#cancelledAfter = this.#machine.completedCount
    for (const seq of this.#machine.beginCancel()) {
      const number = this.#machine.cancelOne(seq)
      if (number === undefined) continue
      this.#cancelled.push({ seq, number })
      await this.#rest()
    }
  }

  /**
   * False when the body does not ask for operation `seq`. One that awaits something of its own gets the time for it that it
   * had when the record was made.
   */
  async #hasAsked(seq: number): Promise<boolean> {
    for (let looks = 0; !this.#machine.hasAsked(seq); looks += 1) {
      if (this.#machine.isStopped || this.#state().type !== 'stalled') return false
      if ((await this.#options.awaitForeign?.(looks)) !== true) return false
      await this.#rest()
    }
    return true
  }

  #rest(): Promise<void> {
    return this.#options.macrotask()
  }

  #thrown(error: unknown): Final {
    if (this.#machine.isCancelled && isCancelledError(error)) return { type: 'cancelled' }
    const seq = this.#machine.culpritOf(error, this.#root)
    return { type: 'failed', error: storedErrorOf(error), ...(seq === undefined ? {} : { seq }) }
  }

  /** The body has ended: what is open is dropped, and what it did is undone unless it succeeded. */
  #end(final: Final): void {
    if (this.#final !== undefined || this.#machine.isStopped) return
    this.#final = final
    this.#machine.abandon([this.#root], 'ended')
    if (final.type === 'failed' || final.type === 'cancelled') this.#undo(({ call }) => call.scope.root === this.#root)
    this.#compensator.release()
  }

  #undo(test: (entry: Entry) => boolean): void {
    if (this.#machine.isStopped) return
    const entries = this.#machine.undoable(test)
    const begun = { after: this.#machine.completedCount, isFinal: this.#final !== undefined }
    const { operations } = this.#options.history
    for (const { seq } of entries) if (operations[seq - 1]?.isUndone !== true) this.#undone.push({ seq, ...begun })
    this.#compensator.add(entries)
  }

  async #compensate(entry: Entry): Promise<void> {
    const scope = new Scope(compensationPath(entry.identity))
    this.#undoing = scope
    const ctx = new Context(this.#parts, scope, 'shielded')
    const run = entry.performedBy ?? this.#options.run.id
    const idempotencyKey = idempotencyKeyOf(this.#options.hash, run, entry.identity)
    await this.#confine(() => entry.call.compensate?.(ctx as never, { ...entry.result, idempotencyKey } as never))
  }

  #turn(): Turn {
    const state = this.#state()
    const operations = this.#machine.takeOperations()
    const output = this.#machine.outbox.take()
    const cancelled = { cancelled: this.#cancelled, cancelledAfter: this.#cancelledAfter, undone: this.#undone }
    this.#cancelled = []
    this.#undone = []
    this.#cancelledAfter = undefined
    const isCompensating = this.#final !== undefined && !this.#compensator.isIdle
    if (state.type === 'diverged') return { ...NOTHING, state }
    return { state, ...operations, reopened: [], ...output, ...cancelled, isCompensating }
  }

  #state(): BodyState {
    const { divergence, openCount } = this.#machine
    if (divergence !== undefined) return { type: 'diverged', divergence }
    if (this.#final === undefined) return { type: openCount > 0 ? 'waiting' : 'stalled' }
    const { stuck, isIdle } = this.#compensator
    if (stuck !== undefined) {
      const error = storedErrorOf(stuck.error)
      const seq = this.#undoing && this.#machine.culpritOf(stuck.error, this.#undoing)
      return { type: 'stuck', compensated: stuck.entry.identity, seq, error }
    }
    if (isIdle) return this.#final
    return { type: openCount > 0 ? 'waiting' : 'stalled' }
  }
}

const NOTHING: Omit<Turn, 'state'> = {
  asked: [],
  reopened: [],
  dropped: [],
  cancelled: [],
  cancelledAfter: undefined,
  undone: [],
  outputs: [],
  patches: {},
  isCompensating: false,
}

/** False too for what cannot even be asked what it is, such as a revoked proxy. */
function isCancelledError(error: unknown): boolean {
  try {
    return error instanceof CancelledError
  } catch {
    return false
  }
}

/** What a body that returned has come to: its result as JSON, or a failure that says why there is none. */
function returned(value: unknown): Final {
  try {
    return { type: 'completed', json: encodePayload(value) }
  } catch (error) {
    return { type: 'failed', error: storedErrorOf(error) }
  }
}

/** The completions of a record, in order of their numbers. */
function completionsOf(operations: readonly RecordedOperation[]): Completion[] {
  const completions = operations.flatMap(({ seq, completion }) =>
    completion === undefined ? [] : [{ ...completion, seq }],
  )
  return completions.sort((a, b) => a.number - b.number)
}
