/**
 * A stored object of a ledger: batches of records on their way through object storage, or the seal behind the last of them
 * (LEDGER O1, O2). FORMAT.md has the bytes.
 *
 * Header and body have a hash each, and every object names the hash of the one before it: so a reader that knows the first
 * knows that nothing was left out, changed or put in between.
 */
import { promisify } from 'node:util'
import { zstdCompress, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { assert } from '@tenax/kernel'
import { readId, readSafe, writeId, writeSafe } from '../core/bytes.ts'
import { hash64 } from '../core/hash.ts'
import { BODY_BYTES_MAX, PREDECESSORS_MAX } from '../core/layout.ts'
import { PACK_INLINE_BYTES_MAX } from '../limits.ts'
import type { LedgerName } from '../segment-list.ts'

/** First bytes of a stored object. */
const MAGIC = 'TENAXOBJ'
const VERSION = 1
/** Length of an object's header, its hash in the last 8 bytes. */
export const STORED_HEADER_BYTES = 384
const HASH_AT = STORED_HEADER_BYTES - 8
const KINDS = { records: 1, seal: 2 } as const
const PLAIN = 0
const ZSTD = 1
const SUCCESSOR_AT = 136
const PREDECESSORS_AT = 164
const PREDECESSOR_BYTES = 24
/** Stands for the nonce of a ledger that was sealed before anybody had seen an object of it. */
export const NONCE_UNKNOWN = '0'.repeat(20)

/** Where an object belongs. */
export interface StoredPlace extends LedgerName {
  readonly dataId: string
  readonly id: number
}

/** What an object says about itself. A seal has the numbers of what would have come next, and no body. */
export interface StoredHeader extends StoredPlace {
  /** Hash of the object before it; 0 for id 0. */
  readonly previousHash: bigint
  /** Number of its first batch in the ledger. */
  readonly firstBatch: number
  readonly batchCount: number
  /** Records of all kinds, parts counted one by one. */
  readonly recordCount: number
  /** Number of the first record that ends in this object or behind it. */
  readonly firstSeq: number
  /** Number of the last record that has ended when this object ends. */
  readonly lastSeq: number
  /** Reserved for encryption; 0 in version 1. */
  readonly cipher: number
  readonly keyId: number
  /** The ledger that goes on behind a seal; undefined when this is none. */
  readonly successor: LedgerName | undefined
  /** In object 0: ledgers before this one that are needed with it, oldest first. */
  readonly predecessors: readonly LedgerName[]
}

/** An object that was read whole. */
export interface StoredObject extends StoredHeader {
  /** What the next object must name. */
  readonly hash: bigint
  /** Records one after another, as in batches. */
  readonly body: Buffer
}

/** Why bytes are no object: cut short, changed, or of a newer version. */
export type StoredFlaw = 'truncated' | 'damaged' | 'newer'

const compress = promisify(zstdCompress)

/** `body` packed, off the event loop when it is long. */
export async function packBody(body: Uint8Array): Promise<Uint8Array> {
  return body.length <= PACK_INLINE_BYTES_MAX ? zstdCompressSync(body) : compress(body)
}

/** The bytes of an object, and its hash. `packed` is what {@link packBody} made of the body. */
export function encodeStored(
  header: StoredHeader,
  body: Uint8Array,
  packed: Uint8Array = zstdCompressSync(body),
): { readonly bytes: Buffer; readonly hash: bigint } {
  assert(header.predecessors.length <= PREDECESSORS_MAX, `an object names at most ${PREDECESSORS_MAX} ledgers`)
  assert(body.length <= BODY_BYTES_MAX, 'a body is not longer than a reader believes')
  const isPacked = packed.length < body.length
  const stored = isPacked ? packed : body
  const head = Buffer.alloc(STORED_HEADER_BYTES)
  writePlace(head, header)
  head.writeUInt32LE(header.successor === undefined ? KINDS.records : KINDS.seal, 64)
  head.writeUInt32LE(header.cipher, 68)
  head.writeUInt32LE(header.keyId, 72)
  head.writeUInt32LE(isPacked ? ZSTD : PLAIN, 76)
  head.writeBigUInt64LE(header.previousHash, 80)
  writeSafe(head, header.firstBatch, 88)
  head.writeUInt32LE(header.batchCount, 96)
  head.writeUInt32LE(header.recordCount, 100)
  writeSafe(head, header.firstSeq, 104)
  writeSafe(head, header.lastSeq, 112)
  head.writeUInt32LE(body.length, 120)
  head.writeUInt32LE(stored.length, 124)
  head.writeBigUInt64LE(hash64(stored), 128)
  if (header.successor !== undefined) writeName(head, header.successor, SUCCESSOR_AT)
  head.writeUInt32LE(header.predecessors.length, PREDECESSORS_AT - 4)
  for (const [index, name] of header.predecessors.entries()) {
    writeName(head, name, PREDECESSORS_AT + index * PREDECESSOR_BYTES)
  }
  const hash = hash64(head.subarray(0, HASH_AT))
  head.writeBigUInt64LE(hash, HASH_AT)
  return { bytes: Buffer.concat([head, stored]), hash }
}

function writePlace(head: Buffer, { epoch, id, nonce, dataId }: StoredPlace): void {
  head.write(MAGIC, 0, 'latin1')
  head.writeUInt32LE(VERSION, 8)
  head.writeUInt32LE(STORED_HEADER_BYTES, 12)
  head.writeUInt32LE(epoch, 16)
  head.writeUInt32LE(id, 20)
  writeId(head, nonce, 24)
  writeId(head, dataId, 44)
}

function writeName(into: Buffer, { epoch, nonce }: LedgerName, at: number): void {
  into.writeUInt32LE(epoch, at)
  writeId(into, nonce, at + 4)
}

/** The object in `stored`, or why it is none. A flipped bit anywhere is `damaged`, never `newer`: the hash comes first. */
export function decodeStored(stored: Uint8Array): StoredObject | StoredFlaw {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.length)
  if (bytes.length < STORED_HEADER_BYTES) return 'truncated'
  const hash = bytes.readBigUInt64LE(HASH_AT)
  if (bytes.toString('latin1', 0, 8) !== MAGIC || hash !== hash64(bytes.subarray(0, HASH_AT))) return 'damaged'
  if (bytes.readUInt32LE(8) > VERSION) return 'newer'
  const header = readHeader(bytes)
  if (header === undefined) return 'damaged'
  const body = readBody(bytes)
  return typeof body === 'string' ? body : { ...header, hash, body }
}

function readHeader(bytes: Buffer): StoredHeader | undefined {
  const [nonce, dataId, firstBatch] = [readId(bytes, 24), readId(bytes, 44), readSafe(bytes, 88)]
  const [firstSeq, lastSeq] = [readSafe(bytes, 104), readSafe(bytes, 112)]
  const kind = bytes.readUInt32LE(64)
  const successor = kind === KINDS.seal ? readName(bytes, SUCCESSOR_AT) : undefined
  const predecessors = readPredecessors(bytes)
  if (nonce === undefined || dataId === undefined || firstBatch === undefined) return undefined
  if (firstSeq === undefined || lastSeq === undefined || predecessors === undefined) return undefined
  if (kind !== KINDS.records && successor === undefined) return undefined
  return {
    ...{ epoch: bytes.readUInt32LE(16), id: bytes.readUInt32LE(20), nonce, dataId, successor, predecessors },
    ...{ cipher: bytes.readUInt32LE(68), keyId: bytes.readUInt32LE(72), previousHash: bytes.readBigUInt64LE(80) },
    ...{ firstBatch, batchCount: bytes.readUInt32LE(96), recordCount: bytes.readUInt32LE(100), firstSeq, lastSeq },
  }
}

function readName(bytes: Buffer, at: number): LedgerName | undefined {
  const nonce = readId(bytes, at + 4)
  return nonce === undefined ? undefined : { epoch: bytes.readUInt32LE(at), nonce }
}

function readPredecessors(bytes: Buffer): LedgerName[] | undefined {
  const count = bytes.readUInt32LE(PREDECESSORS_AT - 4)
  if (count > PREDECESSORS_MAX) return undefined
  const names = Array.from({ length: count }, (_, index) =>
    readName(bytes, PREDECESSORS_AT + index * PREDECESSOR_BYTES),
  )
  const known = names.filter((name) => name !== undefined)
  return known.length === count ? known : undefined
}

function readBody(bytes: Buffer): Buffer | StoredFlaw {
  const [bodyBytes, storedBytes] = [bytes.readUInt32LE(120), bytes.readUInt32LE(124)]
  const stored = bytes.subarray(STORED_HEADER_BYTES)
  if (stored.length < storedBytes) return 'truncated'
  if (stored.length > storedBytes || bodyBytes > BODY_BYTES_MAX) return 'damaged'
  if (hash64(stored) !== bytes.readBigUInt64LE(128)) return 'damaged'
  const body = unpack(stored, { isPacked: bytes.readUInt32LE(76) === ZSTD, bodyBytes })
  return body?.length === bodyBytes ? body : 'damaged'
}

function unpack(stored: Buffer, { isPacked, bodyBytes }: { isPacked: boolean; bodyBytes: number }): Buffer | undefined {
  if (!isPacked) return stored
  try {
    return zstdDecompressSync(stored, { maxOutputLength: Math.max(bodyBytes, 1) })
  } catch {
    return undefined // its hash is right, so it was written like this: told as damage with its place
  }
}
