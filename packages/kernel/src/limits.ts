/** Limits that more than one package keeps. Each has a unit in its name and a reason beside it. */

/** One mebibyte, in bytes. */
export const MIB_BYTES = 1024 * 1024

/** Longest SQL text: SQLite compiles on the event loop, and 1 MiB of literals takes some 30 ms. */
export const SQL_BYTES_MAX = MIB_BYTES

/** Bound values of one statement: SQLite's own compiled-in limit (`SQLITE_MAX_VARIABLE_NUMBER`). */
export const SQL_ARGS_MAX = 32_766
