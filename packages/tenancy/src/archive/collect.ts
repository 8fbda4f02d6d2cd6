/**
 * What goes from object storage: snapshots that are older than the ones that are kept, blobs that no kept manifest names, and
 * everything of incarnations that are no more.
 */
import type { BlobEntry, BlobStore } from '@tenax/blobstore'
import type { SnapshotPlace, Tombstone } from '../catalog-snapshots.ts'
import { CHUNKS_IN_FLIGHT, SNAPSHOTS_KEPT } from '../limits.ts'
import { inParallel } from './in-parallel.ts'
import { chunkKey, manifestKey, type StoredTenant, tenantPrefix } from './keys.ts'
import { decodeManifest } from './manifest.ts'

/** Whose blobs. */
export interface CollectContext {
  readonly store: BlobStore
  readonly signal: AbortSignal
}

/**
 * Removes what a tenant's kept snapshots do not name. Whoever calls it keeps snapshots of this tenant from being taken
 * meanwhile. A blob that was stored after the last manifest is somebody else's, who is not known here, and stays. A kept manifest
 * that cannot be read, or names a blob that is not there, ends it before anything is removed.
 *
 * @returns how many blobs were removed
 */
export async function collectTenant(
  { store, signal }: CollectContext,
  tenant: StoredTenant,
  place: SnapshotPlace,
): Promise<number> {
  const found = await gathered(store, tenantPrefix(tenant), signal)
  const last = found.get(manifestKey(tenant, place.number))
  if (last === undefined) return 0
  const kept = new Set<string>()
  for (let number = place.number; number > Math.max(0, place.number - SNAPSHOTS_KEPT); number -= 1) {
    const key = manifestKey(tenant, number)
    if (!found.has(key)) continue
    kept.add(key)
    const { chunks } = decodeManifest(await store.get(key, { signal }))
    for (const chunk of chunks) kept.add(chunkKey(tenant, chunk))
  }
  for (const key of kept) if (!found.has(key)) return 0
  const waste = [...found.values()].filter(({ key, storedAtMs }) => !kept.has(key) && storedAtMs <= last.storedAtMs)
  return removeAll({ store, signal }, waste)
}

/** Removes everything that was ever stored of an incarnation that is no more. Safe to repeat. */
export async function collectTombstone(
  context: CollectContext,
  { tenantId: id, incarnation }: Tombstone,
): Promise<number> {
  const found = await gathered(context.store, tenantPrefix({ id, incarnation }), context.signal)
  return removeAll(context, [...found.values()])
}

async function gathered(store: BlobStore, prefix: string, signal: AbortSignal): Promise<Map<string, BlobEntry>> {
  const found = new Map<string, BlobEntry>()
  for await (const entry of store.list(prefix, { signal })) found.set(entry.key, entry)
  return found
}

/** Manifests last: what is left of a removal that was cut short is found by the next. */
async function removeAll({ store, signal }: CollectContext, entries: readonly BlobEntry[]): Promise<number> {
  const isManifest = ({ key }: BlobEntry) => key.endsWith('.json')
  for (const part of [entries.filter((entry) => !isManifest(entry)), entries.filter(isManifest)]) {
    await inParallel(part, CHUNKS_IN_FLIGHT, ({ key }) => store.delete(key, { signal }))
  }
  return entries.length
}
