/** The replay core as its driver sees it. Pure: time, macrotasks and hashes are arguments; it starts no timer of its own. */
import type { EmbeddedCtx } from '../api.ts'
import type { Completion, History, Turn } from './history.ts'

/** What an execution is made of. */
export interface ExecutionOptions {
  readonly body: (ctx: EmbeddedCtx, input: never) => Promise<unknown>
  /** JSON text of the validated input. */
  readonly inputJson: string | undefined
  readonly run: { readonly id: string; readonly tenant: string; readonly origin?: string }
  /** Random and uuid come from it (WORKFLOWS 5). */
  readonly seed: string
  readonly startedAtMs: number
  readonly history: History
  /** True when cancelling was asked for: once replayed, open operations reject with CancelledError (WORKFLOWS 20). */
  readonly isCancelled: boolean
  /** Resolves a macrotask later, when every microtask that was due has run. Tests count and permute these. */
  readonly macrotask: () => Promise<void>
  /**
   * Called when the body awaits a promise of its own while it is replayed, though the record has more of it: resolves with
   * true when it is worth another look, with false when it took too long (WORKFLOWS 8). `looks` counts from 0 at each such
   * place. Unsaid, such a body has diverged.
   */
  readonly awaitForeign?: (looks: number) => Promise<boolean>
  /** Calls what a user wrote, so that a rejection that it leaves unheard comes to `stray()`. Unsaid, it is called as it is. */
  readonly confine?: <T>(act: () => T) => T
  /**
   * Names the function whose code is running when that is none of the body: a step's, a tx's, a callback. No replay runs it
   * again, so it asks for nothing. Unsaid, nobody is asked.
   */
  readonly insideOf?: () => string | undefined
  /** A short stable hash of a text, such as 16 hexadecimal digits. */
  readonly hash: (text: string) => string
}

/**
 * One life of a run's body in memory. One call at a time; after a turn that ended the body, or a failed commit, it is
 * thrown away with `discard()` and made anew from the record.
 *
 * @example
 * const execution = new Execution(options)
 * let turn = await execution.replay()
 * while (turn.state.type === 'waiting') turn = await execution.deliver(await commitAndPerform(turn))
 */
export interface ExecutionPort {
  /** Starts the body and delivers what the record has, completion by completion, a macrotask apart. Called once, first. */
  replay(): Promise<Turn>
  /** Delivers new completions, in order of their numbers, a macrotask apart. They may be recorded in the commit behind it. */
  deliver(completions: readonly Completion[]): Promise<Turn>
  /** Cancelling was asked for: every open operation rejects with CancelledError, in order of `seq`. */
  cancel(): Promise<Turn>
  /** `seq` of the open operations that `cancel()` would reject now. */
  rejectable(): readonly number[]
  /** Looks again at a body that was `stalled`. */
  look(): Promise<Turn>
  /**
   * A promise of the body's own was rejected and nobody awaits it: the body fails. Not with what a cancellation rejects. The
   * next turn shows it.
   */
  stray(error: unknown, kind?: 'unhandled_rejection' | 'uncaught_exception'): void
  /** Lets go: nothing that the body still does has any effect. */
  discard(): void
}
