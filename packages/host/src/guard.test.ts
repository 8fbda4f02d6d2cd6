/** Who may come in: no web page without a key, and nobody but its holder with one. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTenants, type HostBed, member, openHost, readReply, rowsOf } from './fixtures/host-bed.ts'

const ADMIN_KEY = 'k3y-of-a-test-that-is-long-enough'

let open: HostBed
let keyed: HostBed
beforeAll(async () => {
  open = await openHost()
  keyed = await openHost({ adminKey: ADMIN_KEY })
  await createTenants(open, 'acme')
})
afterAll(async () => {
  await open[Symbol.asyncDispose]()
  await keyed[Symbol.asyncDispose]()
})

/** Status and code of a request with exactly these headers. */
async function answer(bed: HostBed, route: string, headers: Record<string, string> = {}, body?: string) {
  const [method = '', path = ''] = route.split(' ')
  const bytes = body === undefined ? {} : { body: new TextEncoder().encode(body) }
  const request = new Request(`http://127.0.0.1:8787${path}`, { method, headers, ...bytes })
  const { status, json, headers: answered } = await readReply(await bed.fetch(request))
  return { status, code: member(json, 'code'), headers: answered }
}

const LIST = 'GET /v1/tenants'
const QUERY = 'POST /t/acme/query'
const SELECT = '{"sql":"select 1"}'
const JSON_TYPE = { 'content-type': 'application/json' }

test.for([
  'localhost',
  'LOCALHOST',
  'localhost:8787',
  '127.0.0.1',
  '127.0.0.1:1',
  '127.0.0.1:65535',
  '[::1]',
  '[::1]:8787',
])('without a key the Host %s is let in', async (host) => {
  expect((await answer(open, LIST, { host })).status).toBe(200)
})

test.for([
  'evil.com',
  'evil.com:8787',
  'localhost.evil.com',
  '127.0.0.1.evil.com',
  '127.0.0.1.nip.io:8787',
  'evil.com:80:127.0.0.1',
  'evil.com#localhost',
  'localhost@evil.com',
  'user@localhost',
  'localhost.',
  'localhost:',
  'localhost:8787x',
  'localhost:8787:8787',
  'xlocalhost',
  '127.0.0.2',
  '127.1',
  '2130706433',
  '0x7f.0.0.1',
  '0.0.0.0',
  '[::]',
  '[::ffff:127.0.0.1]',
  '::1',
  'localhost, evil.com',
  '',
])('without a key the Host %o is refused', async (host) => {
  expect(await answer(open, LIST, { host })).toMatchObject({ status: 403, code: 'host_forbidden' })
  const hrana = await answer(open, 'POST /t/acme/v2/pipeline', { host, ...JSON_TYPE }, '{"requests":[]}')
  expect(hrana).toMatchObject({ status: 403, code: 'HOST_FORBIDDEN' })
})

test.for([
  ['127.0.0.1:8787', 'http://127.0.0.1:8787'],
  ['127.0.0.1:8787', 'https://127.0.0.1:8787'],
  ['localhost:8787', 'http://LOCALHOST:8787'],
  ['localhost', 'http://localhost'],
  ['[::1]:8787', 'http://[::1]:8787'],
] as const)('a page that %s itself has served is let in', async ([host, origin]) => {
  expect((await answer(open, QUERY, { host, origin, ...JSON_TYPE }, SELECT)).status).toBe(200)
})

test.for([
  ['127.0.0.1:8787', 'http://evil.com'],
  ['127.0.0.1:8787', 'https://evil.com:8787'],
  ['127.0.0.1:8787', 'http://127.0.0.1:3000'],
  ['127.0.0.1:8787', 'http://127.0.0.1'],
  ['127.0.0.1:8787', 'http://localhost:8787'],
  ['127.0.0.1:8787', 'http://127.0.0.1:8787.evil.com'],
  ['127.0.0.1:8787', 'http://127.0.0.1:8787/'],
  ['127.0.0.1:8787', 'http://127.0.0.1:8787, http://evil.com'],
  ['127.0.0.1:8787', 'ftp://127.0.0.1:8787'],
  ['127.0.0.1:8787', 'chrome-extension://abcdef'],
  ['127.0.0.1:8787', 'null'],
  ['127.0.0.1:8787', ''],
] as const)('to %s the Origin %o is refused, whatever it asks', async ([host, origin]) => {
  const refused = { status: 403, code: 'origin_forbidden' }
  expect(await answer(open, LIST, { host, origin })).toMatchObject(refused)
  expect(await answer(open, QUERY, { host, origin, ...JSON_TYPE }, SELECT)).toMatchObject(refused)
  expect(await answer(open, 'DELETE /v1/tenants/acme', { host, origin, ...JSON_TYPE })).toMatchObject(refused)
})

test.for([
  undefined,
  '',
  ' ',
  ';',
  'text/plain',
  'TEXT/Plain',
  'text/plain;charset=UTF-8',
  'text/plain ; application/json',
  'multipart/form-data; boundary=x',
  'application/x-www-form-urlencoded',
  'application/x-www-form-urlencoded;charset=utf-8',
])('a mutation with content type %o is refused', async (type) => {
  const headers: Record<string, string> = type === undefined ? {} : { 'content-type': type }
  for (const route of ['POST /v1/tenants', 'POST /v1/tenants/acme/suspend', 'DELETE /v1/tenants/acme', QUERY]) {
    const body = route.startsWith('DELETE') ? undefined : SELECT
    expect(await answer(open, route, headers, body)).toMatchObject({ status: 415, code: 'content_type_unsupported' })
  }
  expect((await answer(open, 'PUT /v1/tenants/new/import', headers, 'x')).status).toBe(415)
  expect((await answer(open, 'POST /t/acme/v3/pipeline', headers, '{"requests":[]}')).status).toBe(415)
  expect(await rowsOf(open, 'acme', 'select 1')).toEqual([[1]])
})

test.for(['application/json', 'application/json; charset=utf-8', 'APPLICATION/JSON', 'application/vnd.api+json'])(
  'a mutation with content type %s is let in',
  async (type) => {
    expect((await answer(open, QUERY, { 'content-type': type }, SELECT)).status).toBe(200)
  },
)

test('a preflight gets no permission', async () => {
  for (const [origin, bed] of [
    ['http://evil.com', open],
    ['http://127.0.0.1:8787', open],
    ['http://evil.com', keyed],
  ] as const) {
    const asked = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' }
    const { status, headers } = await answer(bed, 'OPTIONS /v1/tenants', { origin, ...asked })
    expect(status).toBeGreaterThanOrEqual(400)
    expect([...headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([])
  }
})

test('no answer lets a page of another origin read it', async () => {
  const { headers } = await answer(open, LIST, { origin: 'http://127.0.0.1:8787' })
  expect(headers.has('access-control-allow-origin')).toBe(false)
})

test.for([`Bearer ${ADMIN_KEY}`, `bearer ${ADMIN_KEY}`, `BEARER ${ADMIN_KEY}`, `Bearer  ${ADMIN_KEY}`])(
  'the right key is let in as %o, from anywhere',
  async (authorization) => {
    expect((await answer(keyed, LIST, { authorization })).status).toBe(200)
    expect((await answer(keyed, LIST, { authorization, host: 'db.example.com', origin: 'http://x' })).status).toBe(200)
  },
)

test.for([
  undefined,
  '',
  'Bearer',
  'Bearer ',
  `Bearer ${ADMIN_KEY}x`,
  `Bearer ${ADMIN_KEY.slice(0, -1)}`,
  `Bearer ${ADMIN_KEY.toUpperCase()}`,
  `Bearer ${ADMIN_KEY} trailing`,
  `Bearer ${ADMIN_KEY},Bearer x`,
  `Bearer x ${ADMIN_KEY}`,
  `Bearer\t${ADMIN_KEY}`,
  `Basic ${ADMIN_KEY}`,
  `Basic ${Buffer.from(`admin:${ADMIN_KEY}`).toString('base64')}`,
  ADMIN_KEY,
  'Bearer undefined',
  'Bearer null',
])('the key %o is refused, on every route', async (authorization) => {
  const headers = { ...JSON_TYPE, ...(authorization === undefined ? {} : { authorization }) }
  for (const route of [
    LIST,
    'GET /metrics',
    'GET /v1/openapi.json',
    'GET /t/acme/v2',
    'DELETE /v1/tenants/acme',
    'GET /x',
  ]) {
    const refused = await answer(keyed, route, headers)
    expect(refused).toMatchObject({ status: 401, code: 'unauthorized' })
    expect(refused.headers.get('www-authenticate')).toBe('Bearer realm="tenax"')
  }
  const hrana = await answer(keyed, 'POST /t/acme/v2/pipeline', headers, '{"requests":[]}')
  expect(hrana).toMatchObject({ status: 401, code: 'UNAUTHORIZED' })
})

test('health and readiness are told to anybody, and the metrics to who may come in', async () => {
  for (const bed of [open, keyed]) {
    expect((await answer(bed, 'GET /healthz', { host: 'probe' })).status).toBe(200)
    expect((await answer(bed, 'GET /readyz', { host: 'probe' })).status).toBe(200)
  }
  expect((await answer(open, 'GET /metrics')).status).toBe(200)
  expect((await answer(open, 'GET /metrics', { host: 'evil.com' })).status).toBe(403)
  expect((await answer(keyed, 'GET /metrics', { authorization: `Bearer ${ADMIN_KEY}` })).status).toBe(200)
})

test('an embedder that guards by itself switches the guard off', async () => {
  await using bed = await openHost({ guard: 'off' })
  expect((await answer(bed, LIST, { host: 'app.example.com', origin: 'http://evil.com' })).status).toBe(200)
})

test('a guard that is off does not switch off the key', async () => {
  await using bed = await openHost({ guard: 'off', adminKey: ADMIN_KEY })
  expect((await answer(bed, LIST)).status).toBe(401)
})
