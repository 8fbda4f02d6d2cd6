import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeBase64, encodeBase64, encodeBase64Unpadded } from './base64.ts'

test('bytes come back from padded and from unpadded base64', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(decodeBase64(encodeBase64(bytes))).toEqual(bytes)
      expect(decodeBase64(encodeBase64Unpadded(bytes))).toEqual(bytes)
    }),
  )
})

test('a view on part of a buffer encodes that part only', () => {
  expect(encodeBase64(new Uint8Array([1, 2, 3, 4]).subarray(1, 3))).toBe('AgM=')
})

test('decoded bytes own their memory', () => {
  expect(decodeBase64('AQID')?.buffer.byteLength).toBe(3)
})

test.each([
  'A',
  'A===',
  'AQ=',
  'AQI==',
  'AQID=',
  '=',
  'AQ==AQ==',
  'A-_A',
  'AQ I',
  'AQI\n',
  'AR',
  'AR==',
  'é',
  '\ud800',
])('malformed base64 %j is refused', (text) => {
  expect(decodeBase64(text)).toBeUndefined()
})

test('any text is either refused or encodes back to itself but for padding', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.base64String()), (text) => {
      const bytes = decodeBase64(text)
      if (bytes !== undefined) expect(encodeBase64Unpadded(bytes)).toBe(text.replace(/=+$/, ''))
    }),
  )
})
