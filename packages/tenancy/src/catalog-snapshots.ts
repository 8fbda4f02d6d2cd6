/** What a shard's catalog knows of its tenants in object storage: the last snapshot of each, and whose objects are waste. */
import {
  assert,
  type Incarnation,
  type Lineage,
  parseIncarnation,
  parseLineage,
  parseTenantId,
  type TenantId,
} from '@tenax/kernel'
import type { SqliteFile } from '@tenax/sqlite'
import { FORGET_DAMAGE_SQL } from './catalog-proofs.ts'
import type { TenantFileName } from './files/layout.ts'
import type { RecoveredRow } from './files/recover/recovered-rows.ts'

/** Which manifest of an incarnation is its last one, and the commit that it describes. */
export interface SnapshotPlace {
  readonly number: number
  readonly lineage: Lineage
  readonly lsn: bigint
}

/** The last number that this host has set out to create a manifest under, and the origin that stands in that manifest. */
export interface SnapshotAttempt {
  readonly number: number
  readonly origin: string
}

/** A tenant that nobody has anything to do with for a while, as far as the catalog knows. */
export interface IdleCandidate extends TenantFileName {
  readonly id: TenantId
}

/** An incarnation that is no more. */
export interface Tombstone {
  readonly tenantId: TenantId
  readonly incarnation: Incarnation
}

/** The part of a catalog that is about object storage. Changes are made and durable as the catalog's own. */
export class CatalogSnapshots {
  readonly #file: SqliteFile
  readonly #change: (body: () => void) => Promise<void>

  constructor({ file, change }: { readonly file: SqliteFile; readonly change: (body: () => void) => Promise<void> }) {
    this.#file = file
    this.#change = change
  }

  /** The last snapshot of an incarnation. */
  get(incarnation: Incarnation): SnapshotPlace | undefined {
    const row = this.#file.engine('SELECT number, lineage, lsn FROM snapshot WHERE incarnation = ?').get([incarnation])
    if (row === undefined) return undefined
    const [number, lineageText, lsn] = row
    const lineage = parseLineage(String(lineageText))
    assert(lineage !== undefined && typeof lsn === 'bigint', 'a snapshot reads back as it was written')
    return { number: Number(number), lineage, lsn }
  }

  /** The last attempt to store a snapshot of an incarnation, whatever became of it. */
  attempt(incarnation: Incarnation): SnapshotAttempt | undefined {
    const row = this.#file
      .engine('SELECT number, origin FROM snapshot_attempt WHERE incarnation = ?')
      .get([incarnation])
    return row === undefined ? undefined : { number: Number(row[0]), origin: String(row[1]) }
  }

  /** Says under which number a manifest is about to be created: a number is never set out for twice. */
  beginAttempt(incarnation: Incarnation, { number, origin }: SnapshotAttempt): Promise<void> {
    return this.#change(() => {
      this.#file
        .engine('INSERT OR REPLACE INTO snapshot_attempt VALUES (?, ?, ?)')
        .get([incarnation, BigInt(number), origin])
    })
  }

  /** Whether any tenant of the shard has a snapshot. */
  hasAny(): boolean {
    return this.#file.engine('SELECT 1 FROM snapshot LIMIT 1').get() !== undefined
  }

  /** Says which snapshot is the last one: its manifest was read back and verified. */
  set(incarnation: Incarnation, place: SnapshotPlace): Promise<void> {
    return this.#change(() => this.#set(incarnation, place))
  }

  #set(incarnation: Incarnation, { number, lineage, lsn }: SnapshotPlace): void {
    this.#file
      .engine('INSERT OR REPLACE INTO snapshot VALUES (?, ?, ?, ?)')
      .get([incarnation, BigInt(number), lineage, lsn])
    this.#file.engine(FORGET_DAMAGE_SQL).get([incarnation, BigInt(number)])
  }

  /** From now on the tenant is in its last snapshot only. False when it is stopped: its file stays for whoever mends it. */
  async archive(id: TenantId, incarnation: Incarnation): Promise<boolean> {
    return this.#changeOne(
      `UPDATE tenant SET state = 'archived'
        WHERE id = ? AND incarnation = ? AND state = 'warm' AND quarantine_reason IS NULL RETURNING id`,
      [id, incarnation],
    )
  }

  /** From now on the tenant is in this file. False when it is not archived any more: somebody has replaced or deleted it. */
  async hydrated(id: TenantId, { incarnation, file }: TenantFileName): Promise<boolean> {
    return this.#changeOne(
      "UPDATE tenant SET state = 'warm', file = ? WHERE id = ? AND incarnation = ? AND state = 'archived' RETURNING id",
      [file, id, incarnation],
    )
  }

  /** What a recovery has found out: who is in the last snapshot, and who is stopped for a reason. Safe to repeat. */
  settleRecovered(rows: readonly RecoveredRow[]): Promise<void> {
    return this.#change(() => {
      for (const { incarnation, file, isArchived, reason } of rows) {
        this.#file
          .engine(
            `UPDATE tenant SET quarantine_reason = coalesce(quarantine_reason, ?1), state = iif(?2, 'archived', state)
              WHERE incarnation = ?3 AND file = ?4 AND state = 'warm'`,
          )
          .get([reason ?? null, isArchived ? 1n : 0n, incarnation, file])
      }
    })
  }

  /** From now on the tenant is in this file instead of `replaced`, `place` is its last snapshot, and nothing is held against it. False when it is not in that any more. */
  async restored(
    id: TenantId,
    { incarnation, file }: TenantFileName,
    { replaced, place }: { readonly replaced: string; readonly place: SnapshotPlace },
  ): Promise<boolean> {
    return this.#changeOne(
      `UPDATE tenant SET state = 'warm', file = ?, quarantine_reason = NULL
        WHERE id = ? AND incarnation = ? AND file = ? AND state IN ('warm', 'archived') RETURNING id`,
      [file, id, incarnation, replaced],
      () => this.#set(incarnation, place),
    )
  }

  /** Whether there was a row to change. */
  async #changeOne(sql: string, args: readonly string[], andThen: () => void = () => undefined): Promise<boolean> {
    let isDone = false
    await this.#change(() => {
      isDone = this.#file.engine(sql).get(args) !== undefined
      if (isDone) andThen()
    })
    return isDone
  }

  /** Warm tenants after `afterId` that serve and have nothing to do before `wakesAfterMs`, in order of id. */
  candidates(afterId: string, { wakesAfterMs, limit }: { wakesAfterMs: number; limit: number }): IdleCandidate[] {
    return this.#file
      .engine(
        `SELECT id, incarnation, file FROM tenant WHERE id > ? AND state = 'warm' AND suspended_at_ms IS NULL
          AND quarantine_reason IS NULL AND (wake_at_ms IS NULL OR wake_at_ms > ?) ORDER BY id LIMIT ?`,
      )
      .all([afterId, BigInt(wakesAfterMs), BigInt(limit)])
      .map(([tenantId, incarnation, file]) => {
        const { tenantId: id, ...name } = tombstoneOf(tenantId, incarnation)
        return { id, ...name, file: String(file) }
      })
  }

  /** Incarnations that are no more, and may have left objects; at most `limit`. */
  garbage(limit: number): Tombstone[] {
    return this.#file
      .engine('SELECT tenant_id, incarnation FROM tombstone WHERE objects_removed_at_ms IS NULL LIMIT ?')
      .all([BigInt(limit)])
      .map(([tenantId, incarnation]) => tombstoneOf(tenantId, incarnation))
  }

  /** Says that an incarnation has no objects left. */
  cleaned(incarnation: Incarnation, nowMs: number): Promise<void> {
    return this.#change(() => {
      this.#file
        .engine('UPDATE tombstone SET objects_removed_at_ms = ? WHERE incarnation = ?')
        .get([BigInt(nowMs), incarnation])
    })
  }
}

function tombstoneOf(tenantId: unknown, incarnation: unknown): Tombstone {
  const parsed = parseIncarnation(String(incarnation))
  assert(parsed !== undefined, 'the catalog names incarnations')
  return { tenantId: parseTenantId(tenantId), incarnation: parsed }
}
