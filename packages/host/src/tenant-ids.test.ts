/** What is no tenant id is refused by every route that takes one, before any path is built from it. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { isTenaxError } from '@tenax/kernel'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTenants, type HostBed, member, openHost, send } from './fixtures/host-bed.ts'

const CORPUS: unknown = JSON.parse(readFileSync(new URL('./fixtures/tenant-ids.json', import.meta.url), 'utf8'))

const IDS = Object.values(typeof CORPUS === 'object' && CORPUS !== null ? CORPUS : {})
  .flat()
  .map(String)

const CODES = new Set(['tenant_id_invalid', 'tenant_id_reserved'])

/** Codes of an id in a path: one with slashes may make another path of it. */
const PATH_CODES = new Set([...CODES, 'route_not_found', 'missing_trailing_slash'])

/** Every id with its text in JSON, since a title of a test must not hold control characters. */
const TITLED = IDS.map((id) => [JSON.stringify(id), id] as const)

/** False for what a URL parser takes out of a path (`.`, `%2e%2e`) before any server sees it. */
function staysInPath(id: string): boolean {
  return new URL(`http://host/t/${id}/query`).pathname === `/t/${id}/query`
}

let bed: HostBed
let before: readonly string[]
beforeAll(async () => {
  bed = await openHost()
  await createTenants(bed, 'acme', 'other')
  before = everythingIn(bed.dataPath)
})
afterAll(() => bed[Symbol.asyncDispose]())

/** Every entry below a directory, with the sizes of files. */
function everythingIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const entry = statSync(join(directory, name))
      return entry.isDirectory() ? `${name}/` : name
    })
}

const ROUTES = [
  'GET /v1/tenants/:id',
  'DELETE /v1/tenants/:id',
  'POST /v1/tenants/:id/suspend',
  'POST /v1/tenants/:id/resume',
  'GET /v1/tenants/:id/stats',
  'GET /v1/tenants/:id/export',
  'PUT /v1/tenants/:id/import',
  'GET /t/:id/v2',
  'GET /t/:id/v3',
  'POST /t/:id/query',
  'POST /t/:id/v2/pipeline',
  'POST /t/:id/v3/pipeline',
  'POST /t/:id/v3/cursor',
] as const

const BODIES: Readonly<Record<string, unknown>> = {
  query: { sql: 'create table broken_in (a)' },
  pipeline: { requests: [{ type: 'execute', stmt: { sql: 'create table broken_in (a)' } }, { type: 'close' }] },
  cursor: { batch: { steps: [{ stmt: { sql: 'create table broken_in (a)' } }] } },
}

/** The code that a route answers when `id` stands in its path, escaped or as it is. */
async function codeAt(route: string, id: string): Promise<string> {
  const verb = route.split('/').at(-1) ?? ''
  const isImport = verb === 'import'
  const reply = await send(
    bed,
    route.replace(':id', () => id),
    {
      ...(route.startsWith('GET') || route.startsWith('DELETE') ? {} : { json: BODIES[verb] ?? {} }),
      headers: isImport ? { 'content-type': 'application/vnd.sqlite3' } : {},
    },
  )
  expect(reply.status, reply.text).toBeGreaterThanOrEqual(400)
  expect(reply.status, reply.text).toBeLessThan(500)
  return String(member(reply.json, 'code')).toLowerCase()
}

test('the corpus has at least 60 ids', () => {
  expect(new Set(IDS).size).toBeGreaterThanOrEqual(60)
})

test.for(TITLED)('POST /v1/tenants refuses to create %s', async ([, id]) => {
  const { status, json } = await send(bed, 'POST /v1/tenants', { json: { id } })
  expect(status).toBe(400)
  expect(CODES).toContain(member(json, 'code'))
})

test.for(TITLED)('the embedded host refuses %s', ([, id]) => {
  let thrown: unknown
  try {
    bed.tenax.tenant(id)
  } catch (error) {
    thrown = error
  }
  expect(isTenaxError(thrown) && CODES.has(thrown.code)).toBe(true)
})

test.for(TITLED.filter(([, id]) => id !== '' && staysInPath(encodeURIComponent(id))))(
  'every route refuses %s, escaped in its path',
  async ([, id]) => {
    for (const route of ROUTES) {
      expect([...CODES, 'missing_trailing_slash'], route).toContain(await codeAt(route, encodeURIComponent(id)))
    }
  },
)

test.for(TITLED.filter(([, id]) => staysInPath(id) && !/^[/]*(acme)?[/]*$/.test(id)))(
  'every route refuses %s, as it is in its path',
  async ([, id]) => {
    for (const route of ROUTES) expect(PATH_CODES, route).toContain(await codeAt(route, id))
  },
)

test.for([1, null, true, [], ['acme'], { id: 'acme' }, undefined])('POST /v1/tenants refuses the id %o', async (id) => {
  const { status, json } = await send(bed, 'POST /v1/tenants', { json: { id } })
  expect([status, member(json, 'code')]).toEqual([400, 'body_invalid'])
})

test('after all that, nothing was created, removed or changed on disk, and no error was the server’s', async () => {
  expect(everythingIn(bed.dataPath)).toEqual(before)
  expect(bed.errors).toEqual([])
  const { json } = await send(bed, 'GET /v1/tenants')
  expect(json).toMatchObject({ tenants: [{ id: 'acme' }, { id: 'other' }], nextCursor: null })
  const { text } = await send(bed, 'POST /t/acme/query', {
    json: { sql: "select count(*) from sqlite_schema where name = 'broken_in'" },
  })
  expect(text).toContain('"rows":[[0]]')
})

test.for([
  'a',
  '0',
  'a1',
  'a-b',
  'a_b',
  'con',
  'nul',
  'null',
  'undefined',
  'constructor',
  'v0',
  'v4',
  'v11',
  'a'.repeat(63),
])('the id %s is taken', async (id) => {
  await createTenants(bed, id)
  expect((await send(bed, `DELETE /v1/tenants/${id}`)).status).toBe(200)
})
