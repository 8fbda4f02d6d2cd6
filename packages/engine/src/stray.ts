/**
 * Promises of a body's or a step's own that are rejected while nobody awaits them. The platform ends the process for one; the
 * context that it comes in says whose it is, so that it ends the run or the attempt instead (WORKFLOWS 8).
 */
import { AsyncLocalStorage } from 'node:async_hooks'

const owners = new AsyncLocalStorage<(error: unknown) => void>()

/** Runs `act`, which is a user's: `stray` is told of what it leaves behind unheard. */
export function confine<T>(stray: (error: unknown) => void, act: () => T): T {
  return owners.run(stray, act)
}

/** Runs `act` as nobody's: what the engine itself leaves unheard is no fault of a step that called it. */
export function unconfined<T>(act: () => T): T {
  return owners.exit(act)
}

/**
 * For a listener of the process to `unhandledRejection`: true when the rejection came out of a workflow, which was told. Any
 * other is the host's own, and has to end it.
 */
export function takeStrayRejection(error: unknown): boolean {
  const owner = owners.getStore()
  owner?.(error)
  return owner !== undefined
}
