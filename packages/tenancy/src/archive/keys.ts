/**
 * Where a tenant lies in object storage.
 *
 *     tenants/<id>/<incarnation>/manifests/00000007.json               one snapshot: see manifest.ts
 *     tenants/<id>/<incarnation>/chunks/<origin>/<hash of the blob>    a piece of a file: see chunks.ts
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

/**
 * A key is never used again once its blob was removed: `origin` is new for each attempt to take a snapshot. So a removal that a
 * store does late, after it was given up, takes nothing that anybody names.
 */
export function chunkKey(
  tenant: StoredTenant,
  { origin, hash }: { readonly origin: string; readonly hash: string },
): string {
  return `${tenantPrefix(tenant)}chunks/${origin}/${hash}`
}
