/** Limits of the HTTP contract. Each has a unit in its name and a reason beside it. */

/** Tenants in one page of the list: some 300 bytes each, so a full page stays near 300 KiB of JSON. */
export const LIST_TENANTS_MAX = 1000

/** Tenants in one page when the caller does not say: a screenful and one fsync-free read of the catalog. */
export const LIST_TENANTS_DEFAULT = 100

/** Characters of a list cursor: room for an encoded tenant id and a version, far below any URL limit. */
export const CURSOR_CHARS_MAX = 512

/** Requests in one Hrana pipeline: they hold the tenant's handle one after the other, and each costs a result object. */
export const PIPELINE_REQUESTS_MAX = 1000

/** Steps in one batch: bulk loads send thousands; parsing 10,000 holds the event loop for some 40 ms. */
export const BATCH_STEPS_MAX = 10_000

/** SQL texts that one stream stores, at most 1 MiB each: what a client's statement cache keeps, not a second database. */
export const STORED_SQL_MAX = 100

/** Nesting of a batch condition: the stock client nests three deep (and, not, is_autocommit), and recursion is bounded. */
export const CONDITION_DEPTH_MAX = 10

/** Conditions inside one `and` or `or`: one per earlier step of an ordinary batch. */
export const CONDITION_PARTS_MAX = 1000

/** Characters of a baton; ours are far shorter, and anything longer was not made by us. */
export const BATON_CHARS_MAX = 1024

/** Issues named in one `body_invalid` problem: enough to correct a request, too few to echo a hostile one. */
export const BODY_ISSUES_MAX = 10

/** How long `GET …/durability` waits when the caller does not say: many times an fsync, less than a proxy's patience. */
export const DURABILITY_WAIT_MS = 5_000

/** Longest wait of `GET …/durability`: proxies cut requests off after a minute. */
export const DURABILITY_WAIT_MS_MAX = 30_000

/** Runs in one page of the list: some 400 bytes each, read in one turn of the tenant's file. */
export const LIST_RUNS_MAX = 500

/** Runs in one page when the caller does not say: a screenful. */
export const LIST_RUNS_DEFAULT = 50

/** Operations of a run in one reply, the last ones: with their results some 8 MiB at most. SQL has them all. */
export const RUN_STEPS_MAX = 1000

/** Bytes of JSON of one operation's result in a run that is shown; a larger one is left out. SQL has it. */
export const STEP_RESULT_BYTES_MAX = 8192

/** Characters of a run's id: a UUID with a prefix, and no path of its own. */
export const RUN_ID_CHARS_MAX = 128

/** Characters of an operation's identity: its scopes and its name, escaped. */
export const STEP_IDENTITY_CHARS_MAX = 4_096

/** Characters of the name of a workflow or an event, and of an event's key: they are columns of an index. */
export const WORKFLOW_NAME_CHARS_MAX = 255

/** Lowest and highest priority are this far from 0: enough classes for people, and a small integer in the index. */
export const PRIORITY_MAX = 100

/** How long `GET …/result` waits when the caller does not say: it asks again after that, so less than any proxy's patience. */
export const RUN_WAIT_MS = 20_000

/** Longest wait of `GET …/result`: proxies cut requests off after a minute. */
export const RUN_WAIT_MS_MAX = 30_000

/** Characters of a schedule's id: the ids of its runs hold it and a time. */
export const SCHEDULE_ID_CHARS_MAX = 100

/** Characters of a cron expression, and of the name of a time zone. */
export const CRON_CHARS_MAX = 255

/** Missed firings that a schedule may make up for. */
export const CATCH_UP_MAX = 100

/** Outputs of a run in one page, and when the caller does not say: what the engine reads in one turn of the tenant's file. */
export const OUTPUTS_MAX = 500
export const OUTPUTS_DEFAULT = 100
