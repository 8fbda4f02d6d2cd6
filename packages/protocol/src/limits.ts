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
