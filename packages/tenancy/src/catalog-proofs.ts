/** What a shard's catalog knows of whether snapshots come back: the part that the scrubber writes. */
import { type Incarnation, parseIncarnation } from '@tenax/kernel'
import type { SqliteFile } from '@tenax/sqlite'
import { readProof, type SnapshotProof } from './catalog-rows.ts'
import { REASON_CHARS_MAX } from './limits.ts'

/** Lets go of the damage of snapshots before number `?`: a newer one has taken their place. */
export const FORGET_DAMAGE_SQL = `UPDATE snapshot_proof SET damaged_number = NULL, damaged_at_ms = NULL, damage = NULL
  WHERE incarnation = ? AND damaged_number < ?`

/** One snapshot that was restored and found sound, or damaged. */
export interface ProvenSnapshot {
  readonly incarnation: Incarnation
  readonly number: number
  readonly atMs: number
}

/** How many tenants of the shard have a snapshot, and what is known of those. */
export interface ProofCounts {
  readonly snapshotCount: number
  readonly provenCount: number
  readonly damagedCount: number
  /** When the tenant was last proven whose last proof is the oldest; of those that were never proven there is none. */
  readonly oldestProofAtMs: number | undefined
}

/** The table `snapshot_proof`. Changes are made and durable as the catalog's own. */
export class CatalogProofs {
  readonly #file: SqliteFile
  readonly #change: (body: () => void) => Promise<void>

  constructor({ file, change }: { readonly file: SqliteFile; readonly change: (body: () => void) => Promise<void> }) {
    this.#file = file
    this.#change = change
  }

  get(incarnation: Incarnation): SnapshotProof | undefined {
    const row = this.#file
      .engine(
        `SELECT proven_number, proven_at_ms, damaged_number, damaged_at_ms, damage FROM snapshot_proof
          WHERE incarnation = ?`,
      )
      .get([incarnation])
    return row === undefined ? undefined : readProof(row)
  }

  /** How many incarnations have a snapshot. */
  candidateCount(): number {
    return this.#count('SELECT count(*) FROM snapshot')
  }

  /** One of those that have a snapshot, by its place in their order. */
  candidateAt(index: number): Incarnation | undefined {
    const row = this.#file
      .engine('SELECT incarnation FROM snapshot ORDER BY incarnation LIMIT 1 OFFSET ?')
      .get([BigInt(index)])
    return row === undefined ? undefined : parseIncarnation(String(row[0]))
  }

  /** Says that a snapshot came back whole. Of an incarnation that is no more nothing is kept. */
  proven({ incarnation, number, atMs }: ProvenSnapshot): Promise<void> {
    return this.#change(() => {
      this.#file
        .engine(
          `INSERT INTO snapshot_proof (incarnation, proven_number, proven_at_ms)
            SELECT incarnation, ?, ? FROM snapshot WHERE incarnation = ?
            ON CONFLICT (incarnation) DO UPDATE
              SET proven_number = excluded.proven_number, proven_at_ms = excluded.proven_at_ms`,
        )
        .get([BigInt(number), BigInt(atMs), incarnation])
      this.#file.engine(FORGET_DAMAGE_SQL).get([incarnation, BigInt(number + 1)])
    })
  }

  /** Says that a snapshot is damaged. False when it is not the last one any more, and nothing is said then. */
  async damaged({ incarnation, number, atMs }: ProvenSnapshot, reason: string): Promise<boolean> {
    let isLast = false
    await this.#change(() => {
      const row = this.#file
        .engine(
          `INSERT INTO snapshot_proof (incarnation, damaged_number, damaged_at_ms, damage)
            SELECT incarnation, number, ?, ? FROM snapshot WHERE incarnation = ? AND number = ?
            ON CONFLICT (incarnation) DO UPDATE SET damaged_number = excluded.damaged_number,
              damaged_at_ms = excluded.damaged_at_ms, damage = excluded.damage
            RETURNING incarnation`,
        )
        .get([BigInt(atMs), reason.slice(0, REASON_CHARS_MAX), incarnation, BigInt(number)])
      isLast = row !== undefined
    })
    return isLast
  }

  counts(): ProofCounts {
    const [oldest] =
      this.#file.engine('SELECT min(proven_at_ms) FROM snapshot_proof WHERE proven_at_ms IS NOT NULL').get() ?? []
    return {
      snapshotCount: this.candidateCount(),
      provenCount: this.#count('SELECT count(*) FROM snapshot_proof WHERE proven_at_ms IS NOT NULL'),
      damagedCount: this.#count('SELECT count(*) FROM snapshot_proof WHERE damaged_at_ms IS NOT NULL'),
      oldestProofAtMs: typeof oldest === 'bigint' ? Number(oldest) : undefined,
    }
  }

  #count(sql: string): number {
    return Number(this.#file.engine(sql).get()?.[0] ?? 0)
  }
}
