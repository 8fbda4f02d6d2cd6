import { expect, test } from 'vitest'
import { createTenaxClient } from './client.ts'
import { fakeServer } from './contract.ts'

function start() {
  const server = fakeServer()
  return { server, client: createTenaxClient({ url: 'http://tenax.test', fetch: server.fetch }) }
}

const bytesOf = async (body: ReadableStream<Uint8Array>) => new Uint8Array(await new Response(body).arrayBuffer())

test('a tenant goes through its lifecycle', async () => {
  const { tenants } = start().client
  expect(await tenants.create('acme')).toMatchObject({ id: 'acme', state: 'warm' })
  expect(await tenants.get('acme')).toMatchObject({ id: 'acme' })
  expect(await tenants.suspend('acme')).toMatchObject({ state: 'suspended' })
  expect(await tenants.resume('acme')).toMatchObject({ state: 'warm' })
  expect(await tenants.stats('acme')).toMatchObject({ lsn: '9223372036854775807' })
  expect(await tenants.releaseWorkflows('acme')).toEqual({ released: 0 })
  expect(await tenants.delete('acme')).toMatchObject({ id: 'acme' })
  await expect(tenants.get('acme')).rejects.toMatchObject({ code: 'tenant_not_found', hint: 'create it' })
})

test('verify() answers the proof, or what is wrong with the snapshot', async () => {
  const { server, client } = start()
  await client.tenants.create('acme')
  await expect(client.tenants.verify('acme')).rejects.toMatchObject({ code: 'snapshot_not_found' })
  await client.tenants.archive('acme')
  expect(await client.tenants.verify('acme')).toMatchObject({ id: 'acme', manifest: 1, fileBytes: 12_288 })
  expect(await client.tenants.get('acme')).toMatchObject({ provenManifest: 1, snapshotDamage: null })
  server.damageSnapshot('acme', 'chunk c is missing')
  await expect(client.tenants.verify('acme')).rejects.toMatchObject({ code: 'snapshot_damaged' })
})

test('a tenant is restored to a snapshot, and the answer says which one it was before', async () => {
  const { server, client } = start()
  await client.tenants.create('acme')
  expect(await client.tenants.restore('acme', 6)).toMatchObject({ id: 'acme', replacedManifest: 7 })
  expect(server.seen.at(-1)).toMatchObject({ method: 'POST', path: '/v1/tenants/acme/restore', body: '{"manifest":6}' })
})

test('create() of a tenant that is there is tenant_exists', async () => {
  const { tenants } = start().client
  await tenants.create('acme')
  await expect(tenants.create('acme')).rejects.toMatchObject({ code: 'tenant_exists', kind: 'conflict' })
})

test('list() answers one page, filtered', async () => {
  const { tenants } = start().client
  for (const id of ['a1', 'a2', 'a3', 'b1']) await tenants.create(id)
  await tenants.suspend('a2')
  const first = await tenants.list({ limit: 2, prefix: 'a' })
  expect(first.tenants.map(({ id }) => id)).toEqual(['a1', 'a2'])
  const cursor = first.nextCursor ?? undefined
  expect((await tenants.list({ limit: 2, prefix: 'a', cursor })).tenants.map(({ id }) => id)).toEqual(['a3'])
  expect((await tenants.list({ state: 'suspended' })).tenants.map(({ id }) => id)).toEqual(['a2'])
  await expect(tenants.list({ limit: 0 })).rejects.toMatchObject({ code: 'argument_invalid' })
})

test('all() reads page after page, and none that nobody asked for', async () => {
  const { server, client } = start()
  const ids = ['a', 'b', 'c', 'd', 'e']
  for (const id of ids) await client.tenants.create(id)
  const found: string[] = []
  for await (const { id } of client.tenants.all({ pageLimit: 2 })) found.push(id)
  expect(found).toEqual(ids)
  const before = server.seen.length
  for await (const { id } of client.tenants.all({ pageLimit: 2 })) if (id === 'b') break
  expect(server.seen.length - before).toBe(1)
})

test('all() refuses a server whose cursor leads to itself', async () => {
  const fetch = async () => Response.json({ tenants: [], nextCursor: 'same' })
  const all = createTenaxClient({ url: 'http://tenax.test', fetch }).tenants.all()
  await expect(all.next()).rejects.toMatchObject({ code: 'internal' })
})

test('export() streams the file and says its length', async () => {
  const { server, client } = start()
  await client.tenants.create('acme')
  server.file = new Uint8Array([1, 2, 3])
  const { body, bytes } = await client.tenants.export('acme')
  expect(bytes).toBe(3)
  expect(await bytesOf(body)).toEqual(server.file)
})

test('export() fails when the file breaks off', async () => {
  const { server, client } = start()
  await client.tenants.create('acme')
  server.answerNext(new Response(new Uint8Array(10), { headers: { 'content-length': '11' } }))
  const { body } = await client.tenants.export('acme')
  await expect(bytesOf(body)).rejects.toMatchObject({ code: 'unavailable' })
})

test('export() of a file without a length says so', async () => {
  const { server, client } = start()
  server.answerNext(new Response(new Uint8Array(10)))
  const { body, bytes } = await client.tenants.export('acme')
  expect(bytes).toBeUndefined()
  expect((await bytesOf(body)).byteLength).toBe(10)
})

const FILE = new TextEncoder().encode('SQLite format 3\0 and more')

test.each([
  ['bytes', () => FILE, undefined],
  ['a blob', () => new Blob([FILE]), undefined],
  ['a stream', () => new Blob([FILE]).stream(), FILE.byteLength],
])('import() sends %s', async (_name, body, bytes) => {
  const { server, client } = start()
  expect(await client.tenants.import('acme', body(), { bytes })).toMatchObject({ id: 'acme' })
  expect(server.file).toEqual(FILE)
  expect(server.seen[0]?.headers['content-type']).toBe('application/vnd.sqlite3')
  expect(server.seen[0]?.headers['content-length']).toBe(bytes === undefined ? undefined : String(bytes))
})

test('import() of what is not a database is import_invalid with the reason', async () => {
  const { client } = start()
  const failure = client.tenants.import('acme', new TextEncoder().encode('text'))
  await expect(failure).rejects.toMatchObject({ code: 'import_invalid', details: { reason: 'header' } })
})

test('a tenant has a durability class of its own, until it is given back to the server', async () => {
  const { tenants } = start().client
  expect(await tenants.create('acme', { durability: 'relaxed' })).toMatchObject({ durability: 'relaxed' })
  expect(await tenants.setDurability('acme', 'local')).toMatchObject({ durability: 'local' })
  expect(await tenants.setDurability('acme', null)).toMatchObject({ durability: null })
  await expect(tenants.setDurability('nobody', 'local')).rejects.toMatchObject({ code: 'tenant_not_found' })
})
