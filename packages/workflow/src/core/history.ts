/**
 * What passes between the replay core and whoever drives it: operations that a body asks for, and what the record says of
 * them. Everything here is data, but for the callbacks in {@link OperationSpec}, which are never stored.
 *
 * An operation goes `asked → open → completed`, or `asked → open → dropped` when a race was won by another branch. Each
 * completion has a number, dense per run, in the order in which the body gets to see them (WORKFLOWS 2).
 */
import type { Attempt, Tx } from '../api.ts'

/** What an operation is. The word is stored; never rename one. */
export type OperationKind = 'step' | 'tx' | 'sql' | 'sleep' | 'wait' | 'child' | 'send'

/** A failure as it is stored, and as the body sees it in a StepError. */
export interface StoredError {
  readonly code: string
  readonly message: string
  readonly attempts: number
  /** JSON text. */
  readonly data?: string
}

/** How an operation ended. `json` is the JSON text of the result; undefined stands for `undefined`. */
export type Outcome =
  | { readonly type: 'ok'; readonly json: string | undefined }
  | { readonly type: 'error'; readonly error: StoredError }
  | { readonly type: 'cancelled' }

/** An outcome in its place. `atMs` is the time of the commit that records it: what `now()` answers behind it. */
export interface Completion {
  readonly seq: number
  readonly number: number
  readonly atMs: number
  readonly outcome: Outcome
}

/** An operation as the record knows it. */
export interface RecordedOperation {
  /** Dense number in the order of asking, from 1. */
  readonly seq: number
  /** `scope/name[key]` or `scope/name#n` (WORKFLOWS 1). */
  readonly identity: string
  readonly kind: OperationKind
  /** Hash of the declared arguments. */
  readonly hash: string
  readonly completion?: Omit<Completion, 'seq'>
  /** True when it lost a race. */
  readonly isDropped: boolean
  /** True when `Turn.undone` has named it. */
  readonly isUndone?: boolean
  /** The run that performed it, when this one took its completion over: its idempotency key derives from that one. */
  readonly performedBy?: string
}

/** What the record says of a run. */
export interface History {
  /** In order of `seq`. */
  readonly operations: readonly RecordedOperation[]
  /** Outputs that are recorded: the first so many of a replay are silent. */
  readonly outputCount: number
  /** Decisions of `patched`, by id. */
  readonly patches: Readonly<Record<string, boolean>>
  /** `Turn.cancelledAfter` as it was recorded: where a replay begins to reject. */
  readonly cancelledAfter?: number | undefined
  /** Identities of operations whose failed compensation was skipped (WORKFLOWS 21): its failure stops nothing. */
  readonly skipped?: readonly string[]
}

/** How often a step is tried, with its waits in milliseconds. */
export interface RetryPolicy {
  readonly attempts: number
  readonly firstMs: number
  readonly factor: number
  readonly waitMsMax: number
  readonly jitter: boolean
  /** False for an error that is not worth another attempt. Undefined: every error is, but a NonRetryableError. */
  readonly when: ((error: StoredError) => boolean) | undefined
}

/** What performing an operation takes. */
export type OperationSpec =
  | {
      readonly kind: 'step'
      readonly name: string
      readonly run: (attempt: Attempt) => unknown
      readonly retry: RetryPolicy
      readonly timeoutMs: number
      readonly atMostOnce: boolean
      readonly uses: string | undefined
      readonly durability: 'local' | 'remote'
      readonly hasCompensation: boolean
      /** What every attempt gets, and a compensation too: derives from run and operation (WORKFLOWS 12). */
      readonly idempotencyKey: string
    }
  | { readonly kind: 'tx'; readonly name: string; readonly run: (db: Tx) => unknown; readonly hasCompensation: boolean }
  | {
      readonly kind: 'sql'
      readonly name: string
      readonly statements: readonly { readonly sql: string; readonly args: readonly unknown[] }[]
    }
  /** `dueAtMs` counts from `now()` at the time of asking, unless it was named by `sleepUntil`. */
  | { readonly kind: 'sleep'; readonly name: string; readonly dueAtMs: number }
  | {
      readonly kind: 'wait'
      readonly event: string
      /** The empty string when none was given: events without a key. */
      readonly key: string
      readonly deadlineMs: number | undefined
      readonly lookbackMs: number
    }
  | {
      readonly kind: 'child'
      readonly name: string
      readonly workflow: string
      readonly inputJson: string
      /** Derives from parent and operation (WORKFLOWS 22). */
      readonly childId: string
      readonly onParentClose: 'cancel' | 'abandon'
    }
  | {
      readonly kind: 'send'
      readonly name: string
      readonly event: string
      readonly to: { readonly run: string } | { readonly key: string; readonly broadcast: boolean }
      readonly payloadJson: string
      /** The sender's id, which makes it count once: derives from run and operation. */
      readonly eventId: string
    }

/** An operation that the body asks for and the record does not have yet, or has as open. */
export interface AskedOperation {
  readonly seq: number
  readonly identity: string
  readonly hash: string
  readonly spec: OperationSpec
  /** The number of the last completion that the body had seen when it asked. */
  readonly askedAfter: number
}

/** What rides on the next commit (WORKFLOWS 5). `json` is JSON text. */
export type OutputContent =
  | { readonly type: 'set'; readonly key: string; readonly json: string }
  | { readonly type: 'emit'; readonly json: string }
  | { readonly type: 'log'; readonly message: string; readonly json: string | undefined }

/** An output in its place. `after` is the number of the last completion that the body had seen. */
export type Output = OutputContent & { readonly after: number }

/** An operation that begins to be undone. */
export interface UndoneOperation {
  readonly seq: number
  /** The number of the last completion before. */
  readonly after: number
  /** True when it is because the body has ended. */
  readonly isFinal: boolean
}

/** Why a replay cannot go on. `recorded` and `asked` name both sides, each for a reader. */
export interface Divergence {
  readonly recorded: string
  readonly asked: string
}

/** Where the body is. */
export type BodyState =
  | { readonly type: 'waiting' }
  /** It awaits something that is no operation of ours: look again later with `Execution.look()`. */
  | { readonly type: 'stalled' }
  | { readonly type: 'completed'; readonly json: string | undefined }
  /** `seq`: the operation whose failure ended it, when it was that, or an error with that failure as a cause. */
  | { readonly type: 'failed'; readonly error: StoredError; readonly seq?: number }
  | { readonly type: 'cancelled' }
  | { readonly type: 'continued'; readonly inputJson: string }
  /**
   * `compensation_stuck`: the compensation of `compensated` failed for good, and the rest are not begun. `seq` is the operation
   * in it that failed, unless it failed by itself. Retry: forget that completion, move those behind it up by one, and replay;
   * a compensation that caught the failure and asked for more diverges then. Skip: name `compensated` in `History.skipped` and
   * replay.
   */
  | {
      readonly type: 'stuck'
      readonly compensated: string
      readonly seq: number | undefined
      readonly error: StoredError
    }
  /** `workflow_changed`: nothing of this turn may be recorded or performed. */
  | { readonly type: 'diverged'; readonly divergence: Divergence }

/** What the body has come to at its next wait: all of it belongs into one commit, with what was delivered. */
export interface Turn {
  readonly state: BodyState
  /**
   * Asked since the last turn, in order of `seq`, without those that the record has. One that is also in `dropped` or
   * `cancelled` is recorded as such and never performed.
   */
  readonly asked: readonly AskedOperation[]
  /**
   * Only in the turn of `replay()`: operations that the record has as open, with what it takes to go on with them. The
   * record's times and attempts count, not those in the spec.
   */
  readonly reopened: readonly AskedOperation[]
  /** `seq` of operations that lost a race in this turn, or were open when an `all` failed or the body ended. */
  readonly dropped: readonly number[]
  /** What the cancellation rejected in this turn: recorded as completions `cancelled` with these numbers. */
  readonly cancelled: readonly { readonly seq: number; readonly number: number }[]
  /** In the turn in which the cancellation took effect: the number of the last completion before it. Kept in the run's row. */
  readonly cancelledAfter: number | undefined
  /** What begins to be undone in this turn, without what the record knows of. */
  readonly undone: readonly UndoneOperation[]
  readonly outputs: readonly Output[]
  /** Decisions of `patched` in this turn. */
  readonly patches: Readonly<Record<string, boolean>>
  /** True while compensations run. */
  readonly isCompensating: boolean
}
