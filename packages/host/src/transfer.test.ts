/** Export and import over HTTP: whole files in and out, half of one, and the file that SQLite's own shell would write. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { ManualClock } from '@tenax/kernel'
import { tenantSchema } from '@tenax/protocol'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTenants, type HostBed, member, ORIGIN, openHost, type Reply, rowsOf, send } from './fixtures/host-bed.ts'

const clock = new ManualClock()
let bed: HostBed
let fileCount = 0
beforeAll(async () => {
  bed = await openHost({ clock, importBytesMax: 8 * 1024 * 1024 })
})
afterAll(() => bed[Symbol.asyncDispose]())

const SQLITE = { 'content-type': 'application/vnd.sqlite3' }

async function exportOf(id: string): Promise<Buffer<ArrayBuffer>> {
  const response = await bed.fetch(new Request(`${ORIGIN}/v1/tenants/${id}/export`))
  expect(response.status).toBe(200)
  return Buffer.from(await response.arrayBuffer())
}

function importTo(id: string, body: Uint8Array<ArrayBuffer>, headers: Record<string, string> = SQLITE): Promise<Reply> {
  return send(bed, `PUT /v1/tenants/${id}/import`, { body, headers })
}

/** The bytes of a database that node:sqlite makes of a script. */
function fileOf(script: string): Buffer<ArrayBuffer> {
  fileCount += 1
  const path = join(bed.dataPath, 'uploads', `made-${fileCount}`)
  const db = new DatabaseSync(path)
  db.exec(script)
  db.close()
  return Buffer.from(readFileSync(path))
}

/** Rows that node:sqlite reads from the bytes of a file. */
function readFile(bytes: Uint8Array, sql: string): unknown[] {
  fileCount += 1
  const path = join(bed.dataPath, 'uploads', `read-${fileCount}`)
  writeFileSync(path, bytes)
  using db = new DatabaseSync(path, { readOnly: true })
  return db
    .prepare(sql)
    .all()
    .map((row) => Object.values(row))
}

/** A tenant with a file of some 3 MB. */
async function largeTenant(id: string): Promise<void> {
  await createTenants(bed, id)
  await rowsOf(bed, id, 'create table big (b)')
  await rowsOf(bed, id, 'insert into big values (zeroblob(3000000))')
}

test('an export is one ordinary SQLite file, named and sized', async () => {
  await createTenants(bed, 'source')
  await rowsOf(bed, 'source', 'create table item (name text)')
  await rowsOf(bed, 'source', "insert into item values ('a'), ('b')")
  const response = await bed.fetch(new Request(`${ORIGIN}/v1/tenants/source/export`))
  expect(response.headers.get('content-type')).toBe('application/vnd.sqlite3')
  expect(response.headers.get('content-disposition')).toBe('attachment; filename="source.sqlite"')
  const bytes = Buffer.from(await response.arrayBuffer())
  expect(response.headers.get('content-length')).toBe(String(bytes.byteLength))
  expect(readFile(bytes, 'pragma integrity_check')).toEqual([['ok']])
  expect(readFile(bytes, 'pragma journal_mode')).toEqual([['delete']])
  expect(readFile(bytes, 'select name from item')).toEqual([['a'], ['b']])
})

test('an import creates a tenant with 201 and replaces one with 200 under a new incarnation', async () => {
  const made = await importTo('imported', fileOf("create table one (a); insert into one values ('first')"))
  expect(made.status).toBe(201)
  const first = tenantSchema.parse(made.json)
  expect(first).toMatchObject({ id: 'imported', state: 'warm' })
  expect(await rowsOf(bed, 'imported', 'select a from one')).toEqual([['first']])
  const replaced = await importTo('imported', fileOf("create table two (a); insert into two values ('second')"))
  expect(replaced.status).toBe(200)
  expect(tenantSchema.parse(replaced.json).incarnation).not.toBe(first.incarnation)
  expect(await rowsOf(bed, 'imported', 'select a from two')).toEqual([['second']])
  expect(await rowsOf(bed, 'imported', "select count(*) from sqlite_schema where name = 'one'")).toEqual([[0]])
})

test('an export of one tenant is imported as another', async () => {
  await createTenants(bed, 'parent')
  await rowsOf(bed, 'parent', 'create table item (a integer, b real, c text, d blob)')
  await rowsOf(bed, 'parent', "insert into item values (9223372036854775807, 9e999, 'a' || char(0) || 'é', x'00ff')")
  expect((await importTo('child', await exportOf('parent'))).status).toBe(201)
  const sql = 'select a, b, hex(c), d from item'
  expect(await rowsOf(bed, 'child', sql)).toEqual(await rowsOf(bed, 'parent', sql))
})

test.for([
  ['of pages of 64 KiB', 'pragma page_size = 65536; create table item as select 7 as n'],
  ['of pages of 512 bytes', 'pragma page_size = 512; create table item as select 7 as n'],
  ['in WAL mode', 'pragma journal_mode = wal; create table item as select 7 as n'],
  ['without auto_vacuum', 'pragma auto_vacuum = none; create table item as select 7 as n'],
] as const)('a file %s is imported into pages of 4 KiB', async ([, script]) => {
  const id = `shaped-${fileCount}`
  expect((await importTo(id, fileOf(script))).status).toBe(201)
  expect(await rowsOf(bed, id, 'select n from item')).toEqual([[7]])
  expect(await rowsOf(bed, id, 'pragma page_size')).toEqual([[4096]])
  expect(readFile(await exportOf(id), 'pragma auto_vacuum')).toEqual([[2]])
})

test.for([
  'application/vnd.sqlite3',
  'Application/Vnd.Sqlite3',
  'application/x-sqlite3',
  'application/octet-stream',
  'application/octet-stream; charset=binary',
])('an import is taken as %s', async (type) => {
  expect((await importTo(`typed-${fileCount}`, fileOf('create table t (a)'), { 'content-type': type })).status).toBe(
    201,
  )
})

test.for(['application/json', 'application/sql', 'text/plain', 'image/png', ''])(
  'an import as %o is 415, and no tenant is made',
  async (type) => {
    const reply = await importTo('untyped', fileOf('create table t (a)'), { 'content-type': type })
    expect([reply.status, member(reply.json, 'code')]).toEqual([415, 'content_type_unsupported'])
    expect((await send(bed, 'GET /v1/tenants/untyped')).status).toBe(404)
  },
)

test.for<[string, () => Buffer<ArrayBuffer>, string]>([
  ['nothing', () => Buffer.alloc(0), 'not_sqlite'],
  ['a text', () => Buffer.from('create table t (a);'.repeat(20)), 'not_sqlite'],
  [
    'a cut-off file',
    () => fileOf('create table t (a); insert into t values (zeroblob(50000))').subarray(0, 9_000),
    'damaged',
  ],
  ['a file with a name of ours', () => fileOf('create table tenax_evil (a)'), 'reserved_name'],
  ['a UTF-16 file', () => fileOf("pragma encoding = 'UTF-16le'; create table t (a)"), 'encoding'],
])('an import of %s is refused with its reason, and the tenant is untouched', async ([, bytes, reason]) => {
  await send(bed, 'POST /v1/tenants', { json: { id: 'steady' } })
  await rowsOf(bed, 'steady', 'create table if not exists kept as select 7 as n')
  const { status, json } = await importTo('steady', bytes())
  expect([status, member(json, 'code'), member(json, 'reason')]).toEqual([400, 'import_invalid', reason])
  expect(await rowsOf(bed, 'steady', 'select n from kept')).toEqual([[7]])
  expect((await importTo('never', bytes())).status).toBe(400)
  expect((await send(bed, 'GET /v1/tenants/never')).status).toBe(404)
})

test('an import over its limit is 413, and nothing of it stays on disk', async () => {
  const before = readdirSync(join(bed.dataPath, 'uploads'))
  const reply = await importTo('huge', fileOf('create table t as select zeroblob(9000000) as b'))
  expect([reply.status, member(reply.json, 'code')]).toEqual([413, 'body_too_large'])
  const made = `made-${fileCount}`
  expect(readdirSync(join(bed.dataPath, 'uploads')).filter((name) => name !== made)).toEqual(before)
  expect((await send(bed, 'GET /v1/tenants/huge')).status).toBe(404)
})

test('an upload that breaks off changes nothing', async () => {
  await createTenants(bed, 'broken')
  await rowsOf(bed, 'broken', 'create table kept as select 7 as n')
  const head = fileOf('create table t (a)').subarray(0, 2_000)
  async function* breaking() {
    yield head
    throw new TypeError('the client has gone')
  }
  const [body, headers] = [ReadableStream.from(breaking()), SQLITE]
  const { status, json } = await send(bed, 'PUT /v1/tenants/broken/import', { body, headers })
  expect([status, member(json, 'code')]).toEqual([400, 'body_invalid'])
  expect(bed.errors).toEqual([])
  expect(await rowsOf(bed, 'broken', 'select n from kept')).toEqual([[7]])
})

/** Handles that somebody uses. */
async function pinnedHandles(): Promise<string | undefined> {
  const { text } = await send(bed, 'GET /metrics')
  return /^tenax_handles\{state="pinned"\} (\d+)$/m.exec(text)?.[1]
}

test('an export whose client hangs up frees the handle', async () => {
  await largeTenant('hangup')
  const reader = (await bed.fetch(new Request(`${ORIGIN}/v1/tenants/hangup/export`))).body?.getReader()
  await reader?.read()
  expect(await pinnedHandles()).toBe('1')
  await reader?.cancel()
  await expect.poll(pinnedHandles).toBe('0')
  expect((await send(bed, 'DELETE /v1/tenants/hangup')).status).toBe(200)
})

test('HEAD of an export tells its size and holds nothing', async () => {
  await createTenants(bed, 'headed')
  const { status, headers, text } = await send(bed, 'HEAD /v1/tenants/headed/export')
  expect([status, text]).toEqual([200, ''])
  expect(Number(headers.get('content-length'))).toBeGreaterThan(4_096)
  await expect.poll(pinnedHandles).toBe('0')
})

test.for(['DELETE /v1/tenants/:id', 'POST /v1/tenants/:id/suspend', 'PUT /v1/tenants/:id/import'])(
  'an export that has stalled does not hold up %s, and is cut off',
  async (route) => {
    const id = `stalled-${route.split(' ')[0]?.toLowerCase()}`
    await largeTenant(id)
    const reader = (await bed.fetch(new Request(`${ORIGIN}/v1/tenants/${id}/export`))).body?.getReader()
    await reader?.read()
    await expect.poll(pinnedHandles).toBe('1')
    const upload = route.startsWith('PUT') ? { body: fileOf('create table t (a)'), headers: SQLITE } : {}
    expect((await send(bed, route.replace(':id', id), upload)).status).toBe(200)
    const drain = async () => {
      for (let piece = await reader?.read(); piece?.done === false; ) piece = await reader?.read()
    }
    await expect(drain()).rejects.toThrow()
    expect(await pinnedHandles()).toBe('0')
  },
)

test('writes go on while an export is read, and are not in it', async () => {
  await largeTenant('busy')
  const response = await bed.fetch(new Request(`${ORIGIN}/v1/tenants/busy/export`))
  for (let index = 0; index < 20; index += 1) await rowsOf(bed, 'busy', 'insert into big values (1)')
  const bytes = Buffer.from(await response.arrayBuffer())
  expect(readFile(bytes, 'select count(*) from big')).toEqual([[1]])
  expect(readFile(bytes, 'pragma integrity_check')).toEqual([['ok']])
  expect(await rowsOf(bed, 'busy', 'select count(*) from big')).toEqual([[21]])
})
