/** Reads the snapshot that the catalog names, and trusts it only as far as the catalog says the same. */
import type { BlobStore } from '@tenax/blobstore'
import { isTenaxError } from '@tenax/kernel'
import { checksumOfPages, PAGE_BYTES } from '@tenax/sqlite'
import type { SnapshotPlace } from '../catalog-snapshots.ts'
import { CHUNK_BYTES, CHUNKS_IN_FLIGHT } from '../limits.ts'
import type { Meter } from '../transfers.ts'
import { unpackChunk } from './chunks.ts'
import { SnapshotDamage } from './damage.ts'
import { inParallel } from './in-parallel.ts'
import { chunkKey, manifestKey, type StoredTenant } from './keys.ts'
import { type ChunkRef, decodeManifest, type Manifest } from './manifest.ts'

/** Whose snapshot, and which. */
export interface WantedSnapshot extends StoredTenant {
  readonly place: SnapshotPlace
}

/** Throws {@link SnapshotDamage} when it is missing, or is not what the catalog says; what the store fails with. */
export async function readManifest(store: BlobStore, wanted: WantedSnapshot, signal: AbortSignal): Promise<Manifest> {
  const { place } = wanted
  const key = manifestKey(wanted, place.number)
  const manifest = decodeManifest(await readBlob(store, { key, name: `manifest ${place.number}` }, signal))
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

/** Where a snapshot is read from. */
export interface SnapshotReader {
  readonly store: BlobStore
  readonly signal: AbortSignal
  /** Hears of the bytes of files that are read. */
  readonly meter?: Meter
}

/**
 * Reads every chunk of a snapshot, a few at a time and in any order, and gives each to `take` with its place in the file.
 *
 * @throws SnapshotDamage when one is not what was stored, or all pages do not come to the manifest's checksum
 */
export async function readPages(
  { store, signal, meter }: SnapshotReader,
  { tenantId: id, incarnation, chunks, fileBytes, checksum }: Manifest,
  take: (plain: Uint8Array, offset: number) => Promise<void>,
): Promise<void> {
  let found = 0n
  meter?.expect(fileBytes)
  await inParallel([...chunks.entries()], CHUNKS_IN_FLIGHT, async ([index, ref]) => {
    const offset = index * CHUNK_BYTES
    const plain = await readChunk({ store, signal }, chunkKey({ id, incarnation }, ref), {
      ref,
      plainBytes: Math.min(CHUNK_BYTES, fileBytes - offset),
    })
    found ^= checksumOfPages(offset / PAGE_BYTES + 1, plain)
    await take(plain, offset)
    meter?.add(plain.byteLength)
  })
  if (found !== checksum) throw new SnapshotDamage('its pages do not come to the checksum of its manifest')
}

/** One piece of a file. */
export async function readChunk(
  { store, signal }: SnapshotReader,
  key: string,
  { ref, plainBytes }: { readonly ref: ChunkRef; readonly plainBytes: number },
): Promise<Uint8Array> {
  signal.throwIfAborted()
  return unpackChunk(await readBlob(store, { key, name: `chunk ${ref.hash}` }, signal), ref, plainBytes)
}

/** Whether the store gives back all of a snapshot, as it was stored: read in whole. */
export async function isWhole(reader: SnapshotReader, wanted: WantedSnapshot): Promise<boolean> {
  try {
    await readPages(reader, await readManifest(reader.store, wanted, reader.signal), async () => undefined)
    return true
  } catch (error) {
    if (error instanceof SnapshotDamage) return false
    throw error
  }
}

async function readBlob(
  store: BlobStore,
  { key, name }: { readonly key: string; readonly name: string },
  signal: AbortSignal,
): Promise<Uint8Array> {
  try {
    return await store.get(key, { signal })
  } catch (error) {
    if (isTenaxError(error, 'blob_not_found')) throw new SnapshotDamage(`${name} is missing`)
    throw error
  }
}
