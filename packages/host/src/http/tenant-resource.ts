/** Tenants as the API shows them. */
import type { TenantResource } from '@tenax/protocol'
import type { TenantRecord } from '@tenax/tenancy'

/** The resource of a catalog row: the strongest of its states is the one shown. */
export function resourceOf(record: TenantRecord): TenantResource {
  const { id, incarnation, suspendedAtMs, quarantineReason } = record
  const { proven, damaged } = record.proof ?? {}
  const serving =
    quarantineReason !== undefined ? 'quarantined' : suspendedAtMs !== undefined ? 'suspended' : record.state
  return {
    id,
    incarnation,
    state: record.state === 'warm' || record.state === 'archived' ? serving : record.state,
    createdAt: timeOf(record.createdAtMs),
    suspendedAt: suspendedAtMs === undefined ? null : timeOf(suspendedAtMs),
    quarantineReason: quarantineReason ?? null,
    durability: record.durability ?? null,
    provenAt: proven === undefined ? null : timeOf(proven.atMs),
    provenManifest: proven?.number ?? null,
    snapshotDamage: damaged?.reason ?? null,
    url: `/t/${id}/`,
  }
}

/** A time as the API shows it. */
export function timeOf(ms: number): string {
  return new Date(ms).toISOString()
}
