/** What an operator hears of archived tenants. */
import type { TenantId } from '@tenax/kernel'

/** One thing that has happened. */
export type ArchiveEvent =
  | { readonly type: 'archived'; readonly tenantId: TenantId; readonly manifest: number }
  | { readonly type: 'hydrated'; readonly tenantId: TenantId; readonly manifest: number; readonly durationMs: number }
  /** A tenant is what it was at a snapshot. What it was before is the manifest `replaced`, if that could be stored. */
  | {
      readonly type: 'restored'
      readonly tenantId: TenantId
      readonly manifest: number
      readonly replaced: number | undefined
    }
  /** An idle tenant could not be archived; a later look tries again. */
  | { readonly type: 'archive_failed'; readonly tenantId: TenantId; readonly reason: string }
  /** At the start the store was away; it is tried before its first use. */
  | { readonly type: 'store_untried'; readonly reason: string }
  /** Idle tenants wait, because the store is away or another one than before; the next look tries again. */
  | { readonly type: 'archiving_waits'; readonly tenantCount: number; readonly reason: string }
