/** The first 512 bytes of a segment: which ledger it belongs to, and how it follows the segment before it. */
import { assert } from '@tenax/kernel'
import { readId, readSafe, writeId, writeSafe } from './bytes.ts'
import { hash64 } from './hash.ts'
import { CUTS_MAX, FORMAT_VERSION, SEGMENT_HEADER_BYTES, SEGMENT_MAGIC } from './layout.ts'

/** Where recovery cut the torn tail of an earlier ledger: what lies at or behind `offset` of that segment is void. */
export interface LedgerCut {
  readonly epoch: number
  readonly nonce: string
  readonly segmentId: number
  readonly offset: number
}

/** What a segment says about itself. */
export interface SegmentHeader {
  readonly epoch: number
  readonly nonce: string
  readonly dataId: string
  readonly segmentId: number
  /** Number of the first batch of this segment: the one before it is the last batch of the segment before. */
  readonly firstBatch: number
  /** Hash of the batch before `firstBatch`; 0 in the first segment. */
  readonly previousHash: bigint
  /** Id of the first segment that was still needed when this one was begun. */
  readonly firstNeeded: number
  /** The file had this length, fsynced, before it got its name: no crash leaves it shorter. 0 of a writer that said nothing. */
  readonly fileBytesMin: number
  /** Reserved for encryption; 0 in version 1. */
  readonly cipher: number
  /** Reserved for encryption; 0 in version 1. */
  readonly keyId: number
  readonly cuts: readonly LedgerCut[]
}

const HASH_AT = SEGMENT_HEADER_BYTES - 8
const FILE_BYTES_MIN_AT = 96
const CUTS_AT = 104
const CUT_BYTES = 36

/** The bytes of `header`. */
export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  assert(header.cuts.length <= CUTS_MAX, `a segment header names at most ${CUTS_MAX} cuts`)
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES)
  bytes.write(SEGMENT_MAGIC, 0, 'latin1')
  bytes.writeUInt32LE(FORMAT_VERSION, 8)
  bytes.writeUInt32LE(SEGMENT_HEADER_BYTES, 12)
  bytes.writeUInt32LE(header.epoch, 16)
  bytes.writeUInt32LE(header.segmentId, 20)
  writeId(bytes, header.nonce, 24)
  writeId(bytes, header.dataId, 44)
  bytes.writeUInt32LE(header.cipher, 64)
  bytes.writeUInt32LE(header.keyId, 68)
  writeSafe(bytes, header.firstBatch, 72)
  bytes.writeBigUInt64LE(header.previousHash, 80)
  bytes.writeUInt32LE(header.firstNeeded, 88)
  bytes.writeUInt32LE(header.cuts.length, 92)
  writeSafe(bytes, header.fileBytesMin, FILE_BYTES_MIN_AT)
  header.cuts.forEach((cut, index) => {
    writeCut(bytes, cut, CUTS_AT + index * CUT_BYTES)
  })
  bytes.writeBigUInt64LE(hash64(bytes.subarray(0, HASH_AT)), HASH_AT)
  return bytes
}

function writeCut(bytes: Buffer, cut: LedgerCut, at: number): void {
  bytes.writeUInt32LE(cut.epoch, at)
  bytes.writeUInt32LE(cut.segmentId, at + 4)
  writeSafe(bytes, cut.offset, at + 8)
  writeId(bytes, cut.nonce, at + 16)
}

/**
 * The header in `bytes`; `torn` when they are not a whole header, `newer` when a newer version wrote them. Version and
 * hash stand at the same places in every version, so a flipped bit in the version is never taken for a newer one.
 */
export function decodeSegmentHeader(bytes: Buffer): SegmentHeader | 'torn' | 'newer' {
  if (bytes.length < SEGMENT_HEADER_BYTES || bytes.toString('latin1', 0, 8) !== SEGMENT_MAGIC) return 'torn'
  if (bytes.readBigUInt64LE(HASH_AT) !== hash64(bytes.subarray(0, HASH_AT))) return 'torn'
  if (bytes.readUInt32LE(8) > FORMAT_VERSION) return 'newer'
  const [nonce, dataId, firstBatch] = [readId(bytes, 24), readId(bytes, 44), readSafe(bytes, 72)]
  const cuts = readCuts(bytes, bytes.readUInt32LE(92))
  const fileBytesMin = readSafe(bytes, FILE_BYTES_MIN_AT)
  if (nonce === undefined || dataId === undefined || firstBatch === undefined || cuts === undefined) return 'torn'
  if (fileBytesMin === undefined) return 'torn'
  return {
    epoch: bytes.readUInt32LE(16),
    segmentId: bytes.readUInt32LE(20),
    nonce,
    dataId,
    cipher: bytes.readUInt32LE(64),
    keyId: bytes.readUInt32LE(68),
    firstBatch,
    previousHash: bytes.readBigUInt64LE(80),
    firstNeeded: bytes.readUInt32LE(88),
    fileBytesMin,
    cuts,
  }
}

function readCuts(bytes: Buffer, count: number): LedgerCut[] | undefined {
  if (count > CUTS_MAX) return undefined
  const cuts: LedgerCut[] = []
  for (let at = CUTS_AT; cuts.length < count; at += CUT_BYTES) {
    const [offset, nonce] = [readSafe(bytes, at + 8), readId(bytes, at + 16)]
    if (offset === undefined || nonce === undefined) return undefined
    cuts.push({ epoch: bytes.readUInt32LE(at), segmentId: bytes.readUInt32LE(at + 4), offset, nonce })
  }
  return cuts
}
