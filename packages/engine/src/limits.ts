/** Limits of the engine. Each has its unit in its name and its reason beside it. */

/** Runs of one tenant in memory at a time: what one commit can carry, and what a crash has to replay. */
export const RUNS_ACTIVE_MAX = 64

/** Free places at which a tenant with a backlog claims again: one look at the queue for several runs. */
export const CLAIM_COUNT_MIN = 8

/** Steps of one run in flight at a time (WORKFLOWS 27). */
export const STEPS_IN_FLIGHT_MAX = 50

/** Attempts of a host in flight at a time: each may hold a socket and a buffer. The others wait in turn, run by run. */
export const EFFECTS_IN_FLIGHT_MAX = 1_024

/** Longest time of an attempt: what a timer of the platform can count, 24.8 days. */
export const ATTEMPT_MS_MAX = 2 ** 31 - 1

/** Records of several runs in one commit: what a caller may have to wait for. */
export const COMMIT_JOBS_MAX = 256

/** A commit takes no further record after so long, so that others get the event loop. */
export const COMMIT_MS_MAX = 4

/** How long a tenant without work stays in memory with its hint: a busy period costs two commits of the catalog. */
export const LINGER_MS = 1_000

/** Tenants that the scheduler has awake at a time; beyond, the due ones wait for a place. */
export const TENANTS_AWAKE_MAX = 256

/** While tenants wait for a place, how often how many of those that have one are asked to give it up. */
export const ROOM_MS = 250
export const ROOM_COUNT = 16

/** Wait before a commit is tried again for which there was no turn at the tenant's file, and how often. */
export const TURN_WAIT_MS = 50
export const TURN_TRIES_MAX = 20

/** Longest sleep of the scheduler: finds tenants that were resumed, and hours that were set forward. */
export const LOOK_MS_MAX = 10_000

/** First and longest wait before a tenant that could not be opened or written is tried again. */
export const STALL_FIRST_MS = 250
export const STALL_MS_MAX = 30_000

/** How often a tenant with a blocked run is looked at: how long new code may take to be tried. */
export const BLOCKED_LOOK_MS = 60_000

/** Waits between looks at a body that awaits something of its own: first, longest, and all together (WORKFLOWS 8). */
export const FOREIGN_FIRST_MS = 1
export const FOREIGN_LOOK_MS_MAX = 100
export const FOREIGN_MS_MAX = 10_000

/** Longest time of one statement inside `tx`: it holds the event loop. */
export const TX_STATEMENT_MS_MAX = 1_000

/** Characters of a stored error's message. */
export const MESSAGE_CHARS_MAX = 8_192

/** Runs, steps and outputs of one page of an answer. */
export const PAGE_COUNT = 50
export const PAGE_COUNT_MAX = 500

/** Steps that one answer lists. */
export const STEPS_SHOWN_MAX = 1_000

/** Longest wait of `result`. */
export const RESULT_MS_MAX = 300_000

/** Runs that one commit releases: what an operator asks for must not hold up the tenant's own work. */
export const RELEASE_COUNT_MAX = 500
