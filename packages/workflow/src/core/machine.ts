/**
 * What one execution of a body has asked for and been given. Invariants:
 *
 * 1. Operations are numbered densely in the order of asking; where the record has that number, it has the same operation.
 * 2. An operation is open until its completion is delivered, it is rejected by the cancellation, or it is dropped.
 * 3. Behind `stop()` nothing is asked for, put out or settled.
 *
 * Nothing in here waits: the driver's side is `Execution`, the body's side `Context`.
 */
import { assert } from '@tenax/kernel'
import { CancelledError, StepError } from '../errors.ts'
import { OPERATIONS_ADVISED_MAX, OPERATIONS_MAX, REFUSED_OPERATIONS_MAX } from '../limits.ts'
import { Chance } from './chance.ts'
import { difference, missing, revived } from './divergence.ts'
import { type Call, Entry, type EntryParts } from './entry.ts'
import { causesOf, stepErrorOf, storedErrorOf } from './failures.ts'
import type { AskedOperation, Completion, Divergence, OutputContent, StoredError } from './history.ts'
import { decodeJson } from './json.ts'
import { Outbox } from './outbox.ts'
import { Pledge } from './pledge.ts'
import type { ExecutionOptions } from './port.ts'
import type { DropReason, Scope } from './scope.ts'

/** What is told to whoever keeps the machine. */
export interface MachineEvents {
  /** Operations were dropped or came in late: some may have to be undone. */
  abandoned(): void
  /** The body asked for more than a run may have. */
  exhausted(error: StoredError): void
}

/** Operations, numbers and outputs of one execution. */
export class Machine {
  readonly options: ExecutionOptions
  readonly outbox: Outbox
  readonly chance: Chance
  readonly #events: MachineEvents
  readonly #order = { count: 0 }
  readonly #open = new Map<number, Entry>()
  /** Operations that declared a compensation, in order of `seq`. */
  readonly #undoable = new Map<number, Entry>()
  readonly #culprits = new WeakMap<object, Entry>()
  #fresh: Entry[] = []
  #dropped = new Set<number>()
  #askedCount = 0
  #completedCount = 0
  #knownCount = 0
  #nowMs: number
  #isCancelled = false
  #refusedCount = 0
  #isStopped = false
  #divergence: Divergence | undefined

  constructor(options: ExecutionOptions, events: MachineEvents) {
    this.options = options
    this.#events = events
    this.outbox = new Outbox(options.history)
    this.chance = new Chance(options.hash, options.seed)
    this.#nowMs = options.startedAtMs
  }

  get nowMs(): number {
    return this.#nowMs
  }

  /** The number of the last completion that the body has seen. */
  get completedCount(): number {
    return this.#completedCount
  }

  get openCount(): number {
    return this.#open.size
  }

  get isCancelled(): boolean {
    return this.#isCancelled
  }

  get isStopped(): boolean {
    return this.#isStopped
  }

  get divergence(): Divergence | undefined {
    return this.#divergence
  }

  /** True when the body has seen all completions that there are, and asked for all that is recorded. */
  get isBeyondRecord(): boolean {
    return this.#askedCount >= this.options.history.operations.length && this.#completedCount >= this.#knownCount
  }

  /** There are completions up to this number, though the body has not seen them yet. */
  announce(number: number): void {
    this.#knownCount = Math.max(this.#knownCount, number)
  }

  /** Puts out what the record does not have yet. */
  put(output: OutputContent): void {
    this.outbox.put({ ...output, after: this.#completedCount })
  }

  /** A promise of a group of branches. */
  pledge(name: string, drop: (reason: DropReason) => void): Pledge {
    return new Pledge(name, this.#order, drop)
  }

  /** A promise that is already rejected, or one that never settles. Neither is recorded. */
  refuse(name: string, error?: unknown): Pledge {
    const pledge = this.pledge(name, ignoreDrop)
    if (error === undefined) return pledge
    this.#refusedCount += 1
    if (this.#refusedCount > REFUSED_OPERATIONS_MAX) this.#events.exhausted(obstinacy())
    else pledge.reject(error)
    return pledge
  }

  /** Asks for an operation. */
  ask(call: Call): Pledge {
    if (this.#isStopped || call.scope.isDropped) return this.refuse(call.name)
    if (this.#isCancelled && !call.isShielded) return this.refuse(call.name, new CancelledError())
    const taken = call.scope.take(call.name, call.key)
    if (taken === undefined) return this.refuse(call.name, duplicate(call))
    try {
      return this.#record(call, taken)
    } catch (error) {
      call.scope.free(taken.label)
      return this.refuse(call.name, stepErrorOf(call.name, storedErrorOf(error, 0)))
    }
  }

  /** Delivers a completion whose operation was asked for. The body goes on in the microtasks behind this call. */
  deliver({ seq, number, atMs, outcome }: Completion): void {
    assert(number === this.#completedCount + 1, 'completions are delivered in order, without gaps')
    assert(seq <= this.#askedCount, 'a completion belongs to an operation that was asked for')
    this.#completedCount = number
    this.#refusedCount = 0
    // A cancellation is applied before it has a time.
    if (outcome.type !== 'cancelled') this.#nowMs = atMs
    const entry = this.#open.get(seq)
    if (entry === undefined) this.#takeLate(seq, outcome)
    else this.#settle(entry, outcome)
  }

  /** True when operation `seq` was asked for. */
  hasAsked(seq: number): boolean {
    return seq <= this.#askedCount
  }

  /** The open operations that a cancellation would reject. */
  rejectable(): number[] {
    if (this.#isCancelled) return []
    return [...this.#open.values()].filter((entry) => !entry.call.isShielded).map((entry) => entry.seq)
  }

  /** From here on operations outside `shielded` are refused. Answers which open ones are to be rejected. */
  beginCancel(): number[] {
    const seqs = this.rejectable()
    this.#isCancelled = true
    return seqs
  }

  /** Rejects an open operation; the number of that completion, or undefined when it was dropped meanwhile. */
  cancelOne(seq: number): number | undefined {
    const entry = this.#open.get(seq)
    if (entry === undefined) return undefined
    this.#completedCount += 1
    this.#refusedCount = 0
    this.#settle(entry, { type: 'cancelled' })
    return this.#completedCount
  }

  /** Drops branches, then lets what they did be undone. */
  abandon(branches: Iterable<{ drop(reason: DropReason): void }>, reason: DropReason): void {
    for (const branch of branches) branch.drop(reason)
    this.#events.abandoned()
  }

  /** What declared a compensation, may have acted, is not undone yet, and passes `test`. */
  undoable(test: (entry: Entry) => boolean): Entry[] {
    return [...this.#undoable.values()].filter((entry) => !entry.isUndone && entry.mayHaveActed && test(entry))
  }

  /** The operation below `root` that failed with `error`, or with a cause of it. */
  culpritOf(error: unknown, root: Scope): number | undefined {
    for (const cause of causesOf(error)) {
      const entry = this.#culprits.get(cause)
      if (entry !== undefined) return entry.call.scope.root === root ? entry.seq : undefined
    }
    return undefined
  }

  /** The replay cannot go on. */
  diverge(divergence: Divergence): void {
    this.#divergence ??= divergence
    this.stop()
  }

  /** Finds what is recorded and was not asked for. Called when all recorded completions were delivered. */
  checkRecord(): void {
    const { operations } = this.options.history
    const unasked = operations[this.#askedCount]
    if (unasked !== undefined) this.diverge(missing(unasked, this.#askedCount))
    const waited = operations.find(({ seq, isDropped }) => isDropped && this.#open.has(seq))
    if (waited !== undefined) this.diverge(revived(waited))
  }

  /** The body asked for something else before `seq` could be completed. */
  missed(seq: number): void {
    const recorded = this.options.history.operations[this.#askedCount]
    assert(recorded !== undefined, `completions belong to recorded operations: ${seq}`)
    this.diverge(missing(recorded, this.#askedCount))
  }

  /** Open operations that the record has. */
  reopened(): AskedOperation[] {
    const recordedCount = this.options.history.operations.length
    return [...this.#open.values()].filter(({ seq }) => seq <= recordedCount).map((entry) => entry.asked)
  }

  /** What was asked for and dropped since this was last called. */
  takeOperations(): { asked: AskedOperation[]; dropped: number[] } {
    const { operations } = this.options.history
    const asked = this.#fresh.map((entry) => entry.asked)
    const dropped = [...this.#dropped].filter((seq) => operations[seq - 1]?.isDropped !== true)
    this.#fresh = []
    this.#dropped = new Set()
    return { asked, dropped: dropped.sort((a, b) => a - b) }
  }

  stop(): void {
    this.#isStopped = true
  }

  #record(call: Call, taken: { identity: string; label: string | undefined }): Pledge {
    const seq = this.#askedCount + 1
    const { spec, declared } = call.build(taken.identity)
    const hash = this.options.hash(JSON.stringify([call.kind, declared]))
    const recorded = this.options.history.operations[seq - 1]
    const found = recorded && difference(recorded, { seq, identity: taken.identity, kind: call.kind, hash })
    if (found !== undefined) this.diverge(found)
    if (seq > OPERATIONS_MAX) this.#events.exhausted(exhaustion())
    if (this.#isStopped || call.scope.isDropped) return this.refuse(call.name)
    this.#askedCount = seq
    if (seq === OPERATIONS_ADVISED_MAX) this.put(advice())
    const asked = { seq, identity: taken.identity, hash, spec, askedAfter: this.#completedCount }
    const entry = this.#enter(asked, call, { label: taken.label, performedBy: recorded?.performedBy })
    if (recorded === undefined) this.#fresh.push(entry)
    return entry.pledge
  }

  #enter(asked: AskedOperation, call: Call, about: Omit<EntryParts, 'call' | 'pledge'>): Entry {
    const pledge = this.pledge(asked.identity, (reason) => this.#drop(entry, reason))
    const entry: Entry = new Entry(asked, { ...about, call, pledge })
    this.#open.set(entry.seq, entry)
    if (call.compensate !== undefined) this.#undoable.set(entry.seq, entry)
    call.scope.enter(pledge)
    return entry
  }

  #settle(entry: Entry, outcome: Completion['outcome']): void {
    this.#close(entry)
    if (outcome.type === 'ok') entry.pledge.resolve(decodeJson(outcome.json))
    else entry.pledge.reject(this.#errorOf(entry, outcome))
    entry.end(outcome, this.#order.count)
  }

  #errorOf(entry: Entry, outcome: Exclude<Completion['outcome'], { type: 'ok' }>): Error {
    if (outcome.type === 'cancelled') return new CancelledError()
    const error = stepErrorOf(entry.call.name, outcome.error)
    this.#culprits.set(error, entry)
    return error
  }

  /** A completion of an operation that was dropped: nobody sees it, but what it did is known now. */
  #takeLate(seq: number, outcome: Completion['outcome']): void {
    const entry = this.#undoable.get(seq)
    if (entry === undefined || entry.isUndone) return
    this.#order.count += 1
    entry.end(outcome, this.#order.count)
    this.#events.abandoned()
  }

  #drop(entry: Entry, reason: DropReason): void {
    if (reason === 'lost') entry.isLost = true
    if (!this.#open.has(entry.seq)) return
    entry.isDropped = true
    this.#dropped.add(entry.seq)
    this.#close(entry)
  }

  #close(entry: Entry): void {
    this.#open.delete(entry.seq)
    entry.call.scope.leave(entry.pledge)
    entry.call.scope.free(entry.label)
  }
}

function duplicate({ name, key }: Call): StepError {
  const message =
    key === undefined
      ? `"${name}" was asked for while another "${name}" is open here: give each a key, or a branch of its own`
      : `"${name}" was asked for twice with the key "${key}"`
  return new StepError({ step: name, code: 'duplicate_step', message, attempts: 0 })
}

function exhaustion(): StoredError {
  const message = `a run has at most ${OPERATIONS_MAX} operations: end it with continueAs() and go on in its successor`
  return { code: 'operations_limit', message, attempts: 1 }
}

function obstinacy(): StoredError {
  const message = `${REFUSED_OPERATIONS_MAX} operations in a row were refused, and the body asked for more`
  return { code: 'operations_refused', message, attempts: 1 }
}

function advice(): OutputContent {
  const message = `this run has ${OPERATIONS_ADVISED_MAX} operations, which every replay goes through: use continueAs()`
  return { type: 'log', message, json: undefined }
}

function ignoreDrop(): undefined {
  return undefined
}
