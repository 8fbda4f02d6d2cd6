/** Limits of one SQLite file. Each has its unit in its name and its reason beside it. */
import { MIB_BYTES } from '@tenax/kernel'

/** Page size of every tenant file: SQLite's default, and the block that file systems write at once. */
export const PAGE_BYTES = 4096

/** Longest run of one statement of a tenant. */
export const QUERY_TIMEOUT_MS = 5_000

/** Longest run of VACUUM and of a check of a whole file, which grow with the file. */
export const MAINTENANCE_TIMEOUT_MS = 120_000

/** How long a statement may hold the event loop before it is stopped and run again off thread. */
export const SHORT_TIMEOUT_MS = 10

/** Off-thread runs of a statement that was stopped on the loop, before it is tried there again: 0.2 ms of stall per run. */
export const RUNS_BETWEEN_TRIES = 64

/** Rows of one reply: more is a report, and wants paging. */
export const REPLY_ROWS_MAX = 10_000

/** Bytes of values of one reply, before encoding. */
export const REPLY_BYTES_MAX = 8 * MIB_BYTES

/** Page cache of one connection: 100 handles at 128 KiB stay below the budget of 300 KiB each. */
export const CACHE_KIB = 128

/** Statements kept prepared per connection: a small service has a few dozen, each costs some 5 KiB. */
export const STATEMENTS_MAX = 48

/** Statements that a connection may have kept before it is worth closing and opening anew: some 2 MiB. */
export const STATEMENTS_HELD_MAX = 256

/** Pages of one tenant file: 1 GiB of 4 KiB pages. */
export const PAGE_COUNT_MAX = 262_144

/**
 * Pages that one transaction may change: 256 MiB, a quarter of a full tenant file, as its pages are in memory until COMMIT. One
 * more than that, because SQLite reads this number as a boolean of one byte as well: a multiple of 256 turns spilling off.
 */
export const TRANSACTION_PAGES_MAX = 65_537

/** Memory that all statements of the process together may hold, so that one cannot end it. */
export const HEAP_BYTES_MAX = 2048 * MIB_BYTES

/** Compiling may take so long, waits included, and still be repeated on the loop when the engine finds a statement stale. */
export const SHORT_PREPARE_MS = 25

/** Depth of parentheses: SQLite recurses on them, and 20,000 overrun its stack. */
export const NESTING_MAX = 250

/** SELECTs in one statement, SQLite's own limit for compounds; chains of common tables recurse as well. */
export const SELECTS_MAX = 500

/** SQL of all definitions of a tenant: SQLite parses them at each open, some 10 ms per MiB. */
export const SCHEMA_BYTES_MAX = MIB_BYTES

/** Views of one tenant: a chain of some 10,000, each over the one before, overruns the stack when it is compiled. */
export const VIEWS_MAX = 1_000

/** Closed connections between two collections that free their descriptors. */
export const CLOSES_PER_COLLECTION = 32

/** Collections after which a connection that still has descriptors is in use by somebody who keeps its statement. */
export const COLLECTIONS_MAX = 8
