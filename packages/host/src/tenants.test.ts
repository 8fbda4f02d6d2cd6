/** `/v1/tenants` over HTTP: create, get, list, suspend, resume, stats, delete; and how failures look. */
import { ManualClock } from '@tenax/kernel'
import { deleteReceiptSchema, tenantPageSchema, tenantSchema, tenantStatsSchema } from '@tenax/protocol'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTenants, type HostBed, member, openHost, pipe, rowsOf, send } from './fixtures/host-bed.ts'

const NOW_MS = Date.parse('2026-11-22T12:00:00.000Z')

let bed: HostBed
beforeAll(async () => {
  bed = await openHost({ clock: new ManualClock(NOW_MS) })
})
afterAll(() => bed[Symbol.asyncDispose]())

/** Status and code of a request that fails. */
async function failure(route: string, sending: Parameters<typeof send>[2] = {}): Promise<unknown> {
  const { status, json } = await send(bed, route, sending)
  return [status, member(json, 'code')]
}

test('a tenant is created with 201, its place, and what it is', async () => {
  const reply = await send(bed, 'POST /v1/tenants', { json: { id: 'made' } })
  expect(reply.status).toBe(201)
  expect(reply.headers.get('location')).toBe('/v1/tenants/made')
  const made = tenantSchema.parse(reply.json)
  expect(made).toEqual({
    id: 'made',
    incarnation: expect.stringMatching(/^[a-z0-9]{20}$/),
    state: 'warm',
    createdAt: '2026-11-22T12:00:00.000Z',
    suspendedAt: null,
    quarantineReason: null,
    durability: null,
    provenAt: null,
    provenManifest: null,
    snapshotDamage: null,
    url: '/t/made/',
  })
  expect((await send(bed, 'GET /v1/tenants/made')).json).toEqual(made)
})

test('a tenant that exists cannot be created again, and keeps its rows', async () => {
  await createTenants(bed, 'twice')
  await rowsOf(bed, 'twice', 'create table kept (a)')
  expect(await failure('POST /v1/tenants', { json: { id: 'twice' } })).toEqual([409, 'tenant_exists'])
  expect(await rowsOf(bed, 'twice', 'select count(*) from kept')).toEqual([[0]])
})

test('of many who create one tenant at once, one does', async () => {
  const replies = await Promise.all(
    Array.from({ length: 8 }, () => send(bed, 'POST /v1/tenants', { json: { id: 'raced' } })),
  )
  expect(replies.filter(({ status }) => status === 201)).toHaveLength(1)
  expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([201, 409]))
})

test.for([
  'GET /v1/tenants/nobody',
  'DELETE /v1/tenants/nobody',
  'POST /v1/tenants/nobody/suspend',
  'POST /v1/tenants/nobody/resume',
  'GET /v1/tenants/nobody/stats',
  'GET /v1/tenants/nobody/export',
])('%s is 404 tenant_not_found', async (route) => {
  expect(await failure(route)).toEqual([404, 'tenant_not_found'])
})

test.for([
  'GET /',
  'GET /v1',
  'GET /v1/nothing',
  'PUT /v1/tenants',
  'PUT /v1/tenants/made',
  'POST /v1/tenants/made/freeze',
  'GET /t/made',
  'GET /t/made/query',
  'POST /t/made/v4/pipeline',
  'GET /v1/tenants/made/suspend',
])('%s is 404 route_not_found', async (route) => {
  expect(await failure(route)).toEqual([404, 'route_not_found'])
})

test.for(['POST /t/v2/pipeline', 'POST /t/v3/pipeline', 'POST /t/v3/cursor', 'GET /t/v2', 'GET /t/v3', 'GET /t/v1/x'])(
  '%s is 404 missing_trailing_slash',
  async (route) => {
    const { status, json } = await send(bed, route)
    expect([status, String(member(json, 'code')).toLowerCase()]).toEqual([404, 'missing_trailing_slash'])
  },
)

test('a failure is problem details with a stable code, a title, what happened, and what to do', async () => {
  const { status, headers, json } = await send(bed, 'GET /v1/tenants/nobody')
  expect(headers.get('content-type')).toBe('application/problem+json')
  expect(json).toEqual({
    type: 'https://tenax.dev/errors/tenant_not_found',
    title: 'There is no such thing',
    status,
    detail: 'there is no tenant "nobody"',
    code: 'tenant_not_found',
    hint: expect.any(String),
  })
})

test('suspend refuses work on one tenant until resume, and both may be repeated', async () => {
  await createTenants(bed, 'pausing', 'neighbour')
  for (let time = 0; time < 2; time += 1) {
    const { status, json } = await send(bed, 'POST /v1/tenants/pausing/suspend')
    expect(status).toBe(200)
    expect(tenantSchema.parse(json)).toMatchObject({ state: 'suspended', suspendedAt: '2026-11-22T12:00:00.000Z' })
  }
  expect(await failure('POST /t/pausing/query', { json: { sql: 'select 1' } })).toEqual([423, 'tenant_suspended'])
  expect(await failure('GET /v1/tenants/pausing/export')).toEqual([423, 'tenant_suspended'])
  expect((await send(bed, 'GET /v1/tenants/pausing')).json).toMatchObject({ state: 'suspended' })
  expect(await rowsOf(bed, 'neighbour', 'select 1')).toEqual([[1]])
  for (let time = 0; time < 2; time += 1) {
    const { status, json } = await send(bed, 'POST /v1/tenants/pausing/resume')
    expect([status, member(json, 'state'), member(json, 'suspendedAt')]).toEqual([200, 'warm', null])
  }
  expect(await rowsOf(bed, 'pausing', 'select 1')).toEqual([[1]])
})

test('delete answers a receipt, and the tenant is gone', async () => {
  await createTenants(bed, 'leaving')
  const made = tenantSchema.parse((await send(bed, 'GET /v1/tenants/leaving')).json)
  const { status, json } = await send(bed, 'DELETE /v1/tenants/leaving')
  expect(status).toBe(200)
  expect(deleteReceiptSchema.parse(json)).toEqual({
    id: 'leaving',
    incarnation: made.incarnation,
    deletedAt: '2026-11-22T12:00:00.000Z',
    remains: [{ where: 'local_ledger', until: null, note: expect.stringContaining('trimmed') }],
  })
  expect(await failure('GET /v1/tenants/leaving')).toEqual([404, 'tenant_not_found'])
  expect(await failure('DELETE /v1/tenants/leaving')).toEqual([404, 'tenant_not_found'])
  expect(await failure('POST /t/leaving/query', { json: { sql: 'select 1' } })).toEqual([404, 'tenant_not_found'])
})

test('delete and create again: no old row, no old table, no old baton, another incarnation', async () => {
  await createTenants(bed, 'again')
  const old = tenantSchema.parse((await send(bed, 'GET /v1/tenants/again')).json)
  await rowsOf(bed, 'again', 'create table secret (a)')
  await rowsOf(bed, 'again', "insert into secret values ('old')")
  const { baton } = await pipe(bed, 'again', [{ type: 'store_sql', sql_id: 1, sql: 'select * from secret' }])
  await send(bed, 'DELETE /v1/tenants/again')
  await createTenants(bed, 'again')
  const made = tenantSchema.parse((await send(bed, 'GET /v1/tenants/again')).json)
  expect(made.incarnation).not.toBe(old.incarnation)
  expect(await failure('POST /t/again/query', { json: { sql: 'select * from secret' } })).toEqual([400, 'sql_error'])
  const json = { baton, requests: [{ type: 'execute', stmt: { sql_id: 1 } }] }
  expect(await failure('POST /t/again/v2/pipeline', { json })).toEqual([400, 'BATON_INVALID'])
  expect(await rowsOf(bed, 'again', "select count(*) from sqlite_schema where tbl_name not like 'tenax_%'")).toEqual([
    [0],
  ])
})

test('stats count pages, and tell whether the file was open', async () => {
  await createTenants(bed, 'counted')
  await rowsOf(bed, 'counted', 'create table big as select zeroblob(100000) as b')
  const before = tenantStatsSchema.parse((await send(bed, 'GET /v1/tenants/counted/stats')).json)
  expect(before).toMatchObject({ id: 'counted', pageBytes: 4096, open: true, pageCountMax: 262_144 })
  expect(before.fileBytes).toBe(before.pageCount * 4096)
  expect(before.pageCount).toBeGreaterThan(25)
  await rowsOf(bed, 'counted', 'drop table big')
  const after = tenantStatsSchema.parse((await send(bed, 'GET /v1/tenants/counted/stats')).json)
  expect(BigInt(after.lsn)).toBe(BigInt(before.lsn) + 1n)
  expect(after.lineage).toBe(before.lineage)
})

test('a list is sorted, comes in pages, and follows its cursor to the end', async () => {
  const ids = ['page-c', 'page-a', 'page-e', 'page-b', 'page-d']
  await createTenants(bed, ...ids)
  const seen: string[] = []
  let cursor: string | null = ''
  while (cursor !== null) {
    const after: string = cursor === '' ? '' : `&cursor=${cursor}`
    const { json } = await send(bed, `GET /v1/tenants?prefix=page-&limit=2${after}`)
    const page = tenantPageSchema.parse(json)
    expect(page.tenants.length).toBeLessThanOrEqual(2)
    seen.push(...page.tenants.map(({ id }) => id))
    cursor = page.nextCursor
  }
  expect(seen).toEqual(ids.toSorted())
})

test('a list goes by prefix and by state', async () => {
  await createTenants(bed, 'list-1', 'list-2', 'list_3')
  await send(bed, 'POST /v1/tenants/list-2/suspend')
  const idsOf = async (query: string) => {
    const { json } = await send(bed, `GET /v1/tenants?${query}`)
    return tenantPageSchema.parse(json).tenants.map(({ id }) => id)
  }
  expect(await idsOf('prefix=list')).toEqual(['list-1', 'list-2', 'list_3'])
  expect(await idsOf('prefix=list_')).toEqual(['list_3'])
  expect(await idsOf('prefix=list&state=suspended')).toEqual(['list-2'])
  expect(await idsOf('prefix=list&state=warm')).toEqual(['list-1', 'list_3'])
  expect(await idsOf('prefix=list&state=archived')).toEqual([])
  expect(await idsOf('prefix=nothing-begins-so')).toEqual([])
})

test.for([
  ['limit=0', 'argument_invalid'],
  ['limit=1001', 'argument_invalid'],
  ['limit=-1', 'argument_invalid'],
  ['limit=1.5', 'argument_invalid'],
  ['limit=', 'argument_invalid'],
  ['limit=ten', 'argument_invalid'],
  ['limit=1e2', 'argument_invalid'],
  ['state=open', 'argument_invalid'],
  ['prefix=%25', 'argument_invalid'],
  ['prefix=..', 'argument_invalid'],
  ['prefix=A', 'argument_invalid'],
  ['cursor=', 'argument_invalid'],
  [`cursor=${'a'.repeat(513)}`, 'argument_invalid'],
  ['cursor=!!!', 'cursor_invalid'],
  ['cursor=Li4vLi4', 'cursor_invalid'],
] as const)('a list with %s is refused', async ([query, code]) => {
  expect(await failure(`GET /v1/tenants?${query}`)).toEqual([400, code])
})

test.for([
  ['no body', ''],
  ['text', 'acme'],
  ['half of JSON', '{"id":"acme"'],
  ['an array', '[]'],
  ['a string', '"acme"'],
  ['null', 'null'],
  ['an object without an id', '{}'],
  ['an id of another type', '{"id":7}'],
  ['bytes that are no text', '\u0000'],
] as const)('a body of %s is refused', async ([, body]) => {
  expect(await failure('POST /v1/tenants', { body })).toEqual([400, 'body_invalid'])
})

test('a refusal names each wrong member of the body', async () => {
  const { json } = await send(bed, 'POST /t/made/query', { json: { sql: 7, args: [{}] } })
  expect(member(json, 'issues')).toEqual([
    { path: '/sql', message: expect.any(String) },
    { path: '/args/0', message: expect.any(String) },
  ])
})

test('a body over 4 MiB is refused, declared or not, and not read to its end', async () => {
  const headers = { 'content-type': 'application/json', 'content-length': String(17 * 1024 * 1024) }
  expect(await failure('POST /v1/tenants', { body: '{}', headers })).toEqual([413, 'body_too_large'])
  let pulled = 0
  let cancelled = false
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      pulled += 1
      controller.enqueue(new Uint8Array(1024 * 1024).fill(32))
    },
    cancel() {
      cancelled = true
    },
  })
  expect(await failure('POST /v1/tenants', { body: endless })).toEqual([413, 'body_too_large'])
  expect(cancelled).toBe(true)
  expect(pulled).toBeLessThan(25)
})

test('a body in pieces that cut a character in two is read as one', async () => {
  const bytes = new TextEncoder().encode(JSON.stringify({ sql: "select 'é👩' as x" }))
  const pieces = ReadableStream.from([...bytes].map((byte) => Uint8Array.of(byte)))
  await createTenants(bed, 'pieces')
  const { json } = await send(bed, 'POST /t/pieces/query', { body: pieces })
  expect(member(json, 'rows')).toEqual([['é👩']])
})
