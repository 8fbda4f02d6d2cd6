/** SQL values as Tenax hands them from layer to layer: exact, with SQLite's five storage classes kept apart. */

/** NULL, INTEGER (64-bit, always a bigint), REAL (always a number, infinities included), TEXT, BLOB. */
export type SqlValue = null | bigint | number | string | Uint8Array

/** Values bound by position, or by name. A name may carry its prefix (`:`, `@`, `$`) or not. */
export type SqlArgs = readonly SqlValue[] | Readonly<Record<string, SqlValue>>

/** One result column. `decltype` is what the schema declared, when the column comes straight from a table. */
export interface SqlColumn {
  readonly name: string
  readonly decltype: string | null
}

/** What one statement answered. Rows are arrays in column order. */
export interface SqlResult {
  readonly columns: readonly SqlColumn[]
  readonly rows: readonly (readonly SqlValue[])[]
  /** Rows that this statement inserted, updated or deleted; 0 for reads. */
  readonly rowsAffected: number
  /** The connection's last rowid after a statement that writes; undefined for reads. */
  readonly lastInsertRowid: bigint | undefined
}
