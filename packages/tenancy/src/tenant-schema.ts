/**
 * The engine's own tables in every tenant file. Tenants read them; only the engine writes them. The text below is the
 * released format 1, compared to the letter when a file is imported: change it only with a new format number.
 */

/** Version of the tables below, kept in `tenax_meta.format`. */
export const TENANT_FORMAT = 1

/**
 * `tenax_meta`: who this file is and how many commits it has seen. `epoch` is that of the ledger under which the lineage was
 * given. `checksum` is that of all pages but this row's own at the commit `checksum_lsn` (`carried-checksum.ts`); both are
 * NULL when nobody knew it. An empty incarnation marks a template.
 */
export const TENANT_META_SQL = `CREATE TABLE tenax_meta (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  format INTEGER NOT NULL CHECK (format >= 1),
  incarnation TEXT NOT NULL CHECK (incarnation NOT GLOB '*[^a-z0-9]*'),
  lineage TEXT NOT NULL CHECK (lineage NOT GLOB '*[^a-z0-9]*'),
  lsn INTEGER NOT NULL CHECK (lsn >= 0),
  epoch INTEGER NOT NULL CHECK (epoch >= 0),
  checksum_lsn INTEGER,
  checksum INTEGER
) STRICT`

/** `tenax_migration`: which of the operator's migrations this file has been through. */
export const TENANT_MIGRATION_SQL = `CREATE TABLE tenax_migration (
  name TEXT PRIMARY KEY CHECK (name NOT GLOB '*[^A-Za-z0-9._-]*'),
  hash TEXT NOT NULL CHECK (hash NOT GLOB '*[^0-9a-f]*'),
  applied_at_ms INTEGER NOT NULL
) STRICT`

/**
 * `tenax_idempotency`: replies to requests with an idempotency key, kept for some days. Without rowids, because an insert here
 * must not become what the tenant's `last_insert_rowid()` answers.
 */
export const TENANT_IDEMPOTENCY_SQL = `CREATE TABLE tenax_idempotency (
  key TEXT NOT NULL PRIMARY KEY CHECK (length(key) BETWEEN 1 AND 255),
  request_hash TEXT NOT NULL CHECK (request_hash NOT GLOB '*[^0-9a-f]*'),
  status INTEGER NOT NULL,
  reply TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  UNIQUE (created_at_ms, key)
) STRICT, WITHOUT ROWID`

/** The row of a file that has no name yet. */
export const TENANT_META_ROW = `INSERT INTO tenax_meta VALUES (1, ${TENANT_FORMAT}, '', '', 0, 0, NULL, NULL)`

/**
 * Tables that another part keeps in tenants' files under names that begin with `tenax_`. It makes them itself, in a file that
 * needs them; an import that has them is taken when they are these to the letter.
 */
export interface EngineTables {
  /** `CREATE TABLE|INDEX|VIEW tenax_…` statements. */
  readonly definitions: readonly string[]
  /** Run on the copy of an import that has the tables, before it becomes a tenant. */
  readonly onImport: readonly string[]
}

/** Everything a new tenant file holds. */
export const TENANT_SCHEMA: readonly string[] = [
  TENANT_META_SQL,
  TENANT_MIGRATION_SQL,
  TENANT_IDEMPOTENCY_SQL,
  TENANT_META_ROW,
]
