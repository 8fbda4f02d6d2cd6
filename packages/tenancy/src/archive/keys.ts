/**
 * Where a tenant lies in object storage.
 *
 *     tenants/<id>/<incarnation>/manifests/00000007.json               one snapshot: see manifest.ts
 *     tenants/<id>/<incarnation>/chunks/<lineage>/<hash of the blob>   a piece of a file: see chunks.ts
 */
import type { Incarnation, TenantId } from '@tenax/kernel'

/** Which creation of which tenant. */
export interface StoredTenant {
  readonly id: TenantId
  readonly incarnation: Incarnation
}

/** Everything of one incarnation lies below this. */
export function tenantPrefix({ id, incarnation }: StoredTenant): string {
  return `tenants/${id}/${incarnation}/`
}

/** @param number from 1 to 99,999,999 */
export function manifestKey(tenant: StoredTenant, number: number): string {
  return `${tenantPrefix(tenant)}manifests/${String(number).padStart(8, '0')}.json`
}

/** @param chunk names the history that it was first stored in, and what it is */
export function chunkKey(tenant: StoredTenant, { lineage, hash }: { lineage: string; hash: string }): string {
  return `${tenantPrefix(tenant)}chunks/${lineage}/${hash}`
}
