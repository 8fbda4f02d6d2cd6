/** What a commit has settled for runs other than its own: told to those in memory when it is committed. */
import type { Outcome } from '@tenax/workflow/core'

/** An operation that got its outcome without its body's doing: an event, a child's end, a deadline. */
export interface Announcement {
  /** Number of the run. */
  readonly run: number
  readonly seq: number
  readonly outcome: Outcome
}

/** A run that ended, was asked to, or was put aside, in a commit. */
export type RunNotice =
  | { readonly run: number; readonly type: 'ended' | 'cancel_requested' }
  | { readonly run: number; readonly type: 'blocked'; readonly id: string; readonly reason: string }

/** Gathers what a commit brings about beyond what was asked of it. */
export interface Effects {
  /** Time of the commit. */
  readonly nowMs: number
  readonly announcements: Announcement[]
  readonly notices: RunNotice[]
}

/** Nothing yet. */
export function newEffects(nowMs: number): Effects {
  return { nowMs, announcements: [], notices: [] }
}
