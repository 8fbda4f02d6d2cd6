/** The 80 bytes before the body of a batch. One batch is one flush, or one of a few that share an fsync. */
import { readSafe, writeSafe } from './bytes.ts'
import { hash64 } from './hash.ts'
import { BATCH_HEADER_BYTES, BATCH_MAGIC, BODY_BYTES_MAX } from './layout.ts'

/** A place in a ledger: byte `offset` of a segment. */
export interface LedgerPlace {
  readonly segmentId: number
  readonly offset: number
}

/** What a batch says about itself and about what came before it. */
export interface BatchHeader {
  readonly epoch: number
  readonly segmentId: number
  /** 1, 2, 3 … over the whole ledger. */
  readonly number: number
  /** Hash of the batch before it; 0 for batch 1. */
  readonly previousHash: bigint
  /** All bytes of the ledger before this place were fsynced when the batch was written. */
  readonly durableEnd: LedgerPlace
  readonly recordCount: number
  /** Number of the first record that ends in this batch or behind it: records are numbered 1, 2, 3 … over the ledger. */
  readonly firstSeq: number
  readonly bodyBytes: number
  readonly bodyHash: bigint
}

/** A batch header with its hash, which covers the body's hash and so the whole batch. */
export interface HashedBatchHeader extends BatchHeader {
  readonly hash: bigint
}

const HASH_AT = BATCH_HEADER_BYTES - 8

/** Writes `header` to the first bytes of `into`; answers the batch's hash. `seed` comes from `batchSeed`. */
export function encodeBatchHeader(into: Buffer, header: BatchHeader, seed: bigint): bigint {
  into.write(BATCH_MAGIC, 0, 'latin1')
  into.writeUInt32LE(header.epoch, 8)
  into.writeUInt32LE(header.segmentId, 12)
  writeSafe(into, header.number, 16)
  into.writeBigUInt64LE(header.previousHash, 24)
  into.writeUInt32LE(header.durableEnd.segmentId, 32)
  into.writeUInt32LE(header.recordCount, 36)
  writeSafe(into, header.durableEnd.offset, 40)
  writeSafe(into, header.firstSeq, 48)
  into.writeUInt32LE(header.bodyBytes, 56)
  into.writeUInt32LE(0, 60)
  into.writeBigUInt64LE(header.bodyHash, 64)
  const hash = hash64(into.subarray(0, HASH_AT), seed)
  into.writeBigUInt64LE(hash, HASH_AT)
  return hash
}

/** The header at the beginning of `bytes`; undefined when there is none of this ledger, or it has a wrong bit. */
export function decodeBatchHeader(bytes: Buffer, seed: bigint): HashedBatchHeader | undefined {
  if (bytes.length < BATCH_HEADER_BYTES || bytes.toString('latin1', 0, 8) !== BATCH_MAGIC) return undefined
  const hash = bytes.readBigUInt64LE(HASH_AT)
  if (hash !== hash64(bytes.subarray(0, HASH_AT), seed)) return undefined
  const [number, offset, firstSeq] = [readSafe(bytes, 16), readSafe(bytes, 40), readSafe(bytes, 48)]
  const bodyBytes = bytes.readUInt32LE(56)
  if (number === undefined || offset === undefined || firstSeq === undefined) return undefined
  if (bodyBytes > BODY_BYTES_MAX) return undefined
  return {
    epoch: bytes.readUInt32LE(8),
    segmentId: bytes.readUInt32LE(12),
    number,
    previousHash: bytes.readBigUInt64LE(24),
    durableEnd: { segmentId: bytes.readUInt32LE(32), offset },
    recordCount: bytes.readUInt32LE(36),
    firstSeq,
    bodyBytes,
    bodyHash: bytes.readBigUInt64LE(64),
    hash,
  }
}

/** True when `a` lies before `b`. */
export function isBefore(a: LedgerPlace, b: LedgerPlace): boolean {
  return a.segmentId < b.segmentId || (a.segmentId === b.segmentId && a.offset < b.offset)
}
