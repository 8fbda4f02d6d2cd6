/** What a body works with: it turns calls into operations of one scope. */
import type {
  Attempt,
  Branch,
  BranchResult,
  Ctx,
  Duration,
  EmbeddedCtx,
  EventDef,
  Json,
  MapOptions,
  Op,
  Settled,
  StepOptions,
  Stored,
  Tx,
  WaitOptions,
  WorkflowRef,
} from '../api.ts'
import { CancelledError, NonRetryableError, StepError } from '../errors.ts'
import {
  checkMember,
  checkName,
  childCall,
  type Site,
  sendCall,
  sleepCall,
  sleepUntilCall,
  sqlCall,
  stepCall,
  txCall,
  waitCall,
} from './calls.ts'
import type { Call } from './entry.ts'
import { stepErrorOf, storedErrorOf } from './failures.ts'
import { all, invoke, map, type Place, race } from './groups.ts'
import { encodePayload } from './json.ts'
import type { Machine } from './machine.ts'
import type { Scope } from './scope.ts'

/** What ends a body from within. */
export interface Ending {
  /** The body called `continueAs`. */
  continued(inputJson: string): void
}

/** Unwinds a body that has called `continueAs`. Nothing comes of it when the body catches it. */
export class ContinueSignal extends Error {
  constructor() {
    super('this run has ended with continueAs(): let this error pass')
    this.name = 'ContinueSignal'
  }
}

/** What contexts of one execution share. */
export interface ContextParts {
  readonly machine: Machine
  readonly ending: Ending
}

/** The context of one scope. */
export class Context implements EmbeddedCtx {
  readonly run: Ctx['run']
  readonly #parts: ContextParts
  readonly #scope: Scope
  readonly #isShielded: boolean
  readonly #site: Site
  readonly #place: Place

  constructor(parts: ContextParts, scope: Scope, shield: 'open' | 'shielded') {
    const { machine } = parts
    const { run, hash } = machine.options
    this.run = run
    this.#parts = parts
    this.#scope = scope
    this.#isShielded = shield === 'shielded'
    this.#site = { scope, isShielded: this.#isShielded, runId: run.id, hash, nowMs: () => machine.nowMs }
    this.#place = { machine, scope, contextOf: (inner) => new Context(parts, inner, shield) as never }
  }

  step<T>(name: string, fn: (attempt: Attempt) => T | Promise<T>, options?: StepOptions<T, this>): Op<Stored<T>> {
    return this.#ask(stepCall(this.#site, name, fn, options ?? {}))
  }

  tx<T>(name: string, fn: (db: Tx) => T, options?: Pick<StepOptions<T, this>, 'key' | 'compensate'>): Op<Stored<T>> {
    return this.#ask(txCall(this.#site, name, fn, options ?? {}))
  }

  sql<R>(name: string, statements: Parameters<Ctx['sql']>[1]): Op<{ rows: R[]; changes: number }[]> {
    return this.#ask(sqlCall(this.#site, name, statements))
  }

  sleep(name: string, duration: Duration): Op<void> {
    return this.#ask(sleepCall(this.#site, name, duration))
  }

  sleepUntil(name: string, time: Date | number): Op<void> {
    return this.#ask(sleepUntilCall(this.#site, name, time))
  }

  waitFor<P>(event: EventDef<P>, options: WaitOptions = {}): Op<P | undefined> {
    return this.#ask(waitCall(this.#site, event, options))
  }

  child<I, O>(
    name: string,
    workflow: WorkflowRef<I, O>,
    input: I,
    options: { readonly onParentClose?: 'cancel' | 'abandon' } = {},
  ): Op<O> {
    return this.#ask(childCall(this.#site, name, workflow as WorkflowRef<never, unknown>, { input, ...options }))
  }

  send<P>(name: string, event: EventDef<P>, to: Parameters<Ctx['send']>[2], payload: P): Op<void> {
    return this.#ask(sendCall(this.#site, name, event as EventDef<never>, { to, payload }))
  }

  all<const B extends readonly Branch<unknown, this>[] | Record<string, Branch<unknown, this>>>(
    branches: B,
  ): Op<{ -readonly [K in keyof B]: BranchResult<B[K]> }> {
    this.#refuseNested('all')
    return all(this.#place, branches).op as Op<never>
  }

  race<const B extends Record<string, Branch<unknown, this>>>(
    branches: B,
  ): Op<{ [K in keyof B]: { key: K; value: BranchResult<B[K]> } }[keyof B]> {
    this.#refuseNested('race')
    return race(this.#place, branches).op as Op<never>
  }

  map<I, T>(
    name: string,
    items: readonly I[],
    options: MapOptions<I>,
    fn: (ctx: this, item: I) => Promise<T>,
  ): Op<T[]> {
    return this.#map({ name, items, options, run: fn as never, isSettled: false })
  }

  mapSettled<I, T>(
    name: string,
    items: readonly I[],
    options: MapOptions<I>,
    fn: (ctx: this, item: I) => Promise<T>,
  ): Op<Settled<T>[]> {
    return this.#map({ name, items, options, run: fn as never, isSettled: true })
  }

  shielded<T>(fn: (ctx: this) => Promise<T>): Promise<T> {
    this.#refuseNested('shielded')
    const ctx = new Context(this.#parts, this.#scope, 'shielded') as this
    return invoke(() => fn(ctx)) as Promise<T>
  }

  continueAs(input: Json): never {
    this.#refuseNested('continueAs')
    if (this.#parts.machine.isCancelled) throw new CancelledError()
    const json = encodePayload(input) ?? 'null'
    if (!this.#isSilent) this.#parts.ending.continued(json)
    throw new ContinueSignal()
  }

  patched(id: string): boolean {
    this.#refuseNested('patched')
    const { machine } = this.#parts
    return machine.outbox.decide(checkName(id, 'id'), () => machine.isBeyondRecord)
  }

  now(): number {
    return this.#parts.machine.nowMs
  }

  random(): number {
    this.#refuseNested('random')
    return this.#parts.machine.chance.random(this.#scope.path)
  }

  uuid(): string {
    this.#refuseNested('uuid')
    return this.#parts.machine.chance.uuid(this.#scope.path)
  }

  set(key: string, value: Json): void {
    this.#refuseNested('set')
    const json = encodePayload(value) ?? 'null'
    if (!this.#isSilent) this.#parts.machine.put({ type: 'set', key: checkMember(key), json })
  }

  emit(value: Json): void {
    this.#refuseNested('emit')
    const json = encodePayload(value) ?? 'null'
    if (!this.#isSilent) this.#parts.machine.put({ type: 'emit', json })
  }

  log(message: string, data?: Json): void {
    this.#refuseNested('log')
    const json = encodePayload(data)
    if (!this.#isSilent) this.#parts.machine.put({ type: 'log', message: String(message), json })
  }

  /** True where a branch goes on that nobody waits for any more: nothing comes of what it does. */
  get #isSilent(): boolean {
    return this.#parts.machine.isStopped || this.#scope.isDropped
  }

  /** Thrown, not rejected: a step that does not await it must fail too, before it waits for what never comes. */
  #refuseNested(method: string): void {
    const place = this.#parts.machine.options.insideOf?.()
    if (place === undefined) return
    const message = `ctx.${method}() was called inside of ${place}, which no replay runs again: call it in the workflow's own function`
    throw new NonRetryableError(message, { code: 'nested_operation' })
  }

  #ask<T>(call: Call): Op<T> {
    this.#refuseNested(call.kind === 'wait' ? 'waitFor' : call.kind)
    return this.#parts.machine.ask(call).op as Op<T>
  }

  #map<T>({ name, items, options, run, isSettled }: MapParts): Op<T> {
    this.#refuseNested(isSettled ? 'mapSettled' : 'map')
    try {
      checkName(name, 'name')
      const keys = items.map((item) => checkName(String(options.key(item as never)), 'key'))
      const concurrency = checkConcurrency(name, options.concurrency)
      return map(this.#place, { name, items, keys, concurrency, run, isSettled }).op as Op<T>
    } catch (error) {
      return this.#parts.machine.refuse(name, stepErrorOf(name, storedErrorOf(error, 0))).op as Op<T>
    }
  }
}

interface MapParts {
  readonly name: string
  readonly items: readonly unknown[]
  readonly options: MapOptions<never>
  readonly run: (ctx: never, item: unknown) => PromiseLike<unknown>
  readonly isSettled: boolean
}

function checkConcurrency(step: string, concurrency = Number.POSITIVE_INFINITY): number {
  if (concurrency === Number.POSITIVE_INFINITY || (Number.isInteger(concurrency) && concurrency >= 1))
    return concurrency
  const message = `concurrency is a whole number of at least 1, not ${String(concurrency)}`
  throw new StepError({ step, code: 'argument_invalid', message, attempts: 0 })
}
