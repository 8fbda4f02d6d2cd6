/**
 * Hydration: a snapshot from object storage into a new file, under a path that was never used (LEDGER D1). Nothing of it counts
 * before the catalog names the file; until then a start removes it.
 */
import type { BlobStore } from '@tenax/blobstore'
import { InvariantError, isTenaxError } from '@tenax/kernel'
import { checksumOfPages, PAGE_BYTES } from '@tenax/sqlite'
import { writeRestored } from '../files/restored-file.ts'
import type { Handle } from '../handle.ts'
import { CHUNK_BYTES, CHUNKS_IN_FLIGHT } from '../limits.ts'
import { unpackChunk } from './chunks.ts'
import { SnapshotDamage } from './damage.ts'
import { inParallel } from './in-parallel.ts'
import { chunkKey, type StoredTenant } from './keys.ts'
import type { ChunkRef, Manifest } from './manifest.ts'

/** Where a snapshot comes from. */
export interface RestoreSource {
  readonly store: BlobStore
  readonly manifest: Manifest
  /** Ends what is under way. */
  readonly signal: AbortSignal
}

/**
 * Writes the file that a manifest describes to `path`, durably, when every chunk of it is the one that was stored and all pages
 * together come to the manifest's checksum. Of a failure no file is left.
 *
 * @throws SnapshotDamage; what the store or the disk fails with
 */
export async function restoreFile({ store, manifest, signal }: RestoreSource, path: string): Promise<void> {
  const { tenantId: id, incarnation, chunks, fileBytes } = manifest
  await writeRestored(path, async (write) => {
    let checksum = 0n
    await inParallel([...chunks.entries()], CHUNKS_IN_FLIGHT, async ([index, ref]) => {
      const offset = index * CHUNK_BYTES
      const stored = await readChunk(store, { id, incarnation }, { ref, signal })
      const plain = await unpackChunk(stored, ref, Math.min(CHUNK_BYTES, fileBytes - offset))
      checksum ^= checksumOfPages(offset / PAGE_BYTES + 1, plain)
      await write(plain, offset)
    })
    if (checksum !== manifest.checksum)
      throw new SnapshotDamage('its pages do not come to the checksum of its manifest')
  })
}

async function readChunk(
  store: BlobStore,
  tenant: StoredTenant,
  { ref, signal }: { readonly ref: ChunkRef; readonly signal: AbortSignal },
): Promise<Uint8Array> {
  signal.throwIfAborted()
  try {
    return await store.get(chunkKey(tenant, ref), { signal })
  } catch (error) {
    if (isTenaxError(error, 'blob_not_found')) throw new SnapshotDamage(`chunk ${ref.hash} is missing`)
    throw error
  }
}

/** Asks SQLite about a file that was just restored. What it says against it stops the tenant, and closes the handle. */
export async function proveSound(handle: Handle): Promise<void> {
  const complaint = await handle.file.quickCheck()
  if (complaint === undefined) return
  const error = await handle.examine(
    new InvariantError(`the restored file is damaged: ${complaint.split('\n')[0] ?? ''}`),
  )
  await handle.close('fenced')
  throw error
}
