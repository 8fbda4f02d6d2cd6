/** Rows of a shard's catalog, as they are read. */
import {
  assert,
  type DurabilityClass,
  type Incarnation,
  parseDurabilityClass,
  parseIncarnation,
  parseTenantId,
  type TenantId,
} from '@tenax/kernel'

/** Where a tenant's data is, as the catalog records it. */
export type PlacementState = (typeof PLACEMENT_STATES)[number]

/** All of them. */
export const PLACEMENT_STATES = ['creating', 'warm', 'archived', 'importing', 'deleting'] as const

/** What is known of whether a tenant's snapshots come back, by their numbers. */
export interface SnapshotProof {
  /** The last one that was restored and found sound, and when. */
  readonly proven: { readonly number: number; readonly atMs: number } | undefined
  /** The tenant's last snapshot, when it was found damaged. */
  readonly damaged: { readonly number: number; readonly atMs: number; readonly reason: string } | undefined
}

/** One tenant as its catalog row has it. */
export interface TenantRecord {
  readonly id: TenantId
  readonly incarnation: Incarnation
  readonly file: string
  readonly state: PlacementState
  readonly suspendedAtMs: number | undefined
  readonly quarantineReason: string | undefined
  readonly createdAtMs: number
  /** The tenant's own class; undefined: the server's. */
  readonly durability: DurabilityClass | undefined
  /** Absent: no snapshot of it was ever restored for a proof. */
  readonly proof?: SnapshotProof
}

/** A lifecycle verb that was begun and not yet ended. `incarnation` and `file` name what it makes, or removes. */
export interface Intent {
  readonly tenantId: TenantId
  readonly verb: 'create' | 'import' | 'delete'
  readonly incarnation: Incarnation
  readonly file: string
}

/** What {@link readRecord} reads, in its order. */
export const COLUMNS = `id, incarnation, file, state, suspended_at_ms, quarantine_reason, created_at_ms, durability,
  proven_number, proven_at_ms, damaged_number, damaged_at_ms, damage`

/** Where they stand. */
export const TENANT_ROWS = 'tenant LEFT JOIN snapshot_proof USING (incarnation)'

/** One tenant. */
export function readRecord(row: readonly unknown[]): TenantRecord {
  const [id, incarnation, file, state, suspendedAtMs, quarantineReason, createdAtMs, durability, ...proof] = row
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
    durability: parseDurabilityClass(durability),
    ...(proof.every((value) => value === null) ? {} : { proof: readProof(proof) }),
  }
}

/** Number and time of what was proven, then number, time and reason of damage. */
export function readProof(row: readonly unknown[]): SnapshotProof {
  const [provenNumber, provenAtMs, damagedNumber, damagedAtMs, damage] = row
  return {
    proven: provenNumber === null ? undefined : { number: Number(provenNumber), atMs: Number(provenAtMs) },
    damaged:
      damagedNumber === null
        ? undefined
        : { number: Number(damagedNumber), atMs: Number(damagedAtMs), reason: String(damage) },
  }
}

/** One verb that was begun. */
export function readIntent(row: readonly unknown[]): Intent {
  const [tenantId, verb, incarnation, file] = row
  const parsed = parseIncarnation(String(incarnation))
  assert(parsed !== undefined && typeof file === 'string', 'an intent reads back as it was written')
  assert(verb === 'create' || verb === 'import' || verb === 'delete', 'an intent names a known verb')
  return { tenantId: parseTenantId(tenantId), verb, incarnation: parsed, file }
}

function isState(value: unknown): value is PlacementState {
  return PLACEMENT_STATES.some((state) => state === value)
}
