import type { SqlValue } from '@tenax/kernel'
import { describe, expect, it } from 'vitest'
import { libsqlDriver } from '../index.ts'
import { decodeRows, decodeTaggedBlob, taggedBlobOf, wrapRead } from './encoding.ts'

const LIMITS = { rowsMax: 200_000, bytesMax: 64 * 1024 * 1024 }
const db = libsqlDriver.open(':memory:')

/** Rows as they come through the wrapping; undefined when the engine withheld them. */
function wrapped(
  sql: string,
  columnCount: number,
  args: readonly SqlValue[] = [],
  limits = LIMITS,
): SqlValue[][] | undefined {
  const json = db.prepare(wrapRead(sql, columnCount, limits)).get(args)?.[2]
  return json instanceof Uint8Array ? decodeRows(json, columnCount) : undefined
}

/** Values through the wrapping as one column. */
function column(values: readonly SqlValue[]): (SqlValue | undefined)[] {
  return (wrapped(`VALUES ${values.map(() => '(?)').join(',')}`, 1, values) ?? []).map(([value]) => value)
}

/** The same through the wrapping of RETURNING. */
function tagged(values: readonly SqlValue[]): SqlValue[] {
  const statement = db.prepare(`SELECT ${taggedBlobOf('?1')}`)
  return values.map((value) => decodeTaggedBlob(statement.get([value])?.[0] ?? null))
}

/** A small generator with a fixed seed (mulberry32), so that a failure repeats. */
function randomDoubles(count: number, seed: number): number[] {
  const bits = new DataView(new ArrayBuffer(8))
  let state = seed
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return (t ^ (t >>> 14)) >>> 0
  }
  return Array.from({ length: count }, () => {
    bits.setUint32(0, next())
    bits.setUint32(4, next())
    return bits.getFloat64(0)
  }).filter((value) => !Number.isNaN(value))
}

const EDGES = [
  ...[
    0.1,
    0.3,
    1,
    1.5,
    1e-7,
    1e15,
    1e16,
    123456789.12345679,
    2 ** 53,
    2 ** 53 + 2,
    2 ** 63,
    1 / 3,
    Math.PI,
    1e22,
    1e23,
    9.5e-8,
  ],
  ...[
    5e-324,
    1e-323,
    2.2250738585072014e-308,
    2.225073858507201e-308,
    1e-310,
    Number.MAX_VALUE,
    8.98846567431158e307,
    Number.MIN_VALUE,
  ],
  ...Array.from({ length: 2_098 }, (_, index) => 2 ** (index - 1_074)),
].flatMap((value) => [value, -value])

const isSame = (left: readonly (SqlValue | undefined)[], right: readonly SqlValue[]) =>
  right.findIndex((value, index) => !Object.is(value, left[index]))

describe('reals', () => {
  it('100,000 random bit patterns come out bit for bit', { timeout: 120_000 }, () => {
    for (let batch = 0; batch < 5; batch += 1) {
      const values = randomDoubles(20_000, 1_000 + batch)
      const index = isSame(column(values), values)
      expect([index, values[index]]).toEqual([-1, undefined])
    }
  })

  it('edges, powers of two, subnormals and their negatives come out bit for bit, in both encodings', () => {
    const index = isSame(column(EDGES), EDGES)
    expect([index, EDGES[index]]).toEqual([-1, undefined])
    const taggedIndex = isSame(tagged(EDGES), EDGES)
    expect([taggedIndex, EDGES[taggedIndex]]).toEqual([-1, undefined])
  })

  it('random values near the limits of exact printing come out bit for bit', () => {
    const values = randomDoubles(20_000, 7).flatMap((value) => {
      const fraction = Math.abs(value) / 2 ** Math.floor(Math.log2(Math.abs(value)))
      return Number.isFinite(fraction)
        ? [fraction * 1e-7, fraction * 0.5e-7, fraction * 1e15, fraction * 0.5e15, fraction]
        : []
    })
    for (let at = 0; at < values.length; at += 20_000) {
      const part = values.slice(at, at + 20_000)
      const index = isSame(column(part), part)
      expect([index, part[index]]).toEqual([-1, undefined])
    }
  })

  it('infinities keep their sign', () => {
    expect(column([Infinity, -Infinity])).toEqual([Infinity, -Infinity])
    expect(tagged([Infinity, -Infinity])).toEqual([Infinity, -Infinity])
  })

  it('zero stays a real; SQLite prints the sign of minus zero', () => {
    expect(column([0, -0]).map((value) => value === 0)).toEqual([true, true])
    expect(tagged([0, -0]).map((value) => value === 0)).toEqual([true, true])
  })
})

describe('integers, text and blobs', () => {
  const integers = [
    0n,
    1n,
    -1n,
    2n ** 53n - 1n,
    2n ** 53n,
    2n ** 53n + 1n,
    -(2n ** 53n),
    -(2n ** 53n) - 1n,
    2n ** 63n - 1n,
    -(2n ** 63n),
  ]
  const texts = [
    '',
    'a',
    'i5',
    't',
    '"',
    '\\',
    '\n\r\t\b\f',
    '\u0001\u001f',
    'é日本🙂',
    '\u2028',
    'null',
    '[1]',
    "it's",
    '{"a":1}',
  ]
  const blobs = [
    new Uint8Array(),
    new Uint8Array([0]),
    new Uint8Array([255, 254, 0, 39]),
    new Uint8Array(5_000).fill(171),
  ]

  it('64-bit integers come out exactly', () => {
    expect(column(integers)).toEqual(integers)
    expect(tagged(integers)).toEqual(integers)
  })

  it('text comes out as it is, whatever it looks like', () => {
    expect(column(texts)).toEqual(texts)
    expect(tagged(texts)).toEqual(texts)
  })

  it('text that is itself JSON stays text', () => {
    expect(wrapped(`SELECT json('{"a": [1]}'), json_array(1), '[2]'`, 3)).toEqual([['{"a":[1]}', '[1]', '[2]']])
  })

  it('blobs and null come out as they are', () => {
    expect(column([...blobs, null])).toEqual([...blobs, null])
    expect(tagged([...blobs, null])).toEqual([...blobs, null])
  })

  it('text with a NUL comes out whole', () => {
    expect(wrapped("SELECT 'a' || char(0) || 'b', char(0)", 2)).toEqual([['a\0b', '\0']])
    const row = db.prepare(`SELECT ${taggedBlobOf("'a' || char(0) || 'b'")}`).get()
    expect(decodeTaggedBlob(row?.[0] ?? null)).toBe('a\0b')
  })

  it.each(["x'ff'", "x'c3'", "x'61ff62'", "x'eda080'", "x'f8888080'", "x'00ff'", "x'c080'"])(
    'text of the bytes %s ends nothing',
    (blob) => {
      const [row] = wrapped(`SELECT CAST(${blob} AS TEXT), 1`, 2) ?? []
      expect([typeof row?.[0], row?.[1]]).toEqual(['string', 1n])
      const value = db.prepare(`SELECT ${taggedBlobOf(`CAST(${blob} AS TEXT)`)}`).get()?.[0]
      expect(typeof decodeTaggedBlob(value ?? null)).toBe('string')
    },
  )
})

describe('shape and limits', () => {
  it.each([1, 99, 100, 101, 127, 128, 200, 201, 250, 1_999, 2_000])('%i columns come out in order', (count) => {
    const values = Array.from({ length: count }, (_, index) =>
      index % 3 === 0 ? BigInt(index) : index % 3 === 1 ? `t${index}` : null,
    )
    const sql = `SELECT ${values.map((_, index) => `?${index + 1}`).join(',')} UNION ALL SELECT ${values.map(() => '7').join(',')}`
    expect(wrapped(sql, count, values)).toEqual([values, values.map(() => 7n)])
  })

  it('rows keep their order, and none is an empty list', () => {
    expect(wrapped('SELECT column1 FROM (VALUES (3), (1), (2)) ORDER BY 1 DESC', 1)).toEqual([[3n], [2n], [1n]])
    expect(wrapped('SELECT 1 WHERE 0', 1)).toEqual([])
  })

  it('columns of one name, and of the names that the wrapping uses, stay apart', () => {
    expect(wrapped('SELECT 1 AS a, 2 AS a, 3 AS c0, 4 AS n, 5 AS b', 5)).toEqual([[1n, 2n, 3n, 4n, 5n]])
  })

  it.each([
    ['WITH x(a) AS (SELECT 1) SELECT a FROM x', 1],
    ['VALUES (1), (1)', 1],
    ['SELECT 1 UNION ALL SELECT 1 ORDER BY 1 LIMIT 5', 1],
    ['SELECT sum(1) OVER () FROM (VALUES (1)) -- end', 1],
  ])('%s can be wrapped', (sql, count) => {
    expect(wrapped(sql, count)?.[0]).toEqual([1n])
  })

  const report = (sql: string, limits: typeof LIMITS) => db.prepare(wrapRead(sql, 1, limits)).get()

  it('as many rows as the limit are answered, and one more is withheld', () => {
    const limits = { rowsMax: 3, bytesMax: 1_000 }
    expect(report('VALUES (1), (2), (3)', limits)?.[2]).toBeInstanceOf(Uint8Array)
    expect(report('VALUES (1), (2), (3), (4)', limits)).toEqual([4n, 36n, null])
  })

  it('an endless statement stops one row behind the limit', () => {
    const endless = 'WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n'
    expect(report(endless, { rowsMax: 1_000, bytesMax: 1_000 })).toMatchObject([1_001n, expect.any(BigInt), null])
  })

  it('bytes are counted by value: 8 for each, and its length as text or blob', () => {
    expect(report("VALUES ('abc'), (x'0102'), (1)", { rowsMax: 9, bytesMax: 1_000 })?.[1]).toBe(8n * 3n + 3n + 2n + 1n)
    expect(report('SELECT zeroblob(100)', { rowsMax: 9, bytesMax: 107 })).toEqual([1n, 108n, null])
    expect(report('SELECT zeroblob(100)', { rowsMax: 9, bytesMax: 108 })?.[2]).toBeInstanceOf(Uint8Array)
  })
})
