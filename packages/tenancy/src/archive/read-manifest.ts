/** Reads the manifest that the catalog names, and trusts it only as far as the catalog says the same. */
import type { BlobStore } from '@tenax/blobstore'
import { isTenaxError } from '@tenax/kernel'
import type { SnapshotPlace } from '../catalog-snapshots.ts'
import { SnapshotDamage } from './damage.ts'
import { manifestKey, type StoredTenant } from './keys.ts'
import { decodeManifest, type Manifest } from './manifest.ts'

/** Whose snapshot, and which. */
export interface WantedSnapshot extends StoredTenant {
  readonly place: SnapshotPlace
}

/** Throws {@link SnapshotDamage} when it is missing, or is not what the catalog says; what the store fails with. */
export async function readManifest(store: BlobStore, wanted: WantedSnapshot, signal: AbortSignal): Promise<Manifest> {
  const { place } = wanted
  const manifest = decodeManifest(await readBytes(store, wanted, signal))
  const differences = [
    manifest.tenantId === wanted.id ? [] : ['tenant'],
    manifest.incarnation === wanted.incarnation ? [] : ['incarnation'],
    manifest.number === place.number ? [] : ['number'],
    manifest.lineage === place.lineage ? [] : ['lineage'],
    manifest.lsn === place.lsn ? [] : ['position'],
  ].flat()
  if (differences.length > 0) throw new SnapshotDamage(`manifest ${place.number} has another ${differences.join(', ')}`)
  return manifest
}

async function readBytes(store: BlobStore, wanted: WantedSnapshot, signal: AbortSignal): Promise<Uint8Array> {
  try {
    return await store.get(manifestKey(wanted, wanted.place.number), { signal })
  } catch (error) {
    if (isTenaxError(error, 'blob_not_found')) throw new SnapshotDamage(`manifest ${wanted.place.number} is missing`)
    throw error
  }
}
