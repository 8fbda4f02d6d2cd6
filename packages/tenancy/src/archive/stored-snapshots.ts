/** The snapshots of a tenant that object storage still has, whether or not the tenant itself can be served. */
import { isTenaxError, TenaxError } from '@tenax/kernel'
import { checksumOfPages, PAGE_BYTES } from '@tenax/sqlite'
import { CHUNK_BYTES, SNAPSHOTS_KEPT } from '../limits.ts'
import { SnapshotDamage } from './damage.ts'
import { chunkKey, manifestKey, type StoredTenant } from './keys.ts'
import { decodeManifest, type Manifest } from './manifest.ts'
import { readChunk, type SnapshotReader } from './read-manifest.ts'

/** The kept snapshots up to the last one, newest first. Those that cannot be read are left out. */
export async function listSnapshots(
  source: SnapshotReader,
  tenant: StoredTenant,
  lastNumber: number,
): Promise<readonly Manifest[]> {
  const found: Manifest[] = []
  for (let number = lastNumber; number > Math.max(0, lastNumber - SNAPSHOTS_KEPT); number -= 1) {
    const manifest = await readNumbered(source, tenant, number).catch((error: unknown) => {
      if (isTenaxError(error, 'snapshot_not_found') || isTenaxError(error, 'snapshot_damaged')) return undefined
      throw error
    })
    if (manifest !== undefined) found.push(manifest)
  }
  return found
}

/** @throws TenaxError `snapshot_not_found`, `snapshot_damaged`; what the store fails with */
export async function readNumbered(
  { store, signal }: SnapshotReader,
  tenant: StoredTenant,
  number: number,
): Promise<Manifest> {
  try {
    const manifest = decodeManifest(await store.get(manifestKey(tenant, number), { signal }))
    const isIts =
      manifest.tenantId === tenant.id && manifest.incarnation === tenant.incarnation && manifest.number === number
    if (!isIts) throw new SnapshotDamage(`manifest ${number} is another's`)
    return manifest
  } catch (error) {
    if (isTenaxError(error, 'blob_not_found')) throw notFound(tenant, number)
    throw asAnswer(error)
  }
}

/** The file that a manifest describes, chunk by chunk. It ends with `snapshot_damaged` when it is not what was stored. */
export async function* snapshotBytes(
  reader: SnapshotReader,
  manifest: Manifest,
): AsyncGenerator<Uint8Array, void, void> {
  const { tenantId: id, incarnation, chunks, fileBytes } = manifest
  let checksum = 0n
  reader.meter?.expect(fileBytes)
  for (const [index, ref] of chunks.entries()) {
    const offset = index * CHUNK_BYTES
    let plain: Uint8Array
    try {
      const plainBytes = Math.min(CHUNK_BYTES, fileBytes - offset)
      plain = await readChunk(reader, chunkKey({ id, incarnation }, ref), { ref, plainBytes })
    } catch (error) {
      throw asAnswer(error)
    }
    checksum ^= checksumOfPages(offset / PAGE_BYTES + 1, plain)
    reader.meter?.add(plain.byteLength)
    yield plain
  }
  if (checksum !== manifest.checksum) {
    throw asAnswer(new SnapshotDamage('its pages do not come to the checksum of its manifest'))
  }
}

/** What is wrong with a snapshot, as who named it hears of it; any other error as it is. */
export function asAnswer(error: unknown): unknown {
  if (!(error instanceof SnapshotDamage)) return error
  return new TenaxError('snapshot_damaged', `the snapshot is damaged: ${error.message}`, {
    cause: error,
    hint: 'GET /v1/tenants/:id/snapshots lists the others',
  })
}

function notFound({ id }: StoredTenant, number: number): TenaxError {
  return new TenaxError('snapshot_not_found', `tenant "${id}" has no snapshot ${number}`, {
    hint: 'GET /v1/tenants/:id/snapshots lists those that are kept',
  })
}
