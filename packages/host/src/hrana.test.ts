/** Hrana over HTTP as raw JSON, v2 and v3: https://github.com/tursodatabase/libsql/blob/main/docs/HRANA_3_SPEC.md */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTenants, execute, type HostBed, member, openHost, pipe, send } from './fixtures/host-bed.ts'

const VERSIONS = ['v2', 'v3'] as const

let bed: HostBed
let tenantCount = 0
beforeAll(async () => {
  bed = await openHost({ replyRowsMax: 100 })
})
afterAll(() => bed[Symbol.asyncDispose]())

/** A new tenant with a table in it. */
async function newTenant(): Promise<string> {
  tenantCount += 1
  const id = `t${tenantCount}`
  await createTenants(bed, id)
  await pipe(bed, id, [execute('create table item (id integer primary key, name text unique)'), { type: 'close' }])
  return id
}

const ok = (response: object) => ({ type: 'ok', response: expect.objectContaining(response) })
const failed = (code: string) => ({ type: 'error', error: expect.objectContaining({ code }) })
const integer = (value: number | bigint | string) => ({ type: 'integer', value: String(value) })
const text = (value: string) => ({ type: 'text', value })

test.for(VERSIONS)('GET of %s says that it is spoken here', async (version) => {
  expect((await send(bed, `GET /t/${await newTenant()}/${version}`)).status).toBe(200)
})

test('a version that nobody speaks is not found', async () => {
  const id = await newTenant()
  expect((await send(bed, `GET /t/${id}/v3-protobuf`)).status).toBe(404)
  expect((await send(bed, `POST /t/${id}/v2/cursor`, { json: { batch: { steps: [] } } })).status).toBe(404)
})

test.for(VERSIONS)('%s answers one result per request, of the type of the request', async (version) => {
  const id = await newTenant()
  const requests = [
    execute('select 1'),
    { type: 'batch', batch: { steps: [{ stmt: { sql: 'select 1' } }] } },
    { type: 'sequence', sql: 'select 1; select 2' },
    { type: 'describe', sql: 'select 1' },
    { type: 'store_sql', sql_id: 1, sql: 'select 1' },
    { type: 'close_sql', sql_id: 1 },
    { type: 'get_autocommit' },
    { type: 'close' },
  ]
  const { results, baton } = await pipe(bed, id, requests, { version })
  expect(results).toEqual(requests.map((request) => ok({ type: member(request, 'type') })))
  expect(baton).toBeNull()
})

test.for(VERSIONS)('%s goes on after a request that failed', async (version) => {
  const id = await newTenant()
  const { results, baton } = await pipe(
    bed,
    id,
    [execute("insert into item values (1, 'a')"), execute('selec'), execute("insert into item values (2, 'b')")],
    { version },
  )
  expect(results).toEqual([ok({ type: 'execute' }), failed('SQLITE_ERROR'), ok({ type: 'execute' })])
  expect(baton).not.toBeNull()
})

test('a failed constraint carries the primary and the extended code', async () => {
  const id = await newTenant()
  const insert = execute("insert into item values (1, 'a')")
  const { results } = await pipe(bed, id, [insert, insert, { type: 'close' }])
  expect(member(results[1], 'error')).toEqual({
    message: 'UNIQUE constraint failed: item.id',
    code: 'SQLITE_CONSTRAINT',
    extended_code: 'SQLITE_CONSTRAINT_PRIMARYKEY',
  })
})

test('the result of a statement has every member of the specification', async () => {
  const id = await newTenant()
  const { results } = await pipe(bed, id, [
    execute("insert into item values (5, 'a')"),
    execute('select id, name, 1 as one from item'),
    { type: 'close' },
  ])
  expect(results[0]).toMatchObject(
    ok({ result: expect.objectContaining({ cols: [], rows: [], affected_row_count: 1, last_insert_rowid: '5' }) }),
  )
  expect(results[1]).toEqual(
    ok({
      result: {
        cols: [
          { name: 'id', decltype: 'INTEGER' },
          { name: 'name', decltype: 'TEXT' },
          { name: 'one', decltype: null },
        ],
        rows: [[integer(5), text('a'), integer(1)]],
        affected_row_count: 0,
        last_insert_rowid: null,
        rows_read: 1,
        rows_written: 0,
        query_duration_ms: expect.any(Number),
      },
    }),
  )
})

test('every type of value goes in and comes out', async () => {
  const id = await newTenant()
  const args = [
    { type: 'null' },
    integer('9223372036854775807'),
    integer('-9223372036854775808'),
    { type: 'float', value: 0.5 },
    text('a\0é'),
    { type: 'blob', base64: 'AP8' },
  ]
  const { results } = await pipe(bed, id, [execute('select ?, ?, ?, ?, ?, ?', { args }), { type: 'close' }])
  expect(results[0]).toEqual(ok({ result: expect.objectContaining({ rows: [args] }) }))
})

test.for(['AP8', 'AP8=', '', 'AAAA', 'AA==', 'AA'])('a blob in base64 is taken as %o', async (base64) => {
  const id = await newTenant()
  const { results } = await pipe(bed, id, [
    execute('select hex(?1), ?1', { args: [{ type: 'blob', base64 }] }),
    { type: 'close' },
  ])
  const rows = [[text(Buffer.from(base64, 'base64').toString('hex').toUpperCase()), expect.anything()]]
  expect(results[0]).toEqual(ok({ result: expect.objectContaining({ rows }) }))
})

test('infinities are numbers beyond all doubles in the JSON of an answer', async () => {
  const id = await newTenant()
  const requests = [execute('select 9e999, -9e999'), { type: 'close' }]
  const reply = await send(bed, `POST /t/${id}/v3/pipeline`, { json: { requests } })
  expect(reply.text).toContain('{"type":"float","value":1e999},{"type":"float","value":-1e999}')
})

test.for([
  ['an unknown type', { type: 'decimal', value: '1' }],
  ['an integer of 65 bits', integer('9223372036854775808')],
  ['an integer with a fraction', integer('1.5')],
  ['an integer as a number', { type: 'integer', value: 1 }],
  ['a float as a text', { type: 'float', value: '1' }],
  ['malformed base64', { type: 'blob', base64: '*' }],
  ['a plain value', 1],
])('a pipeline with %s as a value is refused before any of it runs', async ([, value]) => {
  const id = await newTenant()
  const requests = [execute("insert into item values (1, 'a')"), execute('select ?', { args: [value] })]
  const reply = await send(bed, `POST /t/${id}/v2/pipeline`, { json: { requests } })
  expect([reply.status, member(reply.json, 'code')]).toEqual([400, 'BODY_INVALID'])
  const { results } = await pipe(bed, id, [execute('select * from item'), { type: 'close' }])
  expect(results[0]).toEqual(ok({ result: expect.objectContaining({ rows: [] }) }))
})

test('arguments go by position and by name, and the named one wins', async () => {
  const id = await newTenant()
  const named_args = [
    { name: 'b', value: text('B') },
    { name: '$c', value: text('C') },
  ]
  const { results } = await pipe(bed, id, [
    execute('select :a, :b, $c', { args: [text('a'), text('b')], named_args }),
    { type: 'close' },
  ])
  expect(results[0]).toEqual(ok({ result: expect.objectContaining({ rows: [[text('a'), text('B'), text('C')]] }) }))
})

test('want_rows false answers no rows, and the statement has run', async () => {
  const id = await newTenant()
  const { results } = await pipe(bed, id, [
    execute("insert into item values (1, 'a') returning id", { want_rows: false }),
    execute('select * from item', { want_rows: false }),
    execute('select count(*) from item', { want_rows: true }),
    { type: 'close' },
  ])
  expect(results).toMatchObject([
    ok({ result: expect.objectContaining({ rows: [], affected_row_count: 1 }) }),
    ok({ result: expect.objectContaining({ rows: [] }) }),
    ok({ result: expect.objectContaining({ rows: [[integer(1)]] }) }),
    ok({ type: 'close' }),
  ])
})

test('members that the specification does not name are ignored', async () => {
  const id = await newTenant()
  const reply = await send(bed, `POST /t/${id}/v3/pipeline`, {
    json: {
      baton: null,
      later: true,
      requests: [
        { type: 'execute', later: 1, stmt: { sql: 'select 1', replication_index: '7', named_args: null, later: {} } },
        { type: 'close', later: [] },
      ],
    },
  })
  expect(reply.status).toBe(200)
})

test.for([
  ['close is not last', { requests: [{ type: 'close' }, execute('select 1')] }],
  ['close stands twice', { requests: [{ type: 'close' }, { type: 'close' }] }],
  ['a request is unknown', { requests: [{ type: 'attach' }] }],
  ['there are no requests', { baton: null }],
  ['requests are no array', { requests: 'select 1' }],
  ['a statement has no SQL', { requests: [{ type: 'execute', stmt: {} }] }],
  ['a statement has SQL twice', { requests: [execute('select 1', { sql_id: 1 })] }],
  ['the body is an array', []],
  ['the body is null', null],
] as const)('a pipeline is refused when %s', async ([, json]) => {
  const reply = await send(bed, `POST /t/${await newTenant()}/v3/pipeline`, { json })
  expect([reply.status, member(reply.json, 'code')]).toEqual([400, 'BODY_INVALID'])
  expect(reply.headers.get('content-type')).toBe('application/json')
})

test('a pipeline without requests opens a stream', async () => {
  const { baton, results } = await pipe(bed, await newTenant(), [])
  expect(baton).not.toBeNull()
  expect(results).toEqual([])
})

test('texts are stored on their stream, used, and forgotten', async () => {
  const id = await newTenant()
  const stored = execute('', { sql: undefined, sql_id: 7 })
  const opened = await pipe(bed, id, [{ type: 'store_sql', sql_id: 7, sql: "select 'stored'" }, stored])
  expect(opened.results[1]).toEqual(ok({ result: expect.objectContaining({ rows: [[text('stored')]] }) }))
  const { results } = await pipe(
    bed,
    id,
    [
      stored,
      { type: 'describe', sql_id: 7 },
      { type: 'close_sql', sql_id: 7 },
      { type: 'close_sql', sql_id: 8 },
      stored,
    ],
    { baton: opened.baton },
  )
  expect(results).toMatchObject([
    ok({ type: 'execute' }),
    ok({ type: 'describe' }),
    ok({ type: 'close_sql' }),
    ok({ type: 'close_sql' }),
    failed('ARGUMENT_INVALID'),
  ])
  const other = await pipe(bed, id, [stored, { type: 'close' }])
  expect(other.results[0]).toEqual(failed('ARGUMENT_INVALID'))
})

test('a stream stores 100 texts and no more', async () => {
  const id = await newTenant()
  const requests = Array.from({ length: 101 }, (_, index) => ({ type: 'store_sql', sql_id: index, sql: 'select 1' }))
  const { results } = await pipe(bed, id, [...requests, { type: 'close' }])
  expect(results[99]).toEqual(ok({ type: 'store_sql' }))
  expect(results[100]).toEqual(failed('ARGUMENT_INVALID'))
})

test('describe tells parameters, columns, and what kind of statement it is, and runs nothing', async () => {
  const id = await newTenant()
  const describe = (sql: string) => ({ type: 'describe', sql })
  const { results } = await pipe(bed, id, [
    describe('select id, name as title from item where id = ? and name = :name and id <> ?5'),
    describe("insert into item values (1, 'a')"),
    describe('explain query plan select 1'),
    describe('select * from nowhere'),
    execute('select count(*) from item'),
    { type: 'close' },
  ])
  expect(results[0]).toMatchObject(
    ok({
      result: {
        params: [{ name: null }, { name: ':name' }, { name: null }, { name: null }, { name: '?5' }],
        cols: [
          { name: 'id', decltype: 'INTEGER' },
          { name: 'title', decltype: 'TEXT' },
        ],
        is_explain: false,
        is_readonly: true,
      },
    }),
  )
  expect(results[1]).toMatchObject(ok({ result: expect.objectContaining({ is_readonly: false, is_explain: false }) }))
  expect(results[2]).toMatchObject(ok({ result: expect.objectContaining({ is_readonly: true, is_explain: true }) }))
  expect(results[3]).toEqual(failed('SQLITE_ERROR'))
  expect(results[4]).toMatchObject(ok({ result: expect.objectContaining({ rows: [[integer(0)]] }) }))
})

test('get_autocommit is false exactly while a transaction is open', async () => {
  const id = await newTenant()
  const ask = { type: 'get_autocommit' }
  const { results } = await pipe(bed, id, [ask, execute('begin'), ask, execute('rollback'), ask, { type: 'close' }])
  expect([results[0], results[2], results[4]]).toEqual([
    ok({ is_autocommit: true }),
    ok({ is_autocommit: false }),
    ok({ is_autocommit: true }),
  ])
})

test('a transaction that is open when its stream is closed is rolled back', async () => {
  const id = await newTenant()
  await pipe(bed, id, [execute('begin'), execute("insert into item values (1, 'a')"), { type: 'close' }])
  const { results } = await pipe(bed, id, [execute('select count(*) from item'), { type: 'close' }])
  expect(results[0]).toEqual(ok({ result: expect.objectContaining({ rows: [[integer(0)]] }) }))
})
