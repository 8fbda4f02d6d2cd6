import { expect, test } from 'vitest'
import { createTenaxClient } from './client.ts'
import { fakeServer } from './contract.ts'

async function start() {
  const server = fakeServer()
  const client = createTenaxClient({ url: 'http://tenax.test', fetch: server.fetch })
  await client.tenants.create('acme')
  const session = client.tenant('acme').session()
  const typesOf = () =>
    server.seen.slice(1).map(({ body }) => [...body.matchAll(/"type":"([a-z_]+)"/g)].map(([, a]) => a))
  return { server, session, typesOf }
}

test('a statement alone opens and closes its stream in one request', async () => {
  const { session, typesOf } = await start()
  await session.execute('create table a (b)')
  expect(session.inTransaction).toBe(false)
  expect(typesOf()).toEqual([['execute', 'close']])
})

test('values come back exactly', async () => {
  const { session } = await start()
  const sql = "select 9223372036854775807 as a, 1.0 as b, 9e999 as c, -9e999 as d, x'0102' as e, null as f, 'é' as g"
  const { rows, columns } = await session.execute(sql)
  const infinity = Number.POSITIVE_INFINITY
  expect(rows).toEqual([[2n ** 63n - 1n, 1, infinity, -infinity, new Uint8Array([1, 2]), null, 'é']])
  expect(columns.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g'])
})

test('arguments bind by position and by name', async () => {
  const { session } = await start()
  expect((await session.execute('select ?, ?', [1n, 'x'])).rows).toEqual([[1n, 'x']])
  expect((await session.execute('select :a', { a: 2.5 })).rows).toEqual([[2.5]])
})

test.each(['begin', 'BEGIN IMMEDIATE', '-- a\n/* b * c */ begin', ';savepoint a'])(
  '%j keeps the stream',
  async (sql) => {
    const { session, typesOf } = await start()
    await session.execute(sql)
    expect(session.inTransaction).toBe(true)
    await session.execute('create table a (b)')
    await session.execute(sql.includes('savepoint') ? 'release a' : 'commit')
    expect(session.inTransaction).toBe(false)
    const kept = ['execute', 'get_autocommit']
    expect(typesOf()).toEqual([kept, kept, kept, ['close']])
    expect((await session.execute('select count(*) from a')).rows).toEqual([[0n]])
  },
)

test('a statement that fails does not end the transaction', async () => {
  const { session } = await start()
  await session.execute('begin')
  await expect(session.execute('nonsense')).rejects.toMatchObject({ code: 'sql_error' })
  expect(session.inTransaction).toBe(true)
})

test('close() rolls back', async () => {
  const { session } = await start()
  await session.execute('begin')
  await session.execute('create table a (b)')
  await session.close()
  expect(session.inTransaction).toBe(false)
  await expect(session.execute('select * from a')).rejects.toMatchObject({ code: 'sql_error' })
})

test('a transaction that expired ends the session, which goes on with the next statement', async () => {
  const { server, session } = await start()
  await session.execute('begin')
  server.expireStreams()
  await expect(session.execute('select 1')).rejects.toMatchObject({ code: 'baton_invalid' })
  expect(session.inTransaction).toBe(false)
  expect((await session.execute('select 1')).rows).toEqual([[1n]])
})

test('statements run in the order in which they were given', async () => {
  const { session } = await start()
  const all = ['begin', 'create table a (b)', 'insert into a values (1)', 'commit'].map((sql) => session.execute(sql))
  await Promise.all(all)
  expect((await session.execute('select b from a')).rows).toEqual([[1n]])
})

test.each([
  ['SQLITE_AUTH', undefined, 'sql_refused', {}],
  ['QUERY_TIMEOUT', undefined, 'query_timeout', {}],
  ['SQLITE_CONSTRAINT', 'SQLITE_CONSTRAINT_UNIQUE', 'sql_error', { sqliteCode: 'SQLITE_CONSTRAINT_UNIQUE' }],
  ['NEW_CODE', undefined, 'internal', { code: 'NEW_CODE' }],
])('the in-band error %s is told by its code', async (code, extended_code, expected, details) => {
  const { server, session } = await start()
  const error = { type: 'error', error: { message: 'no', code, ...(extended_code && { extended_code }) } }
  server.answerNext(Response.json({ baton: null, base_url: null, results: [error, error] }))
  await expect(session.execute('select 1')).rejects.toMatchObject({ code: expected, message: 'no', details })
})

test('a failure of the whole request keeps its code', async () => {
  const { server } = await start()
  const client = createTenaxClient({ url: 'http://tenax.test', fetch: server.fetch })
  await expect(client.tenant('other').session().execute('select 1')).rejects.toMatchObject({ code: 'tenant_not_found' })
})

test.each(['[]', '{"results":[]}', '{"results":[{"type":"ok"},{}]}', 'x'])(
  'the reply %j is malformed',
  async (body) => {
    const { server, session } = await start()
    server.answerNext(new Response(body))
    await expect(session.execute('select 1')).rejects.toMatchObject({ code: 'internal' })
  },
)
