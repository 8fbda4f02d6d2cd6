/** Limits of the engine. Each has its unit in its name and its reason beside it. */

/** Runs of one tenant in memory at a time: what one commit can carry, and what a crash has to replay. */
export const RUNS_ACTIVE_MAX = 64

/**
 * What one step of priority is worth in waiting: a run goes before all that became ready a minute later for each step that
 * they are above it. Long enough that a backlog of minutes is worked off in the order of priorities, and the whole range
 * (200 steps) is bounded by 3 h 20 min, behind which nothing that is started later can overtake.
 */
export const PRIORITY_STEP_MS = 60_000

/**
 * Time at the event loop that a tenant has in a round while there are others, and while there are none: what several of its runs
 * take that share a commit. Who is alone holds up nobody, but whoever comes.
 */
export const SHARE_MS = 1
export const SHARE_ALONE_MS = 4

/**
 * After so long of one who always wants more the loop looks at the disk and the network: what another may have to wait for in
 * each of the twenty turns of the loop that a run of three steps takes.
 */
export const PASS_MS = 0.25

/** How long after the last change between tenants the loop counts as shared: a flush, for which others wait between their turns. */
export const SHARED_MS = 20

/** Tenants whose time at the loop is kept account of, before those that want nothing are forgotten: 200 bytes each. */
export const ACCOUNTS_MAX = 1_024

/** Runs of a claim: their records are read on the event loop, some 30 µs each. The next claim follows at once. */
export const CLAIM_COUNT_MAX = 8

/** Runs ahead in the queue for a slot that are counted for who asks what a run waits for. */
export const QUEUE_SHOWN_MAX = 1_000

/** How long an idempotency key outlives its run (WORKFLOWS 32): longer than anybody repeats a request. */
export const KEPT_KEY_MS = 7 * 86_400_000

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

/** A commit takes no further record after so long, so that others get the event loop; while there are others, after less. */
export const COMMIT_MS_MAX = 4
export const COMMIT_SHARED_MS = 0.5

/** How long a tenant without work stays in memory with its hint: a busy period costs two commits of the catalog. */
export const LINGER_MS = 1_000

/** Tenants that the scheduler has awake at a time; beyond, the due ones wait for a place. */
export const TENANTS_AWAKE_MAX = 256

/** Due tenants that wait for a place, as far as they are known: looked up together, and taken in their order. */
export const TENANTS_WAITING_MAX = 2_048

/**
 * Tenants that were woken and have not come to rest since. More would only hold each other up, each with its file open and its runs in
 * memory; fewer would not fill a flush.
 */
export const TENANTS_WAKING_MAX = 32

/**
 * How long such a tenant counts if it waits for something else than the event loop, its file or a step: it keeps no other waiting
 * for longer. And how often that is looked at.
 */
export const WAKING_MS_MAX = 1_000
export const WAKING_LOOK_MS = 100

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

/**
 * First wait before a run is tried again that something unexpected threw out of memory. It doubles from one time to the next, up
 * to 2 s: the tenant stays in memory for that, twice {@link LINGER_MS}, and remembers how often it was.
 */
export const RUN_FAULT_FIRST_MS = 250

/** Such faults in a row, after which the run is put aside: some four seconds, in which what passes by itself may pass. */
export const RUN_FAULTS_MAX = 5

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

/** Deaths of processes in which an attempt was under way, in a row, after which its run runs alone (WORKFLOWS 28). */
export const DEATHS_MAX = 3

/** For so long after a death claims are durable before anything runs: a run that kills at once is found within it. */
export const CLAIMS_WRITTEN_MS = 60_000

/** How often a tenant that is given up is looked at, whether its runs have come to rest. */
export const VACATE_LOOK_MS = 20

/** Shortest interval of a schedule: each firing is a run and a commit. */
export const INTERVAL_MS_MIN = 1_000

/** Longest interval and spread of a schedule, 400 days: longer ones are a date, not a rhythm. */
export const INTERVAL_MS_MAX = 400 * 86_400_000

/** Missed firings that a schedule may make up for (WORKFLOWS 31). */
export const CATCH_UP_MAX = 100

/** Schedules of one tenant: what one answer lists. */
export const SCHEDULES_MAX = 1_000

/** Due schedules that are seen to at a time, so that the tenant's own work has its turn in between. */
export const SCHEDULES_DUE_COUNT = 16

/** Wait before work that is due by the hour is tried again when it could not be done. */
export const CHORE_WAIT_MS = 1_000

/** Readers that follow outputs of runs, of a host and of one tenant: each holds a socket. */
export const FEEDS_MAX = 2_000
export const FEEDS_PER_TENANT_MAX = 256

/** What one reader may be behind with what attempts show, in bytes of JSON and in items. All readers together: 256 MiB. */
export const FEED_LIVE_BYTES_MAX = 128 * 1024
export const FEED_LIVE_COUNT_MAX = 1_024

/** One value that an attempt shows: progress, or a piece of a text. */
export const LIVE_BYTES_MAX = 64 * 1024

/** How often the event loop shows that it turns, and how often the thread that watches it looks: a quarter of what is told. */
export const LOOP_BEAT_MS = 100
export const STALL_LOOK_MS = 250

/** An event loop that stood still for so long is told, with the run that is on it: all tenants of the host waited as long. */
export const STALL_REPORT_MS = 1_000

/** Overdue runs that one commit asks to end. */
export const DEADLINES_COUNT = 64

/** How long an ended run is kept when its definition does not say: a month's questions can be answered, and files stop growing. */
export const RETENTION_MS_DEFAULT = 30 * 86_400_000

/** How long it is kept at least: who waits for its result has to find it. */
export const RETENTION_MS_MIN = 60_000

/** How long an event may be taken, and how long an expired one can be looked at (WORKFLOWS 15). */
export const EVENT_KEPT_MS = 7 * 86_400_000
export const EXPIRED_KEPT_MS = 30 * 86_400_000

/** Events of a tenant that may wait, and that are shown as expired: beyond, the oldest expire early, and are deleted early. */
export const EVENTS_MAX = 100_000
export const EVENTS_EXPIRED_MAX = 10_000

/** How often, in events, a tenant is asked whether it has too many. */
export const EVENTS_LOOK_COUNT = 10_000

/** What is kept no longer is deleted within so long: one look takes what comes to its end in an hour. */
export const UPKEEP_SLACK_MS = 3_600_000

/** Runs and events of one look. */
export const UPKEEP_PAGE_COUNT = 500

/** Rows of ended runs that one commit deletes, so that the tenant's own work waits for milliseconds. */
export const PURGE_ROWS_MAX = 500

/** When a run is looked at again that its parent or a child still needs. */
export const NEEDED_LOOK_MS = 86_400_000

/** Pages that one commit gives back; fewer free ones, or a smaller share of the file, are left for what comes. */
export const VACUUM_PAGES = 64
export const VACUUM_SHARE = 0.2

/** Results in one history of a run that is exported, in bytes: some tenths of a second of the event loop. */
export const HISTORY_BYTES_MAX = 16 * 1024 * 1024
