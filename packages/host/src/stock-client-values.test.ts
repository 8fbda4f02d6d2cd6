/** Every kind of value, both ways, through the stock client; arguments by position and by name. */
import type { InValue, Value } from '@libsql/client/http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { codeOf, createTenants, type HostBed, openHost, stockClient } from './fixtures/host-bed.ts'

const INTEGER_MAX = 9_223_372_036_854_775_807n
const INTEGER_MIN = -9_223_372_036_854_775_808n

let bed: HostBed
beforeAll(async () => {
  bed = await openHost()
  await createTenants(bed, 'values')
  await stockClient(bed, 'values').execute('create table kept (id integer primary key, value)')
})
afterAll(() => bed[Symbol.asyncDispose]())

/** The one value that `sql` answers. */
async function answerOf(sql: string, args: InValue[] = [], intMode: 'number' | 'bigint' | 'string' = 'number') {
  const { rows } = await stockClient(bed, 'values', { intMode }).execute({ sql, args })
  return rows[0]?.[0]
}

/** Stores a value in a column without a type, and reads it back with its storage class. */
async function keep(value: InValue): Promise<readonly [Value | undefined, Value | undefined]> {
  const client = stockClient(bed, 'values', { intMode: 'bigint' })
  const { lastInsertRowid } = await client.execute({ sql: 'insert into kept (value) values (?)', args: [value] })
  const { rows } = await client.execute({
    sql: 'select value, typeof(value) from kept where id = ?',
    args: [lastInsertRowid ?? 0n],
  })
  return [rows[0]?.[0], rows[0]?.[1]]
}

test.for<[string, InValue, Value, string]>([
  ['null', null, null, 'null'],
  ['a number without a fraction', 7, 7, 'real'],
  ['a number with a fraction', -0.1, -0.1, 'real'],
  ['the largest number', Number.MAX_VALUE, Number.MAX_VALUE, 'real'],
  ['the smallest number', Number.MIN_VALUE, Number.MIN_VALUE, 'real'],
  ['pi', Math.PI, Math.PI, 'real'],
  ['a bigint', 7n, 7n, 'integer'],
  ['the largest integer', INTEGER_MAX, INTEGER_MAX, 'integer'],
  ['the smallest integer', INTEGER_MIN, INTEGER_MIN, 'integer'],
  ['an integer beyond 2^53', 9_007_199_254_740_993n, 9_007_199_254_740_993n, 'integer'],
  ['true', true, 1n, 'integer'],
  ['false', false, 0n, 'integer'],
  ['an empty text', '', '', 'text'],
  ['a text with NUL in it', 'a\0b\0', 'a\0b\0', 'text'],
  ['a text of emoji', '👩‍👩‍👧‍👦 é ﷽ \u{10ffff}', '👩‍👩‍👧‍👦 é ﷽ \u{10ffff}', 'text'],
  ['a text of quotes', `'"\`\\;--/*`, `'"\`\\;--/*`, 'text'],
  ['a text that looks like a number', '007', '007', 'text'],
  ['a date, as milliseconds', new Date(1_700_000_000_123), 1_700_000_000_123, 'real'],
])('%s is kept and answered', async ([, value, answered, storage]) => {
  expect(await keep(value)).toEqual([answered, storage])
})

test.for([
  ['empty', []],
  ['of one byte', [0]],
  ['of two bytes', [255, 254]],
  ['of three bytes', [0, 127, 128]],
  ['of all bytes', Array.from({ length: 256 }, (_, index) => index)],
] as const)('a blob %s is kept and answered', async ([, bytes]) => {
  for (const blob of [Uint8Array.from(bytes), Uint8Array.from(bytes).buffer]) {
    const [value, storage] = await keep(blob)
    expect(storage).toBe('blob')
    expect(value).toBeInstanceOf(ArrayBuffer)
    expect(value instanceof ArrayBuffer ? [...new Uint8Array(value)] : value).toEqual([...bytes])
  }
})

test('a view into a larger buffer is kept without its surroundings', async () => {
  const [value] = await keep(Uint8Array.of(1, 2, 3, 4, 5).subarray(1, 3))
  expect(value instanceof ArrayBuffer ? [...new Uint8Array(value)] : value).toEqual([2, 3])
})

test('infinities are answered', async () => {
  expect(await answerOf('select 9e999')).toBe(Number.POSITIVE_INFINITY)
  expect(await answerOf('select -9e999')).toBe(Number.NEGATIVE_INFINITY)
})

test('what is not a number is answered as null', async () => {
  expect(await answerOf('select 9e999 - 9e999')).toBeNull()
})

test('a client in intMode bigint, string or number gets integers as it asked', async () => {
  const sql = 'select 9007199254740991'
  expect(await answerOf(sql, [], 'bigint')).toBe(9_007_199_254_740_991n)
  expect(await answerOf(sql, [], 'string')).toBe('9007199254740991')
  expect(await answerOf(sql, [], 'number')).toBe(9_007_199_254_740_991)
  expect(await answerOf('select 9223372036854775807', [], 'string')).toBe('9223372036854775807')
  await expect(answerOf('select 9223372036854775807', [], 'number')).rejects.toThrow(RangeError)
})

test('a rowid beyond 2^53 is answered exactly', async () => {
  const client = stockClient(bed, 'values')
  const sql = 'insert into kept (id, value) values (?, 1)'
  const { lastInsertRowid } = await client.execute({ sql, args: [INTEGER_MAX - 1n] })
  expect(lastInsertRowid).toBe(INTEGER_MAX - 1n)
})

test.for([
  ['select :name', { name: 'x' }],
  ['select :name', { ':name': 'x' }],
  ['select @name', { name: 'x' }],
  ['select @name', { '@name': 'x' }],
  ['select $name', { name: 'x' }],
  ['select $name', { $name: 'x' }],
] as const)('%s takes %o', async ([sql, args]) => {
  const { rows } = await stockClient(bed, 'values').execute({ sql, args })
  expect(rows[0]?.[0]).toBe('x')
})

test('a name that stands twice in a statement takes one value', async () => {
  const { rows } = await stockClient(bed, 'values').execute({ sql: 'select :a || :b || :a', args: { a: 'x', b: 'y' } })
  expect(rows[0]?.[0]).toBe('xyx')
})

test('positional arguments fill ?, ?n and named parameters in order', async () => {
  expect(await answerOf("select ? || '-' || ?", ['a', 'b'])).toBe('a-b')
  expect(await answerOf("select ?2 || '-' || ?1", ['a', 'b'])).toBe('b-a')
  expect(await answerOf("select :x || '-' || @y", ['a', 'b'])).toBe('a-b')
})

test.for([
  ['too few', 'select ?, ?', ['a']],
  ['too many', 'select ?', ['a', 'b']],
  ['some where none is taken', 'select 1', ['a']],
  ['none where one is needed', 'select ?', []],
] as const)('arguments are refused when there are %s', async ([, sql, args]) => {
  expect(await codeOf(stockClient(bed, 'values').execute({ sql, args: [...args] }))).toBe('ARGUMENT_INVALID')
})

test('a name that is missing and a name too many are refused by name', async () => {
  const client = stockClient(bed, 'values')
  await expect(client.execute({ sql: 'select :a, :b', args: { a: 1 } })).rejects.toThrow('parameter :b has no value')
  await expect(client.execute({ sql: 'select :a', args: { a: 1, c: 2 } })).rejects.toThrow('no parameter "c"')
})

test('32,766 arguments are taken, as an insert of so many rows has them, and one more is refused', async () => {
  const client = stockClient(bed, 'values')
  await client.execute('create table bulk (value text)')
  const insert = (count: number) => ({
    sql: `insert into bulk values ${Array(count).fill('(?)').join(',')}`,
    args: Array<string>(count).fill('x'),
  })
  expect((await client.execute(insert(32_766))).rowsAffected).toBe(32_766)
  expect(await codeOf(client.execute(insert(32_767)))).toBe('BODY_INVALID')
})
