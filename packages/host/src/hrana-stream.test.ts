/** Batons: fresh each time, used once, and good for one tenant, one history of it, one principal, one transaction. */
import { ManualClock } from '@tenax/kernel'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  createTenants,
  execute,
  type HostBed,
  member,
  openHost,
  type Piping,
  pipe,
  rowsOf,
  send,
} from './fixtures/host-bed.ts'

const clock = new ManualClock()
let bed: HostBed
let tenantCount = 0
beforeAll(async () => {
  bed = await openHost({ clock })
})
afterAll(() => bed[Symbol.asyncDispose]())

async function newTenant(): Promise<string> {
  tenantCount += 1
  const id = `t${tenantCount}`
  await createTenants(bed, id)
  await pipe(bed, id, [execute('create table item (name text)'), { type: 'close' }])
  return id
}

const BEGIN = [execute('begin'), execute("insert into item values ('a')")]
const COMMIT = [execute('commit'), { type: 'close' }]

/** Status and code of a pipeline that is refused as a whole. */
async function refusal(
  id: string,
  { baton, headers = {} }: Piping,
  at: Pick<HostBed, 'fetch'> = bed,
): Promise<unknown> {
  const json = { baton, requests: [execute('select 1')] }
  const reply = await send(at, `POST /t/${id}/v2/pipeline`, { json, headers })
  return [reply.status, member(reply.json, 'code')]
}

const REFUSED = [400, 'BATON_INVALID']

test('a baton continues its stream, and each answer has a new one', async () => {
  const id = await newTenant()
  const first = await pipe(bed, id, BEGIN)
  const second = await pipe(bed, id, [execute("insert into item values ('b')")], { baton: first.baton })
  expect(second.baton).not.toBe(first.baton)
  const last = await pipe(bed, id, COMMIT, { baton: second.baton, version: 'v2' })
  expect(last.baton).toBeNull()
  expect(await rowsOf(bed, id, 'select name from item')).toEqual([['a'], ['b']])
})

test('a baton is good once, and trying it again harms nothing', async () => {
  const id = await newTenant()
  const first = await pipe(bed, id, BEGIN)
  const second = await pipe(bed, id, [], { baton: first.baton })
  expect(await refusal(id, first)).toEqual(REFUSED)
  await pipe(bed, id, COMMIT, { baton: second.baton })
  expect(await refusal(id, second)).toEqual(REFUSED)
  expect(await rowsOf(bed, id, 'select name from item')).toEqual([['a']])
})

test('a baton that nobody gave is refused', async () => {
  const id = await newTenant()
  for (const baton of ['', 'x', 'a'.repeat(32), '../../etc/passwd'])
    expect(await refusal(id, { baton })).toEqual(REFUSED)
  expect(await refusal(id, { baton: 'x'.repeat(1_025) })).toEqual([400, 'BODY_INVALID'])
})

test('a baton of another tenant is refused, and still good for its own', async () => {
  const [id, other] = [await newTenant(), await newTenant()]
  const { baton } = await pipe(bed, id, BEGIN)
  expect(await refusal(other, { baton })).toEqual(REFUSED)
  expect(await refusal('nobody', { baton })).toEqual(REFUSED)
  await pipe(bed, id, COMMIT, { baton })
  expect(await rowsOf(bed, other, 'select name from item')).toEqual([])
})

test('a baton of another host is refused', async () => {
  await using other = await openHost()
  await createTenants(other, 'acme')
  const { baton } = await pipe(other, 'acme', [execute('begin')])
  const id = await newTenant()
  expect(await refusal(id, { baton })).toEqual(REFUSED)
})

test('a baton of the key cannot be used without it', async () => {
  const adminKey = 'a key of a test, long enough'.replaceAll(' ', '-')
  const headers = { authorization: `Bearer ${adminKey}` }
  await using keyed = await openHost({ adminKey })
  await send(keyed, 'POST /v1/tenants', { json: { id: 'acme' }, headers })
  const { baton } = await pipe(keyed, 'acme', [execute('begin')], { headers })
  expect(await refusal('acme', { baton }, keyed)).toEqual([401, 'UNAUTHORIZED'])
  await pipe(keyed, 'acme', [execute('rollback'), { type: 'close' }], { baton, headers })
})

test('of two requests with one baton at once, one wins', async () => {
  const id = await newTenant()
  const { baton } = await pipe(bed, id, BEGIN)
  const json = { baton, requests: [execute("insert into item values ('b')"), ...COMMIT] }
  const replies = await Promise.all([1, 2, 3].map(() => send(bed, `POST /t/${id}/v3/pipeline`, { json })))
  expect(replies.map(({ status }) => status).sort()).toEqual([200, 400, 400])
  expect(await rowsOf(bed, id, 'select name from item')).toEqual([['a'], ['b']])
})

test('a baton whose transaction has expired is answered with that, once', async () => {
  const id = await newTenant()
  const { baton } = await pipe(bed, id, BEGIN)
  clock.advance(5_000)
  expect(await refusal(id, { baton })).toEqual([400, 'TRANSACTION_EXPIRED'])
  expect(await refusal(id, { baton })).toEqual(REFUSED)
  expect(await rowsOf(bed, id, 'select name from item')).toEqual([])
})

test('a stream without a transaction lives on after a pause of a transaction', async () => {
  const id = await newTenant()
  const { baton } = await pipe(bed, id, [execute('select 1')])
  clock.advance(30_000)
  expect((await pipe(bed, id, [execute('select 1'), { type: 'close' }], { baton })).results).toHaveLength(2)
})

test('a stream that nobody used for a minute is gone', async () => {
  const id = await newTenant()
  const { baton } = await pipe(bed, id, [execute('select 1')])
  clock.advance(66_000)
  expect(await refusal(id, { baton })).toEqual(REFUSED)
})

test('a baton does not outlive its tenant, whatever is asked with it', async () => {
  for (const verb of ['delete', 'replace'] as const) {
    const id = await newTenant()
    const open = () => pipe(bed, id, [execute('select * from item'), { type: 'store_sql', sql_id: 1, sql: 'select 1' }])
    const [one, two] = [await open(), await open()]
    const inTransaction = await pipe(bed, id, BEGIN)
    await (verb === 'delete' ? deleteAndCreate(id) : replace(id))
    expect(await refusal(id, one)).toEqual(REFUSED)
    const json = { baton: two.baton, requests: [{ type: 'get_autocommit' }, { type: 'close' }] }
    expect((await send(bed, `POST /t/${id}/v3/pipeline`, { json })).status).toBe(400)
    expect(await refusal(id, inTransaction)).toEqual(
      verb === 'delete' ? [404, 'TENANT_NOT_FOUND'] : [409, 'TENANT_IN_TRANSITION'],
    )
  }
})

async function deleteAndCreate(id: string): Promise<void> {
  expect((await send(bed, `DELETE /v1/tenants/${id}`)).status).toBe(200)
  await createTenants(bed, id)
}

async function replace(id: string): Promise<void> {
  const donor = await newTenant()
  const file = await (await bed.fetch(new Request(`http://127.0.0.1/v1/tenants/${donor}/export`))).arrayBuffer()
  const headers = { 'content-type': 'application/vnd.sqlite3' }
  expect((await send(bed, `PUT /v1/tenants/${id}/import`, { body: file, headers })).status).toBe(200)
}

test('a tenant opens 256 streams and no more, and closing one makes room', async () => {
  const [id, other] = [await newTenant(), await newTenant()]
  const batons: (string | null)[] = []
  for (let index = 0; index < 256; index += 1) batons.push((await pipe(bed, id, [])).baton)
  const reply = await send(bed, `POST /t/${id}/v2/pipeline`, { json: { requests: [] } })
  expect([reply.status, member(reply.json, 'code')]).toEqual([503, 'OVERLOADED'])
  expect(reply.headers.get('retry-after')).toBe('1')
  expect((await pipe(bed, other, [])).baton).not.toBeNull()
  await pipe(bed, id, [{ type: 'close' }], { baton: batons[0] ?? null })
  expect((await pipe(bed, id, [])).baton).not.toBeNull()
})

test('a stream of one request takes no place', async () => {
  const id = await newTenant()
  for (let index = 0; index < 300; index += 1) await pipe(bed, id, [{ type: 'close' }])
  for (let index = 0; index < 300; index += 1) await send(bed, `POST /t/nobody/v2/pipeline`, { json: { requests: [] } })
  expect((await pipe(bed, id, [])).baton).not.toBeNull()
})

test('a stream whose client has gone frees its tenant after 5 s', async () => {
  const id = await newTenant()
  await pipe(bed, id, BEGIN)
  const waiting = rowsOf(bed, id, 'select count(*) from item')
  clock.advance(5_000)
  expect(await waiting).toEqual([[0]])
})

test('foreign keys that a stream switched off are on for everybody else', async () => {
  const id = await newTenant()
  await pipe(bed, id, [execute('create table part (n references item (rowid))'), { type: 'close' }])
  const off = await pipe(bed, id, [execute('pragma foreign_keys = off')])
  expect(await rowsOf(bed, id, 'pragma foreign_keys')).toEqual([[1]])
  const own = await pipe(bed, id, [execute('pragma foreign_keys'), { type: 'close' }], { baton: off.baton })
  expect(own.results[0]).toMatchObject({ response: { result: { rows: [[{ value: '0' }]] } } })
})

test('a host that closes rolls back what is open, and keeps no stream of a request that is under way', async () => {
  const own = await openHost({ clock: new ManualClock() })
  await createTenants(own, 'acme')
  await pipe(own, 'acme', [execute('create table item (name text)'), ...BEGIN])
  const underWay = pipe(own, 'acme', BEGIN)
  await expect.poll(() => metric(own, 'tenax_streams')).toBe('2')
  const closing = own[Symbol.asyncDispose]()
  const { baton, results } = await underWay
  expect(baton).toBeNull()
  expect(results).toMatchObject([{ type: 'ok' }, { type: 'ok' }])
  await closing
})

async function metric(from: HostBed, name: string): Promise<string | undefined> {
  const { text } = await send(from, 'GET /metrics')
  return new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1]
}
