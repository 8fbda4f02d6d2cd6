/**
 * Torn or damaged? A batch that cannot be read is a tear when nothing behind it proves that it was fsynced, and damage when
 * something does (LEDGER F1): any later batch of this ledger whose claimed durable end lies behind the place.
 *
 * A header alone is proof: its hash is seeded by the ledger's nonce, so neither chance nor a tenant's bytes make one.
 */
import { decodeBatchHeader, isBefore, type LedgerPlace } from './core/batch-header.ts'
import { BATCH_HEADER_BYTES, BATCH_MAGIC } from './core/layout.ts'
import { CHUNK_BYTES } from './limits.ts'
import type { SegmentFile } from './segment-files.ts'
import { SegmentWindow } from './segment-window.ts'

/** What lies behind a place where reading stopped. */
export interface Tail {
  /** The first batch that proves the place was durable; undefined when none does. */
  readonly proof: LedgerPlace | undefined
  /** True when there is anything but zeros. */
  readonly hasBytes: boolean
}

/** Where to look, and for what. */
export interface TailSearch {
  readonly file: SegmentFile
  readonly segmentId: number
  /** Where to begin in `file`. */
  readonly from: number
  /** The place where reading stopped. */
  readonly stop: LedgerPlace
  readonly epoch: number
  /** Undefined when nobody knows which ledger this is: then whatever begins like a batch is proof. */
  readonly seed: bigint | undefined
}

/** Looks through one segment from `from` to its end. */
export async function searchTail(search: TailSearch): Promise<Tail> {
  const window = new SegmentWindow(search.file)
  let hasBytes = false
  // Steps overlap by a header, so that none is cut in two.
  for (let at = search.from; ; at += CHUNK_BYTES - BATCH_HEADER_BYTES + 1) {
    const chunk = await window.view(at, CHUNK_BYTES)
    if (chunk.length === 0) return { proof: undefined, hasBytes }
    hasBytes ||= !isZero(chunk)
    const found = proofIn(chunk, search)
    if (found !== undefined) return { proof: { segmentId: search.segmentId, offset: at + found }, hasBytes }
    if (chunk.length < CHUNK_BYTES) return { proof: undefined, hasBytes }
  }
}

function proofIn(chunk: Buffer, search: TailSearch): number | undefined {
  for (let at = chunk.indexOf(BATCH_MAGIC, 0, 'latin1'); at !== -1; at = chunk.indexOf(BATCH_MAGIC, at + 1, 'latin1')) {
    if (search.seed === undefined) return at
    const header = decodeBatchHeader(chunk.subarray(at, at + BATCH_HEADER_BYTES), search.seed)
    const isOurs = header?.epoch === search.epoch && header.segmentId === search.segmentId
    if (header !== undefined && isOurs && isBefore(search.stop, header.durableEnd)) return at
  }
  return undefined
}

function isZero(bytes: Buffer): boolean {
  return ZEROS.equals(bytes.length === ZEROS.length ? bytes : Buffer.concat([bytes], ZEROS.length))
}

const ZEROS = Buffer.alloc(CHUNK_BYTES)
