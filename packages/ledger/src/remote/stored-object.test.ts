import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { entryOf } from '../fixtures/ledger-bed.ts'
import { checkpointBody, entryBody, FIRST, SUCCESSOR } from '../fixtures/stored-bed.ts'
import { decodeStored, encodeStored, STORED_HEADER_BYTES, type StoredHeader } from './stored-object.ts'

const GOLDEN = `${import.meta.dirname}/../fixtures/golden/stored-1`
const BODY = entryBody(entryOf('a', 1))

const ids = fc.stringMatching(/^[a-z0-9]{20}$/)
const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const safe = fc.nat({ max: Number.MAX_SAFE_INTEGER })
const names = fc.record({ epoch: u32, nonce: ids })
const headers: fc.Arbitrary<StoredHeader> = fc.record({
  ...{ dataId: ids, epoch: u32, nonce: ids, id: u32, previousHash: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) },
  ...{ firstBatch: safe, batchCount: u32, recordCount: u32, firstSeq: safe, lastSeq: safe, cipher: u32, keyId: u32 },
  successor: fc.option(names, { nil: undefined }),
  predecessors: fc.array(names, { maxLength: 8 }),
})

test('an object is read as it was written, its body too, whether that can be packed or not', () => {
  fc.assert(
    fc.property(headers, fc.uint8Array({ maxLength: 300 }), fc.boolean(), (header, bytes, isRepeated) => {
      const body = Buffer.concat(Array.from({ length: isRepeated ? 50 : 1 }, () => bytes))
      const { bytes: stored, hash } = encodeStored(header, body)
      expect(decodeStored(stored)).toEqual({ ...header, hash, body })
      expect(stored.length).toBeLessThanOrEqual(STORED_HEADER_BYTES + body.length)
    }),
    { numRuns: 60 },
  )
})

test('a flipped bit in any byte is damage, never a newer version', () => {
  const { bytes } = encodeStored(FIRST, BODY)
  for (const [at, byte] of bytes.entries()) {
    bytes[at] = byte ^ (1 << (at % 8))
    expect(decodeStored(bytes)).toBe('damaged')
    bytes[at] = byte
  }
  expect(decodeStored(bytes)).toMatchObject(FIRST)
})

test('an object that ends anywhere before its end is truncated, and one with more behind it is damaged', () => {
  const { bytes } = encodeStored(FIRST, BODY)
  for (let length = 0; length < bytes.length; length += 1) {
    expect(decodeStored(bytes.subarray(0, length))).toBe('truncated')
  }
  expect(decodeStored(Buffer.concat([bytes, Buffer.from([0])]))).toBe('damaged')
})

// Released bytes: whoever changes the format adds a directory beside them and never makes them again. Packed bytes may be
// others with another zstd; the plain ones are these for ever.
const GOLDEN_FILES = [
  ['00000000.seg', { ...FIRST, lastSeq: 1, predecessors: [{ epoch: 6, nonce: 'before00000000000001' }] }, BODY, false],
  [
    '00000001.seg',
    { ...FIRST, id: 1, previousHash: 7n, firstBatch: 2, firstSeq: 2, lastSeq: 2 },
    checkpointBody('a', 1),
    true,
  ],
  [
    '00000002.seg',
    { ...FIRST, id: 2, previousHash: 8n, batchCount: 0, recordCount: 0, successor: SUCCESSOR },
    Buffer.alloc(0),
    true,
  ],
] as const

test.each(GOLDEN_FILES)('the golden object %s is read as it was written', (name, header, body, isPlain) => {
  const golden = readFileSync(`${GOLDEN}/${name}`)
  expect(decodeStored(golden)).toMatchObject({ ...header, body })
  if (isPlain) expect(Buffer.compare(encodeStored(header, body).bytes, golden)).toBe(0)
})
