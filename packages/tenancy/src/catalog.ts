/**
 * A shard's catalog: its tenants, where their files are, and what is being done to them. One SQLite file per shard.
 *
 * A lifecycle verb writes its intent here first, then touches files, then writes its end here. At start each intent that
 * is still there is finished or undone (`recovery.ts`), so that a crash at any point leaves either the old or the new.
 */
import { assert, type Incarnation, parseIncarnation, parseTenantId, type TenantId } from '@tenax/kernel'
import { EngineError, type SqliteFile } from '@tenax/sqlite'
import { CHECKPOINT_WAL_BYTES, REASON_CHARS_MAX } from './limits.ts'

/** Where a tenant's data is, as the catalog records it. */
export type PlacementState = 'creating' | 'warm' | 'importing' | 'deleting'

/** One tenant as its catalog row has it. */
export interface TenantRecord {
  readonly id: TenantId
  readonly incarnation: Incarnation
  readonly file: string
  readonly state: PlacementState
  readonly suspendedAtMs: number | undefined
  readonly quarantineReason: string | undefined
  readonly createdAtMs: number
}

/** A lifecycle verb that was begun and not yet ended. `incarnation` and `file` name what it makes, or removes. */
export interface Intent {
  readonly tenantId: TenantId
  readonly verb: 'create' | 'import' | 'delete'
  readonly incarnation: Incarnation
  readonly file: string
}

/** Format of the tables below. */
export const CATALOG_FORMAT = 1

/** Tables of a new catalog. */
export const CATALOG_SCHEMA: readonly string[] = [
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
    wake_at_ms INTEGER
  ) STRICT, WITHOUT ROWID`,
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

const COLUMNS = 'id, incarnation, file, state, suspended_at_ms, quarantine_reason, created_at_ms'

/** One shard's catalog. All methods are synchronous and durable when they return. */
export class Catalog {
  readonly shard: number
  readonly #file: SqliteFile

  constructor(shard: number, file: SqliteFile) {
    this.shard = shard
    this.#file = file
  }

  get(id: TenantId): TenantRecord | undefined {
    const row = this.#file.engine(`SELECT ${COLUMNS} FROM tenant WHERE id = ?`).get([id])
    return row === undefined ? undefined : readRecord(row)
  }

  /** Tenants after `afterId` in order of id, at most `limit`, whose ids begin with `prefix`. */
  list({ afterId, prefix, limit }: { afterId: string; prefix: string; limit: number }): TenantRecord[] {
    return this.#file
      .engine(
        `SELECT ${COLUMNS} FROM tenant WHERE id > ? AND substr(id, 1, length(?)) = ? AND id >= ? ORDER BY id LIMIT ?`,
      )
      .all([afterId, prefix, prefix, prefix, BigInt(limit)])
      .map(readRecord)
  }

  count(): number {
    return Number(this.#file.engine('SELECT count(*) FROM tenant').get()?.[0] ?? 0)
  }

  intents(): Intent[] {
    return this.#file.engine('SELECT tenant_id, verb, incarnation, file FROM intent').all().map(readIntent)
  }

  /** What was begun with this tenant and not ended. */
  intent(id: TenantId): Intent | undefined {
    const row = this.#file.engine('SELECT tenant_id, verb, incarnation, file FROM intent WHERE tenant_id = ?').get([id])
    return row === undefined ? undefined : readIntent(row)
  }

  /** Begins a creation: the row, in state `creating` or `importing`, and the intent. */
  beginNew(record: TenantRecord, intent: Intent): void {
    this.#change(() => {
      this.#insertIntent(intent, record.createdAtMs)
      this.#file
        .engine('INSERT INTO tenant (id, incarnation, file, state, created_at_ms) VALUES (?, ?, ?, ?, ?)')
        .get([record.id, record.incarnation, record.file, record.state, BigInt(record.createdAtMs)])
    })
  }

  /** Begins to replace the file of a tenant that goes on serving from the old one. */
  beginReplace(intent: Intent, nowMs: number): void {
    this.#change(() => this.#insertIntent(intent, nowMs))
  }

  /** Ends a creation or a replacement: from now on the row names this file, and nothing is held against the tenant. */
  finishNew({ tenantId, incarnation, file }: Intent): void {
    this.#change(() => {
      this.#deleteIntent(tenantId)
      this.#one(
        `UPDATE tenant SET incarnation = ?, file = ?, state = 'warm', quarantine_reason = NULL WHERE id = ? RETURNING id`,
        [incarnation, file, tenantId],
      )
    })
  }

  /** Takes a creation back: the row and its intent go. */
  undoNew({ tenantId, incarnation }: Intent): void {
    this.#change(() => {
      this.#deleteIntent(tenantId)
      this.#file.engine('DELETE FROM tenant WHERE id = ? AND incarnation = ?').get([tenantId, incarnation])
    })
  }

  beginDelete(intent: Intent, nowMs: number): void {
    this.#change(() => {
      this.#insertIntent(intent, nowMs)
      this.#one(`UPDATE tenant SET state = 'deleting' WHERE id = ? RETURNING id`, [intent.tenantId])
    })
  }

  finishDelete({ tenantId, incarnation }: Intent, nowMs: number): void {
    this.#change(() => {
      this.#deleteIntent(tenantId)
      this.#file.engine('DELETE FROM tenant WHERE id = ?').get([tenantId])
      this.#file.engine('INSERT OR IGNORE INTO tombstone VALUES (?, ?, ?)').get([incarnation, tenantId, BigInt(nowMs)])
    })
  }

  suspend(id: TenantId, nowMs: number): void {
    this.#file.transaction(() =>
      this.#one('UPDATE tenant SET suspended_at_ms = coalesce(suspended_at_ms, ?) WHERE id = ? RETURNING id', [
        BigInt(nowMs),
        id,
      ]),
    )
  }

  /** Lifts suspension and quarantine. */
  resume(id: TenantId): void {
    this.#file.transaction(() =>
      this.#one('UPDATE tenant SET suspended_at_ms = NULL, quarantine_reason = NULL WHERE id = ? RETURNING id', [id]),
    )
  }

  quarantine(id: TenantId, incarnation: Incarnation, reason: string): void {
    this.#file
      .engine('UPDATE tenant SET quarantine_reason = ? WHERE id = ? AND incarnation = ?')
      .get([reason.slice(0, REASON_CHARS_MAX), id, incarnation])
  }

  /** File name by incarnation, of every tenant and every intent: what may lie in the shard's directory. */
  namedFiles(): Map<string, string> {
    const rows = this.#file
      .engine('SELECT incarnation, file FROM tenant UNION SELECT incarnation, file FROM intent')
      .all()
    return new Map(rows.map(([incarnation, file]) => [String(incarnation), String(file)]))
  }

  /** Moves the catalog's WAL into its file, and closes it if that worked. */
  async close(): Promise<void> {
    if (await this.#file.checkpoint()) this.#file.close()
  }

  /** Closes a catalog of a start that failed, emptying its WAL if that can be: what is left there is as durable. */
  abandon(): void {
    try {
      this.#file.engine('PRAGMA wal_checkpoint(TRUNCATE)').get()
    } catch (error) {
      if (!(error instanceof EngineError)) throw error
    } finally {
      this.#file.close()
    }
  }

  /** One durable change, and a checkpoint when the WAL has grown: nobody else looks after a catalog's. */
  #change(body: () => void): void {
    this.#file.transaction(body)
    if (this.#file.walBytes() >= CHECKPOINT_WAL_BYTES) this.#checkpoint()
  }

  /** The change before it is committed, so a full disk does not fail it: the next change tries again. */
  #checkpoint(): void {
    try {
      this.#file.engine('PRAGMA wal_checkpoint(TRUNCATE)').get()
    } catch (error) {
      if (!(error instanceof EngineError && error.sqliteCode === 'SQLITE_FULL')) throw error
    }
  }

  #insertIntent({ tenantId, verb, incarnation, file }: Intent, nowMs: number): void {
    this.#file
      .engine('INSERT INTO intent VALUES (?, ?, ?, ?, ?)')
      .get([tenantId, verb, incarnation, file, BigInt(nowMs)])
  }

  #deleteIntent(id: TenantId): void {
    this.#one('DELETE FROM intent WHERE tenant_id = ? RETURNING tenant_id', [id])
  }

  #one(sql: string, args: readonly (string | bigint)[]): void {
    assert(this.#file.engine(sql).get(args) !== undefined, 'a catalog change finds its row')
  }
}

function readRecord(row: readonly unknown[]): TenantRecord {
  const [id, incarnation, file, state, suspendedAtMs, quarantineReason, createdAtMs] = row
  const parsed = parseIncarnation(String(incarnation))
  assert(
    parsed !== undefined && isState(state) && typeof file === 'string',
    'a catalog row reads back as it was written',
  )
  return {
    id: parseTenantId(id),
    incarnation: parsed,
    file,
    state,
    suspendedAtMs: suspendedAtMs === null ? undefined : Number(suspendedAtMs),
    quarantineReason: typeof quarantineReason === 'string' ? quarantineReason : undefined,
    createdAtMs: Number(createdAtMs),
  }
}

function readIntent(row: readonly unknown[]): Intent {
  const [tenantId, verb, incarnation, file] = row
  const parsed = parseIncarnation(String(incarnation))
  assert(parsed !== undefined && typeof file === 'string', 'an intent reads back as it was written')
  assert(verb === 'create' || verb === 'import' || verb === 'delete', 'an intent names a known verb')
  return { tenantId: parseTenantId(tenantId), verb, incarnation: parsed, file }
}

function isState(value: unknown): value is PlacementState {
  return value === 'creating' || value === 'warm' || value === 'importing' || value === 'deleting'
}
