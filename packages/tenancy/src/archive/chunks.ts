/** Chunks: 1 MiB of a file each, compressed as one zstd frame, named by the SHA-256 of what is stored. Off the event loop. */
import { promisify } from 'node:util'
import { zstdCompress, zstdDecompress } from 'node:zlib'
import { SnapshotDamage } from './damage.ts'
import type { ChunkRef } from './manifest.ts'

const compress = promisify(zstdCompress)
const decompress = promisify(zstdDecompress)

/** A chunk as it is stored. */
export interface PackedChunk {
  readonly hash: string
  readonly bytes: Uint8Array
}

/** Packs a piece of a file. The same piece gives the same bytes, as long as zstd is the same. */
export async function packChunk(plain: Uint8Array): Promise<PackedChunk> {
  const bytes = await compress(plain)
  return { hash: await hashOf(bytes), bytes }
}

/** The piece that a stored chunk holds, of `plainBytes`. Throws {@link SnapshotDamage} when it is not the one that `ref` names. */
export async function unpackChunk(stored: Uint8Array, ref: ChunkRef, plainBytes: number): Promise<Uint8Array> {
  if (stored.byteLength !== ref.bytes) {
    throw new SnapshotDamage(`chunk ${ref.hash} has ${stored.byteLength} bytes instead of ${ref.bytes}`)
  }
  if ((await hashOf(stored)) !== ref.hash)
    throw new SnapshotDamage(`chunk ${ref.hash} has other bytes than were stored`)
  let plain: Uint8Array
  try {
    plain = await decompress(stored, { maxOutputLength: plainBytes })
  } catch (error) {
    throw new SnapshotDamage(`chunk ${ref.hash} cannot be unpacked`, { cause: error })
  }
  if (plain.byteLength !== plainBytes) {
    throw new SnapshotDamage(`chunk ${ref.hash} holds ${plain.byteLength} bytes instead of ${plainBytes}`)
  }
  return plain
}

async function hashOf(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new Uint8Array(bytes))
  return Buffer.from(digest).toString('hex')
}
