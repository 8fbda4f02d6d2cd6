/** The tables of a shard's catalog. */
import { DURABILITY_CLASSES } from '@tenax/kernel'
import { PLACEMENT_STATES } from './catalog-rows.ts'
import { MANIFEST_NUMBER_MAX, REASON_CHARS_MAX } from './limits.ts'
import { TENANT_META_ROW, TENANT_META_SQL } from './tenant-schema.ts'

/** Format of the tables below. */
export const CATALOG_FORMAT = 3

const listed = (names: readonly string[]) => names.map((name) => `'${name}'`).join(', ')

const TENANT_COLUMNS = `
    id TEXT PRIMARY KEY CHECK (id GLOB '[a-z0-9]*' AND id NOT GLOB '*[^a-z0-9_-]*' AND length(id) <= 63),
    incarnation TEXT NOT NULL UNIQUE CHECK (length(incarnation) = 20 AND incarnation NOT GLOB '*[^a-z0-9]*'),
    file TEXT NOT NULL CHECK (length(file) = 20 AND file NOT GLOB '*[^a-z0-9]*'),
    state TEXT NOT NULL CHECK (state IN (${listed(PLACEMENT_STATES)})),
    suspended_at_ms INTEGER,
    quarantine_reason TEXT CHECK (length(quarantine_reason) <= ${REASON_CHARS_MAX}),
    created_at_ms INTEGER NOT NULL,
    durability TEXT NULL CHECK (durability IN (${listed(DURABILITY_CLASSES)})),
    wake_at_ms INTEGER`

const TENANT_BY_WAKE = 'CREATE INDEX tenant_by_wake ON tenant (wake_at_ms) WHERE wake_at_ms IS NOT NULL'

/** The last snapshot of each incarnation that has one: the manifest's number, and the position of what it describes. */
const SNAPSHOT_TABLE = `CREATE TABLE snapshot (
    incarnation TEXT PRIMARY KEY CHECK (length(incarnation) = 20),
    number INTEGER NOT NULL CHECK (number BETWEEN 1 AND ${MANIFEST_NUMBER_MAX}),
    lineage TEXT NOT NULL CHECK (length(lineage) = 20),
    lsn INTEGER NOT NULL CHECK (lsn >= 0)
  ) STRICT, WITHOUT ROWID`

/** The last number that an incarnation's host has set out to create a manifest under, and what that says of its maker. */
const SNAPSHOT_ATTEMPT_TABLE = `CREATE TABLE snapshot_attempt (
    incarnation TEXT PRIMARY KEY CHECK (length(incarnation) = 20),
    number INTEGER NOT NULL CHECK (number BETWEEN 1 AND ${MANIFEST_NUMBER_MAX}),
    origin TEXT NOT NULL CHECK (length(origin) = 20)
  ) STRICT, WITHOUT ROWID`

/** What was found when snapshots of an incarnation were restored for a proof: the last that came back whole, and damage of the last one. */
const SNAPSHOT_PROOF_TABLE = `CREATE TABLE snapshot_proof (
    incarnation TEXT PRIMARY KEY CHECK (length(incarnation) = 20),
    proven_number INTEGER CHECK (proven_number BETWEEN 1 AND ${MANIFEST_NUMBER_MAX}),
    proven_at_ms INTEGER,
    damaged_number INTEGER CHECK (damaged_number BETWEEN 1 AND ${MANIFEST_NUMBER_MAX}),
    damaged_at_ms INTEGER,
    damage TEXT CHECK (length(damage) <= ${REASON_CHARS_MAX}),
    CHECK ((proven_number IS NULL) = (proven_at_ms IS NULL)),
    CHECK ((damaged_number IS NULL) = (damaged_at_ms IS NULL) AND (damaged_number IS NULL) = (damage IS NULL))
  ) STRICT, WITHOUT ROWID`

const SNAPSHOT_PROOF_INDEXES = [
  'CREATE INDEX snapshot_proof_by_age ON snapshot_proof (proven_at_ms) WHERE proven_at_ms IS NOT NULL',
  'CREATE INDEX snapshot_proof_damaged ON snapshot_proof (damaged_at_ms) WHERE damaged_at_ms IS NOT NULL',
]

/** Tables of a new catalog. It is journaled like a tenant, and has the same row of its own. */
export const CATALOG_SCHEMA: readonly string[] = [
  TENANT_META_SQL,
  TENANT_META_ROW,
  `CREATE TABLE catalog_meta (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    format INTEGER NOT NULL CHECK (format >= 1),
    shard INTEGER NOT NULL CHECK (shard >= 0)
  ) STRICT`,
  `CREATE TABLE tenant (${TENANT_COLUMNS}) STRICT, WITHOUT ROWID`,
  TENANT_BY_WAKE,
  SNAPSHOT_TABLE,
  SNAPSHOT_ATTEMPT_TABLE,
  SNAPSHOT_PROOF_TABLE,
  ...SNAPSHOT_PROOF_INDEXES,
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
    deleted_at_ms INTEGER NOT NULL,
    objects_removed_at_ms INTEGER
  ) STRICT, WITHOUT ROWID`,
]

/** What brings a catalog to the next format, by the format that it has. */
export const CATALOG_UPGRADES: ReadonlyMap<number, readonly string[]> = new Map([
  [
    1,
    [
      'DROP INDEX tenant_by_wake',
      'ALTER TABLE tenant RENAME TO tenant_before',
      `CREATE TABLE tenant (${TENANT_COLUMNS}) STRICT, WITHOUT ROWID`,
      'INSERT INTO tenant SELECT * FROM tenant_before',
      'DROP TABLE tenant_before',
      TENANT_BY_WAKE,
      SNAPSHOT_TABLE,
      SNAPSHOT_ATTEMPT_TABLE,
      'ALTER TABLE tombstone ADD COLUMN objects_removed_at_ms INTEGER',
      'UPDATE tombstone SET objects_removed_at_ms = deleted_at_ms', // there was no object storage
      'UPDATE catalog_meta SET format = 2 WHERE id = 1',
    ],
  ],
  [2, [SNAPSHOT_PROOF_TABLE, ...SNAPSHOT_PROOF_INDEXES, 'UPDATE catalog_meta SET format = 3 WHERE id = 1']],
])
