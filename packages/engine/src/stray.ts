/**
 * Whose code is on the event loop: a user's function runs in a context that names its run. So a rejection that nobody awaits,
 * or an exception out of one of its callbacks, ends that run, or that attempt, and not the process (WORKFLOWS 8); and a loop
 * that is stuck can be told by its run (WORKFLOWS 29).
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { InvariantError } from '@tenax/kernel'
import { isThrown } from './thrown.ts'
import { noteRun, type RunName } from './watch/loop-note.ts'

/** How it was left behind; the code of a run that fails of it. */
export type StrayKind = 'unhandled_rejection' | 'uncaught_exception'

/** Hears of what was left behind. */
export type StrayEar = (error: unknown, kind: StrayKind) => void

interface Owner {
  readonly stray: StrayEar
  /** Undefined for what is called on behalf of no run. */
  readonly name: RunName | undefined
  /** What of a run that is, when no replay runs it again. */
  readonly place: string | undefined
}

const owners = new AsyncLocalStorage<Owner>()

/** Runs `act`, which is a user's: `stray` is told of what it leaves behind unheard. */
export function confine<T>(name: RunName, stray: StrayEar, act: () => T): T {
  return owners.run({ stray, name, place: undefined }, () => noteRun(name, act))
}

/**
 * Runs `act`, which is a user's and no part of a body: a schema, the key of a limit, `retry.when`, a listener to `abort`. What
 * it gives or throws is its caller's; what it leaves behind unheard ends nothing, and is logged.
 */
export function aside<T>(act: () => T): T {
  return owners.run({ stray: () => undefined, name: undefined, place: 'a callback' }, act)
}

/** Runs `act`, the function of the step or tx that `place` names: no replay runs it again, so it asks its body's `ctx` for nothing. */
export function within<T>(place: string, act: () => T): T {
  const owner = owners.getStore()
  return owner === undefined ? act() : owners.run({ ...owner, place }, act)
}

/** Runs `act` as nobody's: what the engine itself leaves unheard is no fault of a step that called it. */
export function unconfined<T>(act: () => T): T {
  return owners.exit(act)
}

/** The run whose code is running right now; undefined when it is nobody's. */
export function runOnLoop(): RunName | undefined {
  return owners.getStore()?.name
}

/** What is running right now that no replay runs again: a step, a tx, a callback. Undefined in a body. */
export function placeOnLoop(): string | undefined {
  return owners.getStore()?.place
}

/**
 * For a listener of the process to `unhandledRejection`: true when the rejection came out of a workflow, which was told. Any
 * other is the host's own, and has to end it.
 */
export function takeStrayRejection(error: unknown): boolean {
  return take(error, 'unhandled_rejection')
}

/**
 * For a listener of the process to `uncaughtException`: true when the exception came out of a callback that a workflow has
 * left with a timer, a socket or an emitter; the run or the attempt was told. Any other is the host's own, and has to end it.
 */
export function takeStrayException(error: unknown): boolean {
  return take(error, 'uncaught_exception')
}

function take(error: unknown, kind: StrayKind): boolean {
  // A broken invariant is the host's own, wherever it was met.
  if (isThrown(error, InvariantError)) return false
  const owner = owners.getStore()
  owner?.stray(error, kind)
  return owner !== undefined
}
