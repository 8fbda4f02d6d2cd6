import type { SqlValue } from '@tenax/kernel'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseBody } from './body.ts'
import { decodeJsonArgs, encodeJsonValue, encodeQueryReply, queryBodySchema, queryReplySchema } from './query.ts'

/** What `/query` does with a body that arrives as JSON text. */
function argsOf(args: unknown) {
  const body: unknown = JSON.parse(JSON.stringify({ sql: 'select 1', args }))
  return decodeJsonArgs(parseBody(queryBodySchema, body).args)
}

const refused = expect.objectContaining({ code: 'body_invalid' })

describe('args', () => {
  test('are none when absent', () => {
    expect(argsOf(undefined)).toEqual([])
  })

  test.each<[unknown, SqlValue]>([
    [null, null],
    [true, 1n],
    [false, 0n],
    [7, 7n],
    [9007199254740991, 9007199254740991n],
    [9007199254740992, 9007199254740992],
    [1.5, 1.5],
    ['', ''],
    [{ integer: '9223372036854775807' }, 9223372036854775807n],
    [{ integer: '-9223372036854775808' }, -9223372036854775808n],
    [{ base64: 'AQI' }, new Uint8Array([1, 2])],
    [{ base64: 'AQI=', later: 1 }, new Uint8Array([1, 2])],
  ])('%j binds %s', (arg, value) => {
    expect(argsOf([arg])).toEqual([value])
  })

  test('by name keep their names, hostile ones too', () => {
    const body: unknown = JSON.parse('{"sql":"","args":{":a":1,"constructor":2}}')
    expect(decodeJsonArgs(parseBody(queryBodySchema, body).args)).toEqual({ ':a': 1n, constructor: 2n })
  })

  test.each([
    { integer: '9223372036854775808' },
    { integer: '1.0' },
    { integer: '' },
    { integer: ' 1' },
    { integer: 1 },
    { base64: 'A' },
    { base64: 'A-_A' },
    { text: 'x' },
    {},
    [1],
    '\ud800',
  ])('%j is refused', (arg) => {
    expect(() => argsOf([arg])).toThrow(refused)
    expect(() => argsOf({ a: arg })).toThrow(refused)
  })

  test('a number that overflows to Infinity is refused', () => {
    const body: unknown = JSON.parse('{"sql":"","args":[1e999]}')
    expect(() => parseBody(queryBodySchema, body)).toThrow(refused)
  })

  test('a refusal points at the value', () => {
    expect(() => argsOf([1, { base64: '!' }])).toThrow(
      expect.objectContaining({ details: { issues: [{ path: '/args/1/base64', message: 'malformed base64' }] } }),
    )
  })
})

test('SQL with half a surrogate pair is refused', () => {
  expect(() => parseBody(queryBodySchema, { sql: "select '\udc00'" })).toThrow(refused)
})

describe('values', () => {
  test.each<[SqlValue, unknown]>([
    [null, null],
    [9007199254740991n, 9007199254740991],
    [9007199254740992n, '9007199254740992'],
    [-9007199254740992n, '-9007199254740992'],
    [1.5, 1.5],
    [Number.POSITIVE_INFINITY, 'Infinity'],
    [Number.NEGATIVE_INFINITY, '-Infinity'],
    ['text', 'text'],
    [new Uint8Array([1, 2]), { base64: 'AQI=' }],
  ])('%s is answered as %j', (value, json) => {
    expect(encodeJsonValue(value)).toEqual(json)
  })

  test('texts, blobs, nulls and integers within 2^53 come back as they were', () => {
    const value = fc.oneof(
      fc.constant(null),
      fc.maxSafeInteger().map(BigInt),
      fc.string({ unit: 'grapheme' }),
      fc.uint8Array({ maxLength: 50 }),
    )
    fc.assert(
      fc.property(fc.array(value), (values) => {
        expect(argsOf(values.map(encodeJsonValue))).toEqual(values)
      }),
    )
  })
})

test('a reply is what its schema says', () => {
  const reply = encodeQueryReply({
    columns: [{ name: 'a', decltype: null }],
    rows: [[1n], [new Uint8Array(1)]],
    rowsAffected: 0,
    lastInsertRowid: 2n ** 60n,
  })
  expect(queryReplySchema.parse(reply)).toEqual({
    columns: ['a'],
    rows: [[1], [{ base64: 'AA==' }]],
    rowsAffected: 0,
    lastInsertRowid: '1152921504606846976',
  })
  expect(encodeQueryReply({ columns: [], rows: [], rowsAffected: 0, lastInsertRowid: undefined }).lastInsertRowid).toBe(
    null,
  )
})
