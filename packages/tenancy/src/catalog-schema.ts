/** The tables of a shard's catalog. */
import { DURABILITY_CLASSES } from '@tenax/kernel'
import { REASON_CHARS_MAX } from './limits.ts'
import { TENANT_META_ROW, TENANT_META_SQL } from './tenant-schema.ts'

/** Format of the tables below. */
export const CATALOG_FORMAT = 1

/** Tables of a new catalog. It is journaled like a tenant, and has the same row of its own. */
export const CATALOG_SCHEMA: readonly string[] = [
  TENANT_META_SQL,
  TENANT_META_ROW,
  `CREATE TABLE catalog_meta (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    format INTEGER NOT NULL CHECK (format >= 1),
    shard INTEGER NOT NULL CHECK (shard >= 0)
  ) STRICT`,
  `CREATE TABLE tenant (
    id TEXT PRIMARY KEY CHECK (id GLOB '[a-z0-9]*' AND id NOT GLOB '*[^a-z0-9_-]*' AND length(id) <= 63),
    incarnation TEXT NOT NULL UNIQUE CHECK (length(incarnation) = 20 AND incarnation NOT GLOB '*[^a-z0-9]*'),
    file TEXT NOT NULL CHECK (length(file) = 20 AND file NOT GLOB '*[^a-z0-9]*'),
    state TEXT NOT NULL CHECK (state IN ('creating', 'warm', 'importing', 'deleting')),
    suspended_at_ms INTEGER,
    quarantine_reason TEXT CHECK (length(quarantine_reason) <= ${REASON_CHARS_MAX}),
    created_at_ms INTEGER NOT NULL,
    durability TEXT NULL CHECK (durability IN (${DURABILITY_CLASSES.map((name) => `'${name}'`).join(', ')})),
    wake_at_ms INTEGER
  ) STRICT, WITHOUT ROWID`,
  'CREATE INDEX tenant_by_wake ON tenant (wake_at_ms) WHERE wake_at_ms IS NOT NULL',
  `CREATE TABLE intent (
    tenant_id TEXT PRIMARY KEY,
    verb TEXT NOT NULL CHECK (verb IN ('create', 'import', 'delete')),
    incarnation TEXT NOT NULL CHECK (length(incarnation) = 20),
    file TEXT NOT NULL CHECK (length(file) = 20),
    created_at_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID`,
  `CREATE TABLE tombstone (
    incarnation TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    deleted_at_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID`,
]
