/** What a commit has settled for runs other than its own: told to those in memory when it is committed. */
import type { Outcome } from '@tenax/workflow/core'

/** An operation that got its outcome without its body's doing: an event, a child's end, a deadline. */
export interface Announcement {
  /** Number of the run. */
  readonly run: number
  readonly seq: number
  readonly outcome: Outcome
}

/** A run that ended, was asked to, was paused or resumed, or was put aside, in a commit. */
export type RunNotice =
  | { readonly run: number; readonly type: 'ended' | 'cancel_requested' | 'paused' | 'resumed' }
  | { readonly run: number; readonly type: 'poisoned' | 'probation'; readonly id: string; readonly reason: string }
  | { readonly run: number; readonly type: 'blocked'; readonly id: string; readonly reason: string }

/** Gathers what a commit brings about beyond what was asked of it. */
export interface Effects {
  /** Time of the commit. */
  readonly nowMs: number
  readonly announcements: Announcement[]
  readonly notices: RunNotice[]
  /** Times at which somebody has to look at the tenant, beyond those in the rows of runs that wait. */
  readonly times: number[]
  /** Times from which on something may be kept no longer. */
  readonly upkeepTimes: number[]
  /**
   * Set by what was asked when it is sure that it left every run's readiness and times as they were, but for a run that is in
   * memory before and after: then nobody needs to look at the queue. False before each.
   */
  keepsBacklog: boolean
}

/** Nothing yet. */
export function newEffects(nowMs: number): Effects {
  return { nowMs, announcements: [], notices: [], times: [], upkeepTimes: [], keepsBacklog: false }
}
