/**
 * A shard's catalog: its tenants, where their files are, and what is being done to them. One SQLite file per shard.
 *
 * A lifecycle verb writes its intent here first, then touches files, then writes its end here. At start each intent that
 * is still there is finished or undone (`recovery.ts`), so that a crash at any point leaves either the old or the new.
 */
import {
  assert,
  type DurabilityClass,
  type Incarnation,
  isTenaxError,
  parseIncarnation,
  parseTenantId,
  type TenantId,
  TenaxError,
} from '@tenax/kernel'
import { abandonFile, EngineError, type SqliteFile } from '@tenax/sqlite'
import { CatalogProofs } from './catalog-proofs.ts'
import { COLUMNS, type Intent, readIntent, readRecord, TENANT_ROWS, type TenantRecord } from './catalog-rows.ts'
import { CATALOG_UPGRADES } from './catalog-schema.ts'
import { CatalogSnapshots } from './catalog-snapshots.ts'
import { CHECKPOINT_WAL_BYTES, REASON_CHARS_MAX, WHOLE_TRIES_MAX } from './limits.ts'

/** What a catalog needs of the way its changes become durable. */
export interface CatalogJournal {
  settled(): Promise<void>
  checkpoint(run: () => boolean): Promise<boolean>
  /** Lets the next change take all pages along. False when there are changes that no checkpoint has moved. */
  includeAllPages(): boolean
  /** Lets go, until the next change, of what a change needs: all catalogs are open all the time. */
  rest(): void
  close(): void
}

/** How the names begin under which the ledger knows catalogs: no random id is like them. */
export const CATALOG_NAME = 'catalog000'

/** The name under which the ledger knows the catalog of a shard. */
export function catalogIncarnation(shard: number): Incarnation {
  const incarnation = parseIncarnation(`${CATALOG_NAME}${String(shard).padStart(10, '0')}`)
  assert(incarnation !== undefined, 'the name of a catalog is an incarnation')
  return incarnation
}

const IS_SERVING = "state IN ('warm', 'archived') AND suspended_at_ms IS NULL AND quarantine_reason IS NULL"

/** What a catalog is made of. */
export interface CatalogOptions {
  readonly shard: number
  readonly file: SqliteFile
  readonly journal: CatalogJournal
  /** Hears of a defect, also when nobody waits for the change: without its catalogs a host can promise nothing. */
  readonly onFatal: (error: unknown) => void
}

/**
 * One shard's catalog.
 *
 * A change is made before its method returns, so that nobody who asks later misses it; its promise resolves when it is
 * durable. It rejects when the change was not made, and also when it was made and `durable` failed: then it may outlive a
 * crash or not, and whoever must know which asks the catalog.
 */
export class Catalog {
  readonly shard: number
  /** What the catalog knows of its tenants in object storage. */
  readonly snapshots: CatalogSnapshots
  /** Which of those were proven restorable. */
  readonly proofs: CatalogProofs
  readonly #file: SqliteFile
  readonly #journal: CatalogJournal
  readonly #onFatal: (error: unknown) => void
  #checkpoint: Promise<void> | undefined

  constructor(options: CatalogOptions) {
    this.shard = options.shard
    this.#file = options.file
    this.#journal = options.journal
    this.#onFatal = options.onFatal
    const parts = { file: this.#file, change: (body: () => void) => this.#change(body) }
    this.snapshots = new CatalogSnapshots(parts)
    this.proofs = new CatalogProofs(parts)
    this.#journal.rest()
  }

  /** Brings the tables to the format of this Tenax, from one that it knows. Resolves when that is durable. */
  async upgrade(): Promise<void> {
    for (;;) {
      const format = Number(this.#file.engine('SELECT format FROM catalog_meta WHERE id = 1').get()?.[0])
      const statements = CATALOG_UPGRADES.get(format)
      if (statements === undefined) return
      await this.#change(() => {
        for (const sql of statements) this.#file.engine(sql).get()
      })
    }
  }

  get(id: TenantId): TenantRecord | undefined {
    const row = this.#file.engine(`SELECT ${COLUMNS} FROM ${TENANT_ROWS} WHERE id = ?`).get([id])
    return row === undefined ? undefined : readRecord(row)
  }

  /** Tenants after `afterId` in order of id, at most `limit`, whose ids begin with `prefix`. */
  list({ afterId, prefix, limit }: { afterId: string; prefix: string; limit: number }): TenantRecord[] {
    return this.#file
      .engine(
        `SELECT ${COLUMNS} FROM ${TENANT_ROWS} WHERE id > ? AND substr(id, 1, length(?)) = ? AND id >= ? ORDER BY id LIMIT ?`,
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

  /** True while this intent is here: it was begun, and neither finished nor undone. */
  isBegun({ tenantId, incarnation }: Intent): boolean {
    return this.intent(tenantId)?.incarnation === incarnation
  }

  /** Begins a creation: the row, in state `creating` or `importing`, and the intent. */
  beginNew(record: TenantRecord, intent: Intent): Promise<void> {
    return this.#change(() => {
      this.#insertIntent(intent, record.createdAtMs)
      this.#file
        .engine(
          'INSERT INTO tenant (id, incarnation, file, state, created_at_ms, durability) VALUES (?, ?, ?, ?, ?, ?)',
        )
        .get([
          record.id,
          record.incarnation,
          record.file,
          record.state,
          BigInt(record.createdAtMs),
          record.durability ?? null,
        ])
    })
  }

  /** Begins to replace the file of a tenant that goes on serving from the old one. */
  beginReplace(intent: Intent, nowMs: number): Promise<void> {
    return this.#change(() => this.#insertIntent(intent, nowMs))
  }

  /**
   * Ends a creation or a replacement: from now on the row names this file, and nothing is held against the tenant. What was
   * replaced leaves a tombstone.
   */
  finishNew({ tenantId, incarnation, file }: Intent, nowMs: number): Promise<void> {
    return this.#change(() => {
      this.#deleteIntent(tenantId)
      this.#entomb(tenantId, { unless: incarnation, nowMs })
      this.#one(
        `UPDATE tenant SET incarnation = ?, file = ?, state = 'warm', quarantine_reason = NULL WHERE id = ? RETURNING id`,
        [incarnation, file, tenantId],
      )
    })
  }

  /** Takes a creation back: the row and its intent go. What was stored of it leaves a tombstone. */
  undoNew({ tenantId, incarnation }: Intent): Promise<void> {
    return this.#change(() => {
      const [begunAtMs] =
        this.#file.engine('SELECT created_at_ms FROM intent WHERE tenant_id = ?').get([tenantId]) ?? []
      this.#deleteIntent(tenantId)
      this.#file.engine('DELETE FROM tenant WHERE id = ? AND incarnation = ?').get([tenantId, incarnation])
      if (this.snapshots.attempt(incarnation) !== undefined)
        this.#leaveTombstone(incarnation, { tenantId, nowMs: Number(begunAtMs) })
    })
  }

  beginDelete(intent: Intent, nowMs: number): Promise<void> {
    return this.#change(() => {
      this.#insertIntent(intent, nowMs)
      this.#one(`UPDATE tenant SET state = 'deleting' WHERE id = ? RETURNING id`, [intent.tenantId])
    })
  }

  finishDelete({ tenantId }: Intent, nowMs: number): Promise<void> {
    return this.#change(() => {
      this.#deleteIntent(tenantId)
      this.#entomb(tenantId, { unless: '', nowMs })
      this.#file.engine('DELETE FROM tenant WHERE id = ?').get([tenantId])
    })
  }

  /** Leaves a tombstone of the incarnation that a tenant's row names, unless it is this one. */
  #entomb(id: TenantId, { unless, nowMs }: { readonly unless: string; readonly nowMs: number }): void {
    const [gone] =
      this.#file.engine('SELECT incarnation FROM tenant WHERE id = ? AND incarnation <> ?').get([id, unless]) ?? []
    if (gone !== undefined) this.#leaveTombstone(String(gone), { tenantId: id, nowMs })
  }

  /** What an incarnation has left in object storage is removed by whoever sees this. */
  #leaveTombstone(
    incarnation: string,
    { tenantId, nowMs }: { readonly tenantId: TenantId; readonly nowMs: number },
  ): void {
    this.#file
      .engine('INSERT OR IGNORE INTO tombstone (incarnation, tenant_id, deleted_at_ms) VALUES (?, ?, ?)')
      .get([incarnation, tenantId, BigInt(nowMs)])
    for (const table of ['snapshot', 'snapshot_attempt', 'snapshot_proof']) {
      this.#file.engine(`DELETE FROM ${table} WHERE incarnation = ?`).get([incarnation])
    }
  }

  suspend(id: TenantId, nowMs: number): Promise<void> {
    return this.#change(() =>
      this.#one('UPDATE tenant SET suspended_at_ms = coalesce(suspended_at_ms, ?) WHERE id = ? RETURNING id', [
        BigInt(nowMs),
        id,
      ]),
    )
  }

  /** Lifts suspension and quarantine. */
  resume(id: TenantId): Promise<void> {
    return this.#change(() =>
      this.#one('UPDATE tenant SET suspended_at_ms = NULL, quarantine_reason = NULL WHERE id = ? RETURNING id', [id]),
    )
  }

  setDurability(id: TenantId, durability: DurabilityClass | undefined): Promise<void> {
    return this.#change(() =>
      this.#one('UPDATE tenant SET durability = ? WHERE id = ? RETURNING id', [durability ?? null, id]),
    )
  }

  /** Says when somebody should look at the tenant next; undefined: never. What is said already is not written again. */
  setWake(id: TenantId, wakeAtMs: number | undefined): Promise<void> {
    const atMs = wakeAtMs === undefined ? null : BigInt(wakeAtMs)
    const known = this.#file.engine('SELECT wake_at_ms FROM tenant WHERE id = ?').get([id])
    if (known === undefined || known[0] === atMs) return this.#journal.settled()
    return this.#change(() => this.#one('UPDATE tenant SET wake_at_ms = ? WHERE id = ? RETURNING id', [atMs, id]))
  }

  /** When somebody should look at the tenant next. */
  wakeOf(id: TenantId): number | undefined {
    const atMs = this.#file.engine('SELECT wake_at_ms FROM tenant WHERE id = ?').get([id])?.[0]
    return typeof atMs === 'bigint' ? Number(atMs) : undefined
  }

  /** The tenants that serve and are to be looked at by `nowMs`, earliest first, at most `limit`, with their times. */
  due(nowMs: number, limit: number): { readonly id: TenantId; readonly wakeAtMs: number }[] {
    return this.#file
      .engine(
        `SELECT id, wake_at_ms FROM tenant WHERE wake_at_ms <= ? AND ${IS_SERVING} ORDER BY wake_at_ms, id LIMIT ?`,
      )
      .all([BigInt(nowMs), BigInt(limit)])
      .map(([id, wakeAtMs]) => ({ id: parseTenantId(id), wakeAtMs: Number(wakeAtMs) }))
  }

  quarantine(id: TenantId, incarnation: Incarnation, reason: string): Promise<void> {
    return this.#change(() => {
      this.#file
        .engine('UPDATE tenant SET quarantine_reason = ? WHERE id = ? AND incarnation = ?')
        .get([reason.slice(0, REASON_CHARS_MAX), id, incarnation])
    })
  }

  /** Resolves when every change so far is durable: for who goes on from a change that somebody else made. */
  whenDurable(): Promise<void> {
    return this.#journal.settled()
  }

  /** File name by incarnation, of every tenant that is not archived and every intent: what may lie in the shard's directory. */
  namedFiles(): Map<string, string> {
    const rows = this.#file
      .engine(
        "SELECT incarnation, file FROM tenant WHERE state <> 'archived' UNION SELECT incarnation, file FROM intent",
      )
      .all()
    return new Map(rows.map(([incarnation, file]) => [String(incarnation), String(file)]))
  }

  /** Incarnations of the tenants that are in object storage only. */
  archived(): Set<string> {
    const rows = this.#file.engine("SELECT incarnation FROM tenant WHERE state = 'archived'").all()
    return new Set(rows.map(([incarnation]) => String(incarnation)))
  }

  /** Incarnations of the tenants that are quarantined. */
  quarantined(): Set<string> {
    const rows = this.#file.engine('SELECT incarnation FROM tenant WHERE quarantine_reason IS NOT NULL').all()
    return new Set(rows.map(([incarnation]) => String(incarnation)))
  }

  /** Incarnations of the tenants that nobody may open now. */
  suspended(): Set<string> {
    const rows = this.#file.engine('SELECT incarnation FROM tenant WHERE suspended_at_ms IS NOT NULL').all()
    return new Set(rows.map(([incarnation]) => String(incarnation)))
  }

  /** The tenant that an incarnation is of. */
  tenantOf(incarnation: Incarnation): TenantId | undefined {
    const row = this.#file.engine('SELECT id FROM tenant WHERE incarnation = ?').get([incarnation])
    return row === undefined ? undefined : parseTenantId(row[0])
  }

  /** Moves the catalog's WAL into its file, and closes it if that worked. */
  async close(): Promise<void> {
    await this.#checkpoint
    await this.#journal.checkpoint(() => this.#file.checkpointNow())
    this.abandon()
  }

  /** Lets go of a catalog, and closes it unless a close could move what the ledger may not have. */
  abandon(): void {
    this.#journal.close()
    if (this.#file.walBytes() > 0) abandonFile(this.#file)
    else this.#file.close()
  }

  /** Moves the WAL into the file, once all of it is durable. One at a time; a failure leaves it for the next. */
  checkpointSoon(): Promise<void> {
    this.#checkpoint ??= this.#journal
      .checkpoint(() => this.#file.checkpointNow())
      .then(() => undefined)
      .catch((error: unknown) => {
        this.#tellDefect(error)
        throw error
      })
      .finally(() => {
        this.#checkpoint = undefined
      })
    return this.#checkpoint
  }

  /** Puts the whole catalog into the ledger, so that whoever has that from here on needs nothing else. Resolves when durable. */
  async appendWhole(): Promise<void> {
    for (let tries = 0; tries < WHOLE_TRIES_MAX; tries += 1) {
      await this.checkpointSoon()
      if (!this.#journal.includeAllPages()) continue
      return this.#change(() => undefined)
    }
    throw new TenaxError(
      'unavailable',
      `the catalog of shard ${this.shard} is changed all the time, or read by another process`,
      {
        hint: 'close what else has it open',
      },
    )
  }

  /** One change, and a checkpoint when the WAL has grown: nobody else looks after a catalog's. Resolves when durable. */
  async #change(body: () => void): Promise<void> {
    try {
      this.#file.transaction(() => {
        body()
        this.#file.engine('UPDATE tenax_meta SET lsn = lsn + 1 WHERE id = 1').get()
      })
      this.#journal.rest()
    } catch (error) {
      this.#tellDefect(error)
      throw error
    }
    await this.#journal.settled()
    if (this.#file.walBytes() >= CHECKPOINT_WAL_BYTES) {
      this.checkpointSoon().catch(() => undefined) // told, if it was a defect; else the next one tries again
    }
  }

  /** A lock or a full disk is of the moment: the next change or checkpoint tries again. */
  #tellDefect(error: unknown): void {
    if (!(error instanceof EngineError || isTenaxError(error))) this.#onFatal(error)
  }

  #insertIntent({ tenantId, verb, incarnation, file }: Intent, nowMs: number): void {
    this.#file
      .engine('INSERT INTO intent VALUES (?, ?, ?, ?, ?)')
      .get([tenantId, verb, incarnation, file, BigInt(nowMs)])
  }

  #deleteIntent(id: TenantId): void {
    this.#one('DELETE FROM intent WHERE tenant_id = ? RETURNING tenant_id', [id])
  }

  #one(sql: string, args: readonly (string | bigint | null)[]): void {
    assert(this.#file.engine(sql).get(args) !== undefined, 'a catalog change finds its row')
  }
}
