/**
 * Snapshots: an open tenant's main file, as it is at one commit, into object storage.
 *
 * The order is what makes it safe (LEDGER O3, invariant 8): the number is set out for, chunks, manifest, all of it read back and
 * unpacked, then the catalog names it. A crash between any two leaves blobs that nobody names: the next collection removes them.
 */
import { type BlobStore, createOrRead } from '@tenax/blobstore'
import { type Clock, isTenaxError, type RandomId, TenaxError } from '@tenax/kernel'
import { checksumOfPages, PAGE_BYTES } from '@tenax/sqlite'
import type { Catalog } from '../catalog.ts'
import type { SnapshotPlace } from '../catalog-snapshots.ts'
import { closedFile, type FrozenFile, freezeFile, movedByOther } from '../files/frozen-file.ts'
import type { Handle } from '../handle.ts'
import { CHUNK_BYTES, CHUNKS_IN_FLIGHT, MANIFEST_NUMBER_MAX } from '../limits.ts'
import type { Meter } from '../transfers.ts'
import { packChunk } from './chunks.ts'
import { SnapshotDamage } from './damage.ts'
import { inParallel } from './in-parallel.ts'
import { chunkKey, manifestKey, type StoredTenant } from './keys.ts'
import { type ChunkRef, decodeManifest, encodeManifest, type Manifest, type ManifestWriter } from './manifest.ts'
import { isWhole, readManifest } from './read-manifest.ts'

/** What taking a snapshot needs. */
export interface SnapshotContext {
  readonly store: BlobStore
  readonly clock: Clock
  readonly randomId: RandomId
  readonly writer: Omit<ManifestWriter, 'nonce'>
  /** The catalog of the tenant's shard. */
  readonly catalog: Catalog
  /** Ends what is under way. */
  readonly signal: AbortSignal
  /** Hears of the bytes that are stored, and of those that are read back. */
  readonly meter: Meter
}

/**
 * Makes sure that the last commit of `handle` is in object storage, whole, and gives its place there. What is there already is not
 * stored again, neither the snapshot nor a chunk of it, unless it is damaged. The caller keeps the handle in use.
 *
 * @throws TenaxError `snapshot_fenced` when another host writes this tenant's snapshots; what freezing or the store fails with
 */
export async function takeSnapshot(context: SnapshotContext, handle: Handle): Promise<SnapshotPlace> {
  const { id, incarnation } = handle.record
  const tenant = { id, incarnation }
  const last = context.catalog.snapshots.get(incarnation)
  const isDamaged = isKnownDamaged(context, tenant, last)
  const isCurrent = !isDamaged && last?.lineage === handle.meta.lineage && last.lsn === handle.progress().committedLsn
  if (isCurrent && (await isWhole(context, { ...tenant, place: last }))) return last
  await refuseIfFenced(context, tenant, last)
  const file = await freezeFile(handle)
  const place = await storeFrozen(context, { tenant, file, last, isDamaged, lineage: handle.meta.lineage })
  await context.catalog.snapshots.set(incarnation, place)
  return place
}

/** A file that nobody has open and nobody writes, and where it is in its history. */
export interface ClosedFile {
  readonly path: string
  readonly lineage: Manifest['lineage']
  readonly lsn: bigint
}

/**
 * Makes sure that a file which is about to become the tenant's is in object storage, whole, and gives its place there. Whoever names
 * the file in the catalog names the place with it.
 *
 * @throws TenaxError `snapshot_fenced`; what the store fails with
 */
export async function storeClosed(
  context: SnapshotContext,
  tenant: StoredTenant,
  { path, lineage, lsn }: ClosedFile,
): Promise<SnapshotPlace> {
  const last = context.catalog.snapshots.get(tenant.incarnation)
  const isDamaged = isKnownDamaged(context, tenant, last)
  await refuseIfFenced(context, tenant, last)
  return storeFrozen(context, { tenant, file: await closedFile(path, lsn), last, isDamaged, lineage })
}

function isKnownDamaged(
  { catalog }: SnapshotContext,
  { incarnation }: StoredTenant,
  last: SnapshotPlace | undefined,
): boolean {
  return last !== undefined && last.number === catalog.proofs.get(incarnation)?.damaged?.number
}

async function storeFrozen(context: SnapshotContext, subject: Subject): Promise<SnapshotPlace> {
  const { file } = subject
  const interrupted = new AbortController()
  void file.interrupted.then((error) => interrupted.abort(error))
  try {
    const signal = AbortSignal.any([context.signal, interrupted.signal])
    return await store({ ...context, signal }, subject)
  } finally {
    file.thaw()
  }
}

interface Subject {
  readonly tenant: StoredTenant
  readonly file: FrozenFile
  readonly last: SnapshotPlace | undefined
  /** True when the last one was restored for a proof and found damaged: then nothing of it is used again. */
  readonly isDamaged: boolean
  readonly lineage: Manifest['lineage']
}

/** Stores the file, first with what the last snapshot has of it; if that is damaged, all of it anew. */
async function store(context: SnapshotContext, subject: Subject): Promise<SnapshotPlace> {
  const { tenant, last, isDamaged } = subject
  const reused = isDamaged ? new Map<string, ChunkRef>() : await knownChunks(context, tenant, last)
  for (const known of [reused, new Map<string, ChunkRef>()]) {
    const place = await storeOnce(context, subject, known)
    if (await isWhole(context, { ...tenant, place })) return place
    if (known.size === 0) break
  }
  throw new TenaxError('unavailable', 'object storage does not give back what it was given', {
    hint: 'the tenant stays on local disk; look at the store, then archive again',
  })
}

async function storeOnce(
  context: SnapshotContext,
  { tenant, file, last, lineage }: Subject,
  known: ReadonlyMap<string, ChunkRef>,
): Promise<SnapshotPlace> {
  const { catalog, clock, writer, randomId } = context
  const origin = randomId()
  const number = Math.max(last?.number ?? 0, catalog.snapshots.attempt(tenant.incarnation)?.number ?? 0) + 1
  if (number > MANIFEST_NUMBER_MAX) throw new TenaxError('internal', 'a tenant has no number for a manifest left')
  await catalog.snapshots.beginAttempt(tenant.incarnation, { number, origin })
  const { chunks, checksum } = await storeChunks(context, { tenant, file, known, origin })
  const manifest: Manifest = {
    ...{ number, tenantId: tenant.id, incarnation: tenant.incarnation, lineage, lsn: file.lsn, checksum },
    ...{ fileBytes: file.bytes, chunks, createdAtMs: clock.nowMs(), wakeAtMs: catalog.wakeOf(tenant.id) },
    writer: { ...writer, nonce: origin },
  }
  const key = manifestKey(tenant, number)
  const outcome = await createOrRead(context.store, { key, bytes: encodeManifest(manifest), signal: context.signal })
  if (outcome.owner === 'other') throw fenced(number)
  return { number, lineage, lsn: file.lsn }
}

/** Chunks of the last snapshot by their hash. One that cannot be read is of no use, and does not keep a new one from being taken. */
async function knownChunks(
  context: SnapshotContext,
  tenant: StoredTenant,
  last: SnapshotPlace | undefined,
): Promise<ReadonlyMap<string, ChunkRef>> {
  if (last === undefined) return new Map()
  try {
    const { chunks } = await readManifest(context.store, { ...tenant, place: last }, context.signal)
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
  context: SnapshotContext,
  { tenant, file, known, origin }: ChunkSource,
): Promise<Pick<Manifest, 'chunks' | 'checksum'>> {
  const { signal, meter } = context
  meter.expect(file.bytes)
  const offsets = Array.from({ length: Math.ceil(file.bytes / CHUNK_BYTES) }, (_, index) => index * CHUNK_BYTES)
  let checksum = 0n
  const chunks = await inParallel(offsets, CHUNKS_IN_FLIGHT, async (offset) => {
    signal.throwIfAborted()
    const plain = await file.read(offset, Math.min(CHUNK_BYTES, file.bytes - offset))
    checksum ^= checksumOfPages(offset / PAGE_BYTES + 1, plain)
    const { hash, bytes } = await packChunk(plain)
    const same = known.get(hash)
    if (same === undefined) await context.store.put(chunkKey(tenant, { origin, hash }), bytes, { signal })
    meter.add(plain.byteLength)
    if (same !== undefined) return same
    return { origin, hash, bytes: bytes.byteLength }
  })
  if (file.checksum !== undefined && checksum !== file.checksum) throw movedByOther()
  return { chunks, checksum }
}

/**
 * A number is set out for once, durably, so what stands under the last one is this host's attempt that was cut short, or somebody
 * else's who thinks that the tenant is theirs (LEDGER O3). Then this host stores nothing more of it.
 */
async function refuseIfFenced(
  { store, catalog, signal }: SnapshotContext,
  tenant: StoredTenant,
  last: SnapshotPlace | undefined,
): Promise<void> {
  const attempt = catalog.snapshots.attempt(tenant.incarnation)
  if (attempt === undefined || attempt.number <= (last?.number ?? 0)) return
  try {
    const { writer } = decodeManifest(await store.get(manifestKey(tenant, attempt.number), { signal }))
    if (writer.nonce !== attempt.origin) throw fenced(attempt.number)
  } catch (error) {
    if (error instanceof SnapshotDamage) throw fenced(attempt.number)
    if (!isTenaxError(error, 'blob_not_found')) throw error
  }
}

function fenced(number: number): TenaxError {
  return new TenaxError('snapshot_fenced', `another host has stored manifest ${number} of this tenant`, {
    hint: 'two hosts serve one tenant: stop the one that should not; nothing was overwritten',
  })
}
