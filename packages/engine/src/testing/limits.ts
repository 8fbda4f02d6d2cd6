/** Limits of the test kit. Each has its unit in its name and its reason beside it. */

/** Real time that a step of a test may take: beyond, a promise is lost, and the test should say where. */
export const STUCK_MS = 10_000

/** Timers that one `advance` calls: beyond, something is due again and again. */
export const ADVANCE_TIMERS_MAX = 200_000

/** Commits of a run that `replayEverywhere` crashes at, twice each: some seconds. */
export const REPLAY_COMMITS_MAX = 1_000

/** Entries of one list that a difference shows. */
export const DIFFERENCES_SHOWN_MAX = 5
