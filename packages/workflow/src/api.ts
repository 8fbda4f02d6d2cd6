/** What a workflow's author writes against: types only. What each operation means is in docs/reference/workflows.md. */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { StepError } from './errors.ts'

/** Milliseconds, or a number with a unit: `'250ms'`, `'30s'`, `'5m'`, `'12h'`, `'14d'`, `'2w'`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd' | 'w'}`

/** What JSON can hold. */
export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | readonly Json[]

/** What JSON gives back of a value: what a body receives, live and on replay (WORKFLOWS 4). */
export type Stored<T> = T extends { toJSON(): infer J }
  ? Stored<J>
  : T extends bigint | symbol | ((...args: never[]) => unknown) | Map<unknown, unknown> | Set<unknown>
    ? never
    : T extends object
      ? { [K in keyof T]: Stored<T[K]> }
      : T

type Sync<T> = T extends PromiseLike<unknown> ? never : T

/** A promise that the engine knows: plain ones are refused by `all` and `race` at compile time. */
export interface Op<T> extends Promise<T> {
  readonly op: string
}

/** A branch of `all` or `race`. A function opens a scope of names of its own, and gets a context of the kind around it. */
export type Branch<T = unknown, C = Ctx> = Op<T> | ((ctx: C) => Promise<T>)

/** What a branch resolves to. */
export type BranchResult<B> = B extends (...args: never[]) => Promise<infer T>
  ? T
  : B extends PromiseLike<infer T>
    ? T
    : never

/** SQL as text, or what Drizzle (`toSQL`) and Kysely (`compile`) build. */
export type Query =
  | string
  | { toSQL(): { sql: string; params: unknown[] } }
  | { compile(): { sql: string; parameters: readonly unknown[] } }

/** The tenant's own database inside `tx`: synchronous, in the transaction that also records the operation. */
export interface Tx {
  /** The only row. Throws when there is none, or more than one. */
  one<R = unknown>(query: Query, ...args: unknown[]): R
  /** The first row. */
  get<R = unknown>(query: Query, ...args: unknown[]): R | undefined
  all<R = unknown>(query: Query, ...args: unknown[]): R[]
  run(query: Query, ...args: unknown[]): { changes: number }
}

/** One attempt of a step. */
export interface Attempt {
  /** Aborts when the step times out, loses a race, or its run is cancelled. */
  readonly signal: AbortSignal
  /** From 1. */
  readonly number: number
  /** The same in every attempt of this operation (WORKFLOWS 12). */
  readonly idempotencyKey: string
  /** Shows progress at once, unrecorded. */
  emit(value: Json): void
  /** Keeps a note for the next attempt, which finds it in `last`. */
  progress(value: Json): void
  readonly last?: Json
}

/** How a step is tried again. Unsaid: 3 attempts, 1 s × 2 up to 1 min, with jitter (WORKFLOWS 13). */
export interface Retry {
  readonly attempts?: number
  readonly first?: Duration
  readonly factor?: number
  readonly max?: Duration
  readonly jitter?: boolean
  when?(error: StepError): boolean
}

/** Options of a step. `compensate` gets no result when the outcome is unknown. */
export interface StepOptions<T, C> {
  readonly key?: string
  readonly retry?: Retry | false
  /** Unsaid: 5 min. */
  readonly timeout?: Duration
  /** Marks the start durably first; after a crash the step fails with `step_interrupted` instead of running again. */
  readonly atMostOnce?: boolean
  /** A resource of the host by name; stored, without effect yet. */
  readonly uses?: string
  readonly durability?: 'local' | 'remote'
  compensate?(ctx: C, done: { readonly result?: Stored<T>; readonly idempotencyKey: string }): Promise<void>
}

/** A named event and the type of its payload. */
export interface EventDef<P> {
  readonly name: string
  readonly '~payload'?: P
  /** Checks a payload, where the definition is loaded. */
  readonly '~schema'?: StandardSchemaV1
}

/** The outcome of one item of `mapSettled`. */
export type Settled<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: StepError }

/** Options of `map` and `mapSettled`. Keys are unique. */
export interface MapOptions<I> {
  key(item: I): string
  readonly concurrency?: number
}

/** Options of `waitFor`. Unsaid: no key, no timeout, only events since the run was created. */
export interface WaitOptions {
  readonly key?: string
  readonly timeout?: Duration
  readonly lookback?: Duration
}

/**
 * What a workflow's body works with, wherever it runs. Inside of the function of a step or a tx it throws
 * `nested_operation`, but for `run` and `now()`: no replay runs those again.
 */
export interface Ctx {
  readonly run: { readonly id: string; readonly tenant: string; readonly origin?: string }
  step<T>(name: string, fn: (attempt: Attempt) => T | Promise<T>, options?: StepOptions<T, this>): Op<Stored<T>>
  sql<R = Record<string, unknown>>(
    name: string,
    statements: readonly { readonly sql: string; readonly args?: readonly unknown[] }[],
  ): Op<{ rows: R[]; changes: number }[]>
  sleep(name: string, duration: Duration): Op<void>
  sleepUntil(name: string, time: Date | number): Op<void>
  /** Resolves with the payload, or with `undefined` when the time is over. */
  waitFor<P>(event: EventDef<P>, options?: WaitOptions): Op<P | undefined>
  /** The first failure cancels the rest. */
  all<const B extends readonly Branch<unknown, this>[] | Record<string, Branch<unknown, this>>>(
    branches: B,
  ): Op<{ -readonly [K in keyof B]: BranchResult<B[K]> }>
  /** The first to settle, by the number of its completion; the others are dropped. */
  race<const B extends Record<string, Branch<unknown, this>>>(
    branches: B,
  ): Op<{ [K in keyof B]: { key: K; value: BranchResult<B[K]> } }[keyof B]>
  map<I, T>(name: string, items: readonly I[], options: MapOptions<I>, fn: (ctx: this, item: I) => Promise<T>): Op<T[]>
  mapSettled<I, T>(
    name: string,
    items: readonly I[],
    options: MapOptions<I>,
    fn: (ctx: this, item: I) => Promise<T>,
  ): Op<Settled<T>[]>
  child<I, O>(
    name: string,
    workflow: WorkflowRef<I, O>,
    input: I,
    options?: { readonly onParentClose?: 'cancel' | 'abandon' },
  ): Op<O>
  send<P>(
    name: string,
    event: EventDef<P>,
    to: { readonly run: string } | { readonly key: string; readonly broadcast?: true },
    payload: P,
  ): Op<void>
  /** Operations in here are allowed after a cancellation. */
  shielded<T>(fn: (ctx: this) => Promise<T>): Promise<T>
  /** Ends this run; its successor begins in the same commit. */
  continueAs(input: Json): never
  /** Decided once per run and id: true when nothing recorded was still to be delivered (WORKFLOWS 6). */
  patched(id: string): boolean
  /** Milliseconds since 1970: the time of the commit that the body has seen last. The same on replay. */
  now(): number
  random(): number
  uuid(): string
  set(key: string, value: Json): void
  emit(value: Json): void
  log(message: string, data?: Json): void
}

/** As {@link Ctx}, inside the host that has the tenant's file. */
export interface EmbeddedCtx extends Ctx {
  /** Runs `fn` in the transaction that records its result. It may be called more than once, and commits once. */
  tx<T>(
    name: string,
    fn: (db: Tx) => Sync<T>,
    options?: Pick<StepOptions<T, this>, 'key' | 'compensate'>,
  ): Op<Stored<T>>
}

/** Names a workflow, with the types of its input and output. */
export interface WorkflowRef<I, O> {
  readonly name: string
  readonly '~io'?: (input: I) => O
}

/**
 * Bounds on how many runs there are at a time, for each tenant. A `key` makes one bound of each of its values: a text of 1 to
 * 255 characters, made of the input when the run is accepted.
 */
export interface Limits<I> {
  /**
   * At most `max` (1 to 1,000) runs of a key are at work at a time; the others wait in order. A run holds its slot while it is
   * `active`: not in a sleep, a wait, a pause between attempts, or a child; with `'run'` from its first turn to its end. A
   * child of the same key waits for ever for a parent that holds the last slot with `'run'`.
   */
  readonly concurrency?: { readonly max: number; key?(input: I): string; readonly holds?: 'active' | 'run' }
  /**
   * One run of a key that has not ended. A start beside it answers it (`existing`), asks it to end (`cancel_other`), or fails
   * with `singleton_conflict`.
   */
  readonly singleton?: { key?(input: I): string; readonly onConflict: 'existing' | 'cancel_other' | 'reject' }
}

/** What a definition says besides its body. */
export interface WorkflowDef<S extends StandardSchemaV1> {
  readonly name: string
  readonly version?: string
  readonly input: S
  readonly limits?: Limits<Stored<StandardSchemaV1.InferOutput<S>>>
  /** How long ended runs are kept: 30 days if unsaid. */
  readonly retention?: Duration
  /** How long a run may take from its start on; then it is asked to end, and fails with `deadline_exceeded`. */
  readonly deadline?: Duration
}

/** A definition as the engine takes it: {@link WorkflowRef} with a body. */
export interface Workflow<I = unknown, O = unknown> extends WorkflowRef<I, O> {
  readonly def: WorkflowDef<StandardSchemaV1>
  readonly at: 'embedded' | 'anywhere'
  readonly body: (ctx: EmbeddedCtx, input: never) => Promise<unknown>
}
