/**
 * Snapshots: an open tenant's main file, as it is at one commit, into object storage.
 *
 * The order is what makes it safe (LEDGER O3, invariant 8): chunks, manifest, both read back, then the catalog. A crash between
 * any two leaves blobs that nobody names: the next snapshot's collection removes them. Only the manifest that the catalog names counts.
 */
import { type BlobStore, createOrRead } from '@tenax/blobstore'
import { type Clock, type RandomId, TenaxError } from '@tenax/kernel'
import { checksumOfPages, PAGE_BYTES } from '@tenax/sqlite'
import type { Catalog } from '../catalog.ts'
import type { SnapshotPlace } from '../catalog-snapshots.ts'
import { type FrozenFile, freezeFile, movedByOther } from '../files/frozen-file.ts'
import type { Handle } from '../handle.ts'
import { CHUNK_BYTES, CHUNKS_IN_FLIGHT, MANIFEST_NUMBER_MAX, TAKEN_NUMBERS_MAX } from '../limits.ts'
import { packChunk } from './chunks.ts'
import { SnapshotDamage } from './damage.ts'
import { inParallel } from './in-parallel.ts'
import { chunkKey, manifestKey, type StoredTenant, tenantPrefix } from './keys.ts'
import { type ChunkRef, decodeManifest, encodeManifest, type Manifest, type ManifestWriter } from './manifest.ts'
import { readManifest } from './read-manifest.ts'

/** What taking a snapshot needs. */
export interface SnapshotContext {
  readonly store: BlobStore
  readonly clock: Clock
  readonly randomId: RandomId
  readonly writer: ManifestWriter
  /** The catalog of the tenant's shard. */
  readonly catalog: Catalog
  /** Ends what is under way. */
  readonly signal: AbortSignal
}

/**
 * Makes sure that the last commit of `handle` is in object storage, and gives its place there. What is there already is not
 * stored again, neither the snapshot nor a chunk of it. The caller keeps the handle in use.
 *
 * @throws TenaxError `snapshot_fenced` when another host writes this tenant's snapshots; what freezing or the store fails with
 */
export async function takeSnapshot(context: SnapshotContext, handle: Handle): Promise<SnapshotPlace> {
  const { id, incarnation } = handle.record
  const last = context.catalog.snapshots.get(incarnation)
  if (last?.lineage === handle.meta.lineage && last.lsn === handle.progress().committedLsn) return last
  const file = await freezeFile(handle)
  try {
    const tenant = { id, incarnation }
    const known = await knownChunks(context, tenant, last)
    const { chunks, checksum } = await storeChunks(context, { tenant, file, known, origin: context.randomId() })
    const described = {
      ...{
        tenantId: id,
        incarnation,
        lineage: handle.meta.lineage,
        lsn: file.lsn,
        checksum,
        fileBytes: file.bytes,
        chunks,
      },
      ...{ createdAtMs: context.clock.nowMs(), wakeAtMs: context.catalog.wakeOf(id), writer: context.writer },
    }
    const place = await createManifest(context, described, (last?.number ?? 0) + 1)
    await expectListed(context, tenant, chunks)
    await context.catalog.snapshots.set(incarnation, place)
    return place
  } finally {
    file.thaw()
  }
}

/** Chunks of the last snapshot by their hash. One that cannot be read is of no use, and does not keep a new one from being taken. */
async function knownChunks(
  { store, signal }: SnapshotContext,
  tenant: StoredTenant,
  last: SnapshotPlace | undefined,
): Promise<ReadonlyMap<string, ChunkRef>> {
  if (last === undefined) return new Map()
  try {
    const { chunks } = await readManifest(store, { ...tenant, place: last }, signal)
    return new Map(chunks.map((chunk) => [chunk.hash, chunk]))
  } catch (error) {
    if (!(error instanceof SnapshotDamage)) throw error
    return new Map()
  }
}

interface ChunkSource {
  readonly tenant: StoredTenant
  readonly file: FrozenFile
  readonly known: ReadonlyMap<string, ChunkRef>
  readonly origin: string
}

async function storeChunks(
  { store, signal }: SnapshotContext,
  { tenant, file, known, origin }: ChunkSource,
): Promise<Pick<Manifest, 'chunks' | 'checksum'>> {
  const offsets = Array.from({ length: Math.ceil(file.bytes / CHUNK_BYTES) }, (_, index) => index * CHUNK_BYTES)
  let checksum = 0n
  const chunks = await inParallel(offsets, CHUNKS_IN_FLIGHT, async (offset) => {
    signal.throwIfAborted()
    const plain = await file.read(offset, Math.min(CHUNK_BYTES, file.bytes - offset))
    checksum ^= checksumOfPages(offset / PAGE_BYTES + 1, plain)
    const { hash, bytes } = await packChunk(plain)
    const same = known.get(hash)
    if (same !== undefined) return same
    await store.put(chunkKey(tenant, { origin, hash }), bytes, { signal })
    return { origin, hash, bytes: bytes.byteLength }
  })
  if (file.checksum !== undefined && checksum !== file.checksum) throw movedByOther()
  return { chunks, checksum }
}

/** Creates the manifest under the next number that no attempt of this host before has taken, and reads it back. */
async function createManifest(
  { store, writer, signal }: SnapshotContext,
  described: Omit<Manifest, 'number'>,
  first: number,
): Promise<SnapshotPlace> {
  const { tenantId: id, incarnation, lineage, lsn } = described
  for (let number = first; number < first + TAKEN_NUMBERS_MAX && number <= MANIFEST_NUMBER_MAX; number += 1) {
    const bytes = encodeManifest({ ...described, number })
    const key = manifestKey({ id, incarnation }, number)
    const outcome = await createOrRead(store, { key, bytes, signal })
    if (outcome.owner === 'me') {
      const stored = await store.get(key, { signal })
      if (Buffer.compare(stored, bytes) === 0) return { number, lineage, lsn }
      throw new SnapshotDamage('the manifest reads back as something else')
    }
    if (!isOwnAttempt(outcome.bytes, writer)) throw fenced(number)
  }
  throw new TenaxError('snapshot_fenced', `no number for a manifest is free from ${first} on`, {
    hint: 'look at who else writes to the bucket, then archive again',
  })
}

/** Whether a manifest was made by this host, or by an earlier life of it (LEDGER O3). */
function isOwnAttempt(bytes: Uint8Array, own: ManifestWriter): boolean {
  try {
    const { writer } = decodeManifest(bytes)
    if (writer.dataId !== own.dataId) return false
    return writer.epoch < own.epoch || (writer.epoch === own.epoch && writer.nonce === own.nonce)
  } catch (error) {
    if (error instanceof SnapshotDamage) return false
    throw error
  }
}

function fenced(number: number): TenaxError {
  return new TenaxError('snapshot_fenced', `another host has stored manifest ${number} of this tenant`, {
    hint: 'two hosts serve one tenant: stop the one that should not; nothing was overwritten',
  })
}

/** Before anything local goes, every chunk is there in its length, also those that were stored long ago. */
async function expectListed(
  { store, signal }: SnapshotContext,
  tenant: StoredTenant,
  chunks: readonly ChunkRef[],
): Promise<void> {
  const missing = new Map(chunks.map((chunk) => [chunkKey(tenant, chunk), chunk.bytes]))
  for await (const { key, lengthBytes } of store.list(`${tenantPrefix(tenant)}chunks/`, { signal })) {
    if (missing.get(key) === lengthBytes) missing.delete(key)
  }
  const [key] = missing.keys()
  if (key !== undefined) {
    throw new TenaxError('unavailable', `object storage does not list ${missing.size} of ${chunks.length} chunks`, {
      hint: 'archive again; what is on local disk stays there',
      details: { key },
    })
  }
}
