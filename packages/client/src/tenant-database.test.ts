import { expect, test } from 'vitest'
import { createTenaxClient } from './client.ts'
import { fakeServer } from './contract.ts'

async function start() {
  const server = fakeServer()
  const client = createTenaxClient({ url: 'http://tenax.test', adminKey: 'secret', fetch: server.fetch })
  await client.tenants.create('acme')
  return { server, tenant: client.tenant('acme') }
}

test('query() binds by position and by name', async () => {
  const { tenant } = await start()
  expect((await tenant.query('select ? as a, ? as b', ['x', null])).rows).toEqual([['x', null]])
  expect((await tenant.query('select :a as a', { a: 5 })).rows).toEqual([[5]])
})

test('query() keeps 64-bit integers and blobs', async () => {
  const { tenant } = await start()
  const sql = 'select ? as a, typeof(?) as b, ? as c, ? as d'
  const { rows } = await tenant.query(sql, [2n ** 63n - 1n, 7n, new Uint8Array([1, 2]), true])
  expect(rows).toEqual([['9223372036854775807', 'integer', { base64: 'AQI=' }, 1]])
})

test.each([Number.NaN, Number.POSITIVE_INFINITY, 2n ** 63n, -(2n ** 63n) - 1n])(
  'query() refuses to bind %s',
  async (value) => {
    const { server, tenant } = await start()
    const before = server.seen.length
    await expect(tenant.query('select ?', [value])).rejects.toMatchObject({ code: 'argument_invalid' })
    expect(server.seen.length).toBe(before)
  },
)

test("query() fails with SQLite's code", async () => {
  const { tenant } = await start()
  await expect(tenant.query('nonsense')).rejects.toMatchObject({
    code: 'sql_error',
    details: { sqliteCode: 'SQLITE_ERROR' },
  })
})

test('db() is a libSQL client at the URL of the tenant, with the key', async () => {
  const { server, tenant } = await start()
  const db = tenant.db({ intMode: 'bigint' })
  expect((await db.execute('select 9223372036854775807 as a')).rows[0]?.['a']).toBe(2n ** 63n - 1n)
  expect(server.seen.at(-1)).toMatchObject({ path: '/t/acme/v2/pipeline', headers: { authorization: 'Bearer secret' } })
  db.close()
})

test('query() asks for a class and sends a key, and tells what the server promises', async () => {
  const { server, tenant } = await start()
  const plain = await tenant.query('select 1')
  expect(plain).toMatchObject({ lsn: undefined, durability: undefined, isReplay: false })
  const body = { columns: [], rows: [], rowsAffected: 1, lastInsertRowid: 1 }
  const headers = { 'tenax-durability': 'local', 'tenax-lsn': 'abc.7', 'idempotency-replayed': 'true' }
  server.answerNext(Response.json(body, { headers }))
  const answer = await tenant.query('insert', [], { durability: 'local', idempotencyKey: 'k' })
  expect(answer).toEqual({ ...body, lsn: 'abc.7', durability: 'local', isReplay: true })
  expect(server.seen.at(-1)?.headers).toMatchObject({ 'tenax-durability': 'local', 'idempotency-key': 'k' })
})

test('db() and session() ask for a class with every request', async () => {
  const { server, tenant } = await start()
  const db = tenant.db({ durability: 'local' })
  await db.execute('select 1')
  await tenant.session({ durability: 'local' }).execute('select 1')
  const asked = server.seen.slice(1).map(({ headers }) => headers['tenax-durability'])
  expect(new Set(asked)).toEqual(new Set(['local']))
  db.close()
})

test('durability() waits for a commit and reads the report', async () => {
  const { server, tenant } = await start()
  const report = await tenant.durability({ waitLsn: 'abc.7', durability: 'relaxed', timeoutMs: 100 })
  expect(report).toMatchObject({ committed: '7', local: '7', remote: null, waited: 'reached' })
  expect(server.seen.at(-1)?.path).toBe('/v1/tenants/acme/durability')
})
