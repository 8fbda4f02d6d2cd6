/** `POST /t/:id/query`: one statement in plain JSON. */
import { queryReplySchema } from '@tenax/protocol'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTenants, type HostBed, member, openHost, rowsOf, send } from './fixtures/host-bed.ts'

const ENDLESS = 'with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n'
const SERIES = (rows: number) => `with n(i) as (select 1 union all select i + 1 from n limit ${rows}) select i from n`

let bed: HostBed
beforeAll(async () => {
  bed = await openHost({ queryTimeoutMs: 150, replyRowsMax: 50, replyBytesMax: 20_000, pageCountMax: 64 })
  await createTenants(bed, 'acme', 'neighbour')
})
afterAll(() => bed[Symbol.asyncDispose]())

function query(sql: string, args?: unknown, id = 'acme') {
  return send(bed, `POST /t/${id}/query`, { json: { sql, args } })
}

/** The first row of what a statement answers. */
async function rowOf(sql: string, args?: unknown): Promise<unknown> {
  const { status, text, json } = await query(sql, args)
  expect(status, text).toBe(200)
  return queryReplySchema.parse(json).rows[0]
}

/** Status and code of a statement that fails. */
async function failure(sql: string, args?: unknown, id?: string): Promise<unknown> {
  const { status, json } = await query(sql, args, id)
  return [status, member(json, 'code')]
}

test('an answer has columns, rows as arrays, rows affected and the last rowid', async () => {
  const made = await query('create table item (id integer primary key, name text)')
  expect(made.json).toMatchObject({ columns: [], rows: [], rowsAffected: 0 })
  const inserted = await query("insert into item values (7, 'a'), (8, 'b')")
  expect(inserted.json).toEqual({ columns: [], rows: [], rowsAffected: 2, lastInsertRowid: 8 })
  const read = await query('select id, name, id as id from item order by id')
  expect(read.json).toEqual({
    columns: ['id', 'name', 'id'],
    rows: [
      [7, 'a', 7],
      [8, 'b', 8],
    ],
    rowsAffected: 0,
    lastInsertRowid: null,
  })
})

test.for<[string, unknown, string, unknown]>([
  ['null', null, 'null', null],
  ['true', true, 'integer', 1],
  ['false', false, 'integer', 0],
  ['a whole number', 7, 'integer', 7],
  ['the largest safe number', 9_007_199_254_740_991, 'integer', 9_007_199_254_740_991],
  ['a whole number beyond 2^53', 9_007_199_254_740_992, 'real', 9_007_199_254_740_992],
  ['a fraction', 0.1, 'real', 0.1],
  ['a large number', 1e300, 'real', 1e300],
  ['a text', 'é👩\0"', 'text', 'é👩\0"'],
  ['an empty text', '', 'text', ''],
  ['the largest integer', { integer: '9223372036854775807' }, 'integer', '9223372036854775807'],
  ['the smallest integer', { integer: '-9223372036854775808' }, 'integer', '-9223372036854775808'],
  ['a small integer', { integer: '5' }, 'integer', 5],
  ['a blob', { base64: 'AP8=' }, 'blob', { base64: 'AP8=' }],
  ['a blob without padding', { base64: 'AP8' }, 'blob', { base64: 'AP8=' }],
  ['an empty blob', { base64: '' }, 'blob', { base64: '' }],
])('%s goes in and comes out', async ([, arg, storage, answered]) => {
  expect(await rowOf('select ?1, typeof(?1)', [arg])).toEqual([answered, storage])
})

test('infinities are texts, what is no number is null, and integers beyond 2^53 are texts', async () => {
  expect(await rowOf('select 9e999, -9e999, 9e999 - 9e999, 9007199254740991, 9007199254740992')).toEqual([
    'Infinity',
    '-Infinity',
    null,
    9_007_199_254_740_991,
    '9007199254740992',
  ])
})

test('arguments go by position, or by name with or without its sign', async () => {
  expect(await rowOf('select ?, ?', ['a', 'b'])).toEqual(['a', 'b'])
  expect(await rowOf('select :a, @b, $c', { a: 1, '@b': 2, $c: 3 })).toEqual([1, 2, 3])
  expect(await rowOf('select 1')).toEqual([1])
  expect(await rowOf('select 1', [])).toEqual([1])
})

test.for<[string, unknown]>([
  ['an integer of 65 bits', [{ integer: '9223372036854775808' }]],
  ['an integer as a number', [{ integer: 1 }]],
  ['malformed base64', [{ base64: '*' }]],
  ['an object of something else', [{ text: 'x' }]],
  ['an array in an array', [[1]]],
  ['a text in place of a list', 'x'],
  ['half a surrogate pair', ['\ud800']],
])('an argument of %s is refused', async ([, args]) => {
  expect(await failure('select ?', args)).toEqual([400, 'body_invalid'])
})

test('too few and too many arguments are refused', async () => {
  expect(await failure('select ?')).toEqual([400, 'argument_invalid'])
  expect(await failure('select ?', [1, 2])).toEqual([400, 'argument_invalid'])
  expect(await failure('select :a', { b: 1 })).toEqual([400, 'argument_invalid'])
})

test('a statement that fails is told with its code of SQLite', async () => {
  await rowsOf(bed, 'acme', 'create table once (name text unique)')
  await rowsOf(bed, 'acme', "insert into once values ('a')")
  const { status, json } = await query("insert into once values ('a')")
  expect([status, json]).toMatchObject([400, { code: 'sql_error', sqliteCode: 'SQLITE_CONSTRAINT_UNIQUE' }])
  expect((await query('selec')).json).toMatchObject({ code: 'sql_error', sqliteCode: 'SQLITE_ERROR' })
  expect(await failure("attach 'x' as y")).toEqual([403, 'sql_refused'])
  expect(await failure('select * from tenax_meta where 0 union select load_extension(1)')).toEqual([403, 'sql_refused'])
  expect(await failure('begin')).toEqual([400, 'sql_unsupported'])
  expect(await failure('select 1; select 2')).toEqual([400, 'sql_error'])
})

test('a failure carries no path of the server, however hard it is asked', async () => {
  for (const sql of [
    'pragma database_list',
    "select file from pragma_database_list where name = 'main'",
    'select * from nowhere.t',
    "attach '/etc/passwd' as p",
    "vacuum into '/x'",
    'select sqlite_compileoption_get(1), load_extension(2)',
  ]) {
    const { text } = await query(sql)
    expect(text).not.toContain(bed.dataPath)
  }
})

test('a reply of as many rows as the limit is answered, and one more is 413', async () => {
  expect(await rowsOf(bed, 'acme', SERIES(50))).toHaveLength(50)
  expect(await failure(SERIES(51))).toEqual([413, 'reply_too_large'])
  expect(await failure(SERIES(5_000_000))).toEqual([413, 'reply_too_large'])
})

test('a reply over the limit of bytes is 413, as text, as blob, and as many rows', async () => {
  expect(await failure("select printf('%.20001c', 'x')")).toEqual([413, 'reply_too_large'])
  expect(await failure('select zeroblob(20001)')).toEqual([413, 'reply_too_large'])
  expect(await failure(SERIES(50).replace('select i from', 'select zeroblob(500) from'))).toEqual([
    413,
    'reply_too_large',
  ])
  expect(await rowOf('select length(zeroblob(20001))')).toEqual([20_001])
})

test('a RETURNING over the limit answers 413 and has written nothing', async () => {
  await rowsOf(bed, 'acme', 'create table bulk (i)')
  expect(await failure(`insert into bulk ${SERIES(60)} returning i`)).toEqual([413, 'reply_too_large'])
  expect(await rowOf('select count(*) from bulk')).toEqual([0])
})

test('results of one pipeline are limited together', async () => {
  const execute = { type: 'execute', stmt: { sql: 'select zeroblob(9000)' } }
  const requests = [...Array<unknown>(20).fill(execute), { type: 'close' }]
  const batch = { steps: Array.from({ length: 20 }, () => ({ stmt: execute.stmt })) }
  for (const reply of [
    await send(bed, 'POST /t/acme/v2/pipeline', { json: { requests } }),
    await send(bed, 'POST /t/acme/v3/pipeline', { json: { requests: [{ type: 'batch', batch }, { type: 'close' }] } }),
    await send(bed, 'POST /t/acme/v3/cursor', { json: { batch } }),
  ]) {
    expect(reply.status).toBe(200)
    expect(reply.text.match(/"base64"/g)).toHaveLength(3)
    expect(reply.text.match(/"code":"REPLY_TOO_LARGE"/g)).toHaveLength(17)
  }
})

test('a query that never ends is 408, its neighbour answers meanwhile, and the tenant works right after', async () => {
  const endless = query(ENDLESS)
  expect((await query('select 1', [], 'neighbour')).status).toBe(200)
  const { status, json } = await endless
  expect([status, member(json, 'code')]).toEqual([408, 'query_timeout'])
  expect(await rowOf('select 1')).toEqual([1])
})

test('a write that never ends is 408 and has written nothing', async () => {
  await rowsOf(bed, 'neighbour', 'create table endless (i)')
  const sql =
    'with recursive n(i) as (select 1 union all select i + 1 from n) insert into endless select i from n where i < 0'
  expect(await failure(sql, [], 'neighbour')).toEqual([408, 'query_timeout'])
  expect(await rowsOf(bed, 'neighbour', 'select count(*) from endless')).toEqual([[0]])
})

test('a tenant that is full is 507, and works again after delete and VACUUM', async () => {
  await createTenants(bed, 'full')
  const run = (sql: string) => query(sql, [], 'full')
  await run('create table big (b)')
  expect((await run('insert into big values (zeroblob(150000))')).status).toBe(200)
  const { status, json } = await run('insert into big values (zeroblob(150000))')
  expect([status, member(json, 'code')]).toEqual([507, 'storage_full'])
  expect(await rowsOf(bed, 'full', 'select count(*) from big')).toEqual([[1]])
  expect((await run('delete from big')).status).toBe(200)
  expect((await run('vacuum')).status).toBe(200)
  expect((await run('insert into big values (zeroblob(150000))')).status).toBe(200)
  expect(await rowsOf(bed, 'acme', 'select 1')).toEqual([[1]])
})

test('a tenant in the way of an open transaction is answered when that has ended', async () => {
  const open = await send(bed, 'POST /t/neighbour/v3/pipeline', {
    json: { requests: [{ type: 'execute', stmt: { sql: 'begin immediate' } }] },
  })
  const waiting = query('select 2', [], 'neighbour')
  const json = { baton: member(open.json, 'baton'), requests: [{ type: 'close' }] }
  await send(bed, 'POST /t/neighbour/v3/pipeline', { json })
  expect(member((await waiting).json, 'rows')).toEqual([[2]])
})
