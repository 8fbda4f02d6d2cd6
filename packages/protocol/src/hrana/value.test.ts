import type { SqlValue } from '@tenax/kernel'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { answeredHranaValueSchema, decodeHranaValue, encodeHranaValue } from './value.ts'

/** What a client sees of a value: its JSON, parsed. */
function onTheWire(value: SqlValue): unknown {
  return JSON.parse(JSON.stringify(encodeHranaValue(value)))
}

const finite = fc.double({ noNaN: true, noDefaultInfinity: true })
const value = fc.oneof(
  fc.constant(null),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  finite,
  fc.string({ unit: 'binary' }),
  fc.uint8Array({ maxLength: 100 }),
)

test('every storable value comes back with its type', () => {
  fc.assert(
    fc.property(value, (sqlValue) => {
      expect(decodeHranaValue(onTheWire(sqlValue))).toStrictEqual(sqlValue)
    }),
  )
})

test.each<[SqlValue, unknown]>([
  [null, { type: 'null' }],
  [9223372036854775807n, { type: 'integer', value: '9223372036854775807' }],
  [-9223372036854775808n, { type: 'integer', value: '-9223372036854775808' }],
  [1, { type: 'float', value: 1 }],
  [-0, { type: 'float', value: -0 }],
  [Number.POSITIVE_INFINITY, { type: 'float', value: Number.POSITIVE_INFINITY }],
  [Number.NEGATIVE_INFINITY, { type: 'float', value: Number.NEGATIVE_INFINITY }],
  [Number.NaN, { type: 'null' }],
  ['é\u0000', { type: 'text', value: 'é\u0000' }],
  [new Uint8Array([0xde, 0xad]), { type: 'blob', base64: '3q0' }],
])('%s reaches a JavaScript client as %j', (sqlValue, json) => {
  expect(onTheWire(sqlValue)).toStrictEqual(json)
})

test('what is answered is parsed by the schema of answers, infinities included', () => {
  const infinities = fc.constantFrom(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY)
  fc.assert(
    fc.property(fc.oneof(value, infinities), (sqlValue) => {
      expect(answeredHranaValueSchema.parse(onTheWire(sqlValue))).toStrictEqual(sqlValue)
    }),
  )
  for (const odd of ['1', null, undefined, Number.NaN]) {
    expect(answeredHranaValueSchema.safeParse({ type: 'float', value: odd }).success).toBe(false)
  }
})

test('an infinity is written within the grammar of JSON', () => {
  expect(JSON.stringify(encodeHranaValue(Number.POSITIVE_INFINITY))).toBe('{"type":"float","value":1e999}')
})

test('a blob is taken padded and unpadded', () => {
  expect(decodeHranaValue({ type: 'blob', base64: '3q0=' })).toEqual(new Uint8Array([0xde, 0xad]))
  expect(decodeHranaValue({ type: 'blob', base64: '3q0' })).toEqual(new Uint8Array([0xde, 0xad]))
})

test('unknown members are ignored', () => {
  expect(decodeHranaValue({ type: 'integer', value: '1', later: true })).toBe(1n)
})

describe('refused:', () => {
  test.each([
    { type: 'integer', value: '9223372036854775808' },
    { type: 'integer', value: '-9223372036854775809' },
    { type: 'integer', value: 1 },
    { type: 'integer', value: '1.5' },
    { type: 'integer', value: '' },
    { type: 'integer', value: '+1' },
    { type: 'integer', value: '0x1' },
    { type: 'float', value: '1' },
    { type: 'float', value: null },
    { type: 'float', value: Number.POSITIVE_INFINITY },
    { type: 'text', value: 5 },
    { type: 'text', value: 'half a pair \ud800' },
    { type: 'blob', base64: 'A' },
    { type: 'blob', base64: 'AQ==\n' },
    { type: 'blob' },
    { type: 'boolean', value: true },
    {},
    null,
    'text',
  ])('%j', (json) => {
    expect(() => decodeHranaValue(json)).toThrow(expect.objectContaining({ code: 'body_invalid' }))
  })
})
