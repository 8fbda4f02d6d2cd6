import type { Incarnation, Lineage } from '@tenax/kernel'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type BodyRecord, controlBytes, decodeBody, encodeControl, encodePart } from './batch-body.ts'
import { decodeBatchHeader, encodeBatchHeader } from './batch-header.ts'
import { partBytes } from './entry-part.ts'
import { batchSeed, hash64 } from './hash.ts'
import { BATCH_HEADER_BYTES, PAGE_BYTES, SEGMENT_HEADER_BYTES } from './layout.ts'
import type { ControlRecord, EntryRecord } from './record.ts'
import { decodeSegmentHeader, encodeSegmentHeader } from './segment-header.ts'

const ids = fc.stringMatching(/^[a-z0-9]{20}$/)
const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
const safe = fc.nat({ max: Number.MAX_SAFE_INTEGER })
const SEED = batchSeed('nonce000000000000001')

const headers = fc.record({
  epoch: u32,
  nonce: ids,
  dataId: ids,
  segmentId: u32,
  firstBatch: safe,
  previousHash: u64,
  firstNeeded: u32,
  fileBytesMin: safe,
  cipher: u32,
  keyId: u32,
  cuts: fc.array(fc.record({ epoch: u32, nonce: ids, segmentId: u32, offset: safe }), { maxLength: 8 }),
})

const batchHeaders = fc.record({
  epoch: u32,
  segmentId: u32,
  number: safe,
  previousHash: u64,
  durableEnd: fc.record({ segmentId: u32, offset: safe }),
  recordCount: u32,
  firstSeq: safe,
  bodyBytes: fc.integer({ min: 0, max: 1 << 26 }),
  bodyHash: u64,
})

const incarnations = ids.map((id) => id as Incarnation)
const lineages = ids.map((id) => id as Lineage)

const controls: fc.Arbitrary<ControlRecord> = fc.oneof(
  fc.record({
    kind: fc.constant('checkpoint' as const),
    incarnation: incarnations,
    lineage: lineages,
    lsn: safe,
    databasePages: u32,
    checksum: u64,
    timeMs: safe,
  }),
  fc.record({ kind: fc.constant('watermark' as const), firstNeeded: u32 }),
  fc.record({ kind: fc.constant('forget' as const), incarnation: incarnations }),
  fc.record({
    kind: fc.constant('seal' as const),
    successor: fc.option(fc.record({ epoch: u32, nonce: ids }), { nil: undefined }),
  }),
)

const entries: fc.Arbitrary<EntryRecord> = fc.record({
  kind: fc.constant('entry' as const),
  incarnation: incarnations,
  lineage: lineages,
  parentLineage: lineages,
  lsn: safe,
  databasePages: u32,
  checksum: u64,
  cipher: u32,
  keyId: u32,
  flags: u32,
  pages: fc.array(
    fc.record({
      number: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
      bytes: fc.nat(255).map((byte) => new Uint8Array(PAGE_BYTES).fill(byte)),
    }),
    { maxLength: 4 },
  ),
})

/** A body of controls and whole entries. */
function bodyOf(records: readonly (ControlRecord | EntryRecord)[]): Buffer {
  return Buffer.concat(
    records.map((record) => {
      if (record.kind !== 'entry') {
        const bytes = Buffer.alloc(controlBytes(record))
        encodeControl(bytes, record)
        return bytes
      }
      const bytes = Buffer.alloc(partBytes(record.pages.length))
      encodePart(bytes, record, { index: 0, first: 0, count: record.pages.length })
      return bytes
    }),
  )
}

const isBody = (decoded: ReturnType<typeof decodeBody>): decoded is readonly BodyRecord[] => !('isNewer' in decoded)

describe('a segment header', () => {
  test('comes back as it went in', () => {
    fc.assert(
      fc.property(headers, (header) => {
        expect(decodeSegmentHeader(encodeSegmentHeader(header))).toEqual(header)
      }),
    )
  })

  test('is torn with any wrong bit and at any shorter length', () => {
    fc.assert(
      fc.property(headers, fc.nat(SEGMENT_HEADER_BYTES * 8 - 1), (header, bit) => {
        const bytes = encodeSegmentHeader(header)
        expect(decodeSegmentHeader(bytes.subarray(0, bit >> 3))).toBe('torn')
        bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
        expect(decodeSegmentHeader(bytes)).toBe('torn')
      }),
    )
  })

  test('refuses what does not fit the format', () => {
    const [header] = fc.sample(headers, 1)
    if (header === undefined) throw new Error('a sample has a header')
    expect(() => encodeSegmentHeader({ ...header, nonce: 'short' })).toThrow('20 characters')
    expect(() => encodeSegmentHeader({ ...header, firstBatch: 2 ** 53 })).toThrow('safe integer')
    const cut = { epoch: 1, nonce: header.nonce, segmentId: 0, offset: 0 }
    expect(() => encodeSegmentHeader({ ...header, cuts: new Array(9).fill(cut) })).toThrow('at most 8')
  })
})

describe('a batch header', () => {
  test('comes back as it went in, with its hash', () => {
    fc.assert(
      fc.property(batchHeaders, (header) => {
        const bytes = Buffer.alloc(BATCH_HEADER_BYTES)
        const hash = encodeBatchHeader(bytes, header, SEED)
        expect(decodeBatchHeader(bytes, SEED)).toEqual({ ...header, hash })
      }),
    )
  })

  test('is none with any wrong bit, at any shorter length, and for any other ledger', () => {
    fc.assert(
      fc.property(batchHeaders, fc.nat(BATCH_HEADER_BYTES * 8 - 1), ids, (header, bit, nonce) => {
        const bytes = Buffer.alloc(BATCH_HEADER_BYTES)
        encodeBatchHeader(bytes, header, SEED)
        expect(decodeBatchHeader(bytes, batchSeed(nonce))).toBeUndefined()
        expect(decodeBatchHeader(bytes.subarray(0, bit >> 3), SEED)).toBeUndefined()
        bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
        expect(decodeBatchHeader(bytes, SEED)).toBeUndefined()
      }),
    )
  })
})

describe('a batch body', () => {
  test('comes back as it went in', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(controls, entries), { maxLength: 6 }), (records) => {
        const decoded = decodeBody(bodyOf(records), records.length)
        const read = isBody(decoded)
          ? decoded.map(({ record }) => (record.kind === 'part' ? record.entry : record))
          : decoded
        expect(read).toEqual(records)
      }),
    )
  })

  test('an entry in parts comes back part by part, the last one marked', () => {
    fc.assert(
      fc.property(entries, (entry) => {
        const parts = entry.pages.map((page, index) => {
          const bytes = Buffer.alloc(partBytes(1))
          encodePart(bytes, entry, { index, first: index, count: 1 })
          const decoded = decodeBody(bytes, 1)
          const record = isBody(decoded) ? decoded[0]?.record : undefined
          const isLast = index === entry.pages.length - 1
          expect(record).toEqual({
            kind: 'part',
            entry: { ...entry, pages: [page] },
            index,
            isLast,
            pageCount: entry.pages.length,
          })
          return record
        })
        expect(parts).toHaveLength(entry.pages.length)
      }),
    )
  })

  test('any bytes are records or a flaw, never an exception', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(5), (bytes, count) => {
        expect(decodeBody(Buffer.from(bytes), count)).toBeDefined()
      }),
      { numRuns: 500 },
    )
  })

  test('a kind that this version does not know is a newer format, a cut or miscounted body is not', () => {
    const body = bodyOf([{ kind: 'watermark', firstNeeded: 1 }])
    expect(decodeBody(body.subarray(0, 11), 1)).toMatchObject({ isNewer: false })
    expect(decodeBody(body, 2)).toMatchObject({ isNewer: false })
    body.writeUInt8(6, 0)
    expect(decodeBody(body, 1)).toMatchObject({ isNewer: true })
  })
})

describe('the hash', () => {
  test('is XXH64 as its specification has it', () => {
    expect(hash64(Buffer.from('abc'))).toBe(0x44bc2cf5ad770999n)
    expect(hash64(Buffer.alloc(0))).toBe(0xef46db3751d8e999n)
  })
})
