/** What is left of a file's bytes when the power goes: all that was synced, and of the rest what chance left. */
import type { Seeded } from '../seeded.ts'

/** One write that was not synced. */
export interface LooseWrite {
  readonly offset: number
  readonly bytes: Uint8Array
}

const SECTOR_BYTES = 512

/** `durable` with a torn beginning of `writes`, or with any of their 512-byte sectors. */
export function survivingBytes(durable: Buffer, writes: readonly LooseWrite[], seeded: Seeded): Buffer {
  const totalBytes = writes.reduce((sum, { bytes }) => sum + bytes.length, 0)
  const tear = seeded.pick(['none', 'all', 'prefix', 'prefix', 'sectors'] as const)
  let leftBytes = tear === 'none' ? 0 : tear === 'all' ? totalBytes : seeded.below(totalBytes + 1)
  let survived: Buffer = Buffer.from(durable)
  for (const { offset, bytes } of writes) {
    if (tear === 'sectors') survived = withSectors(survived, { offset, bytes }, seeded)
    else survived = withBytes(survived, bytes.subarray(0, leftBytes), offset)
    leftBytes = Math.max(0, leftBytes - bytes.length)
  }
  return survived
}

function withSectors(target: Buffer, { offset, bytes }: LooseWrite, seeded: Seeded): Buffer {
  let result: Buffer = target
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + SECTOR_BYTES - ((offset + at) % SECTOR_BYTES))
    if (seeded.below(2) === 0) result = withBytes(result, bytes.subarray(at, end), offset + at)
    at = end
  }
  return result
}

/** `target` with `bytes` at `offset`, longer if need be. */
export function withBytes(target: Buffer, bytes: Uint8Array, offset: number): Buffer {
  if (bytes.length === 0) return target
  const grown = offset + bytes.length > target.length ? Buffer.concat([target], offset + bytes.length) : target
  grown.set(bytes, offset)
  return grown
}

/**
 * A main file that was `synced` and is now `present`: any subset of the pages that changed since, whole or torn, and one of
 * the two lengths. `synced` and `present` may have different lengths.
 */
export function survivingPages(synced: Buffer, present: Buffer, seeded: Seeded): Buffer {
  const keep = seeded.pick(['none', 'all', 'pages', 'pages', 'sectors'] as const)
  if (keep === 'none' || keep === 'all') return Buffer.from(keep === 'none' ? synced : present)
  const stepBytes = keep === 'pages' ? 4096 : SECTOR_BYTES
  let result: Buffer = Buffer.concat([synced], seeded.pick([synced.length, present.length]))
  for (let at = 0; at < result.length; at += stepBytes) {
    if (seeded.below(2) === 0) result = withBytes(result, present.subarray(at, at + stepBytes), at)
  }
  return result
}
