/** A host behind a real socket: the stock client over the platform's fetch, and clients that go away. */
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createClient } from '@libsql/client/http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { codeOf, createTenants, type HostBed, openHost, rowsOf, send } from './fixtures/host-bed.ts'

let bed: HostBed
let server: Server
let origin: string
beforeAll(async () => {
  bed = await openHost()
  await createTenants(bed, 'acme')
  server = createServer((incoming, outgoing) => void answer(incoming, outgoing))
  const { promise, resolve } = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', resolve)
  await promise
  origin = `http://127.0.0.1:${addressOf(server).port}`
})
afterAll(async () => {
  server.closeAllConnections()
  server.close()
  await bed[Symbol.asyncDispose]()
})

function addressOf(listening: Server): AddressInfo {
  const address = listening.address()
  if (typeof address !== 'object' || address === null) throw new Error('the server listens on no port')
  return address
}

/** The bridge that `@hono/node-server` is in production, as short as a test needs it. */
async function answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const { method = 'GET', url = '/', headers } = incoming
  const body = method === 'GET' || method === 'HEAD' ? {} : { body: Readable.toWeb(incoming), duplex: 'half' as const }
  const fields = Object.entries(headers).flatMap(([name, value]) => [[name, String(value)] as [string, string]])
  const response = await bed.fetch(
    new Request(`http://${headers.host ?? ''}${url}`, { method, headers: fields, ...body }),
  )
  outgoing.writeHead(response.status, Object.fromEntries(response.headers))
  if (response.body === null) return void outgoing.end()
  await pipeline(Readable.fromWeb(response.body), outgoing).catch(() => outgoing.destroy())
}

const newClient = () => createClient({ url: `${origin}/t/acme/` })

test('the stock client executes, batches and opens transactions over a socket', async () => {
  const client = newClient()
  await client.executeMultiple('create table item (name text unique); create table other (a);')
  await client.batch(
    ["insert into item values ('a')", { sql: 'insert into item values (?)', args: ['é\0👩'] }],
    'write',
  )
  const transaction = await client.transaction('write')
  await transaction.execute("insert into item values ('c')")
  await transaction.commit()
  const undone = await client.transaction('write')
  await undone.execute('delete from item')
  await undone.rollback()
  const { rows } = await client.execute('select name from item order by name')
  expect(rows.map((row) => row['name'])).toEqual(['a', 'c', 'é\0👩'])
  expect(await codeOf(client.execute("insert into item values ('a')"))).toBe('SQLITE_CONSTRAINT')
})

test('many clients write at once, and no write is lost', async () => {
  await rowsOf(bed, 'acme', 'create table counter (n integer)')
  await rowsOf(bed, 'acme', 'insert into counter values (0)')
  const clients = Array.from({ length: 8 }, newClient)
  const rounds = clients.flatMap((client) => Array.from({ length: 25 }, () => client))
  await Promise.all(rounds.map((client) => client.execute('update counter set n = n + 1')))
  expect(await rowsOf(bed, 'acme', 'select n from counter')).toEqual([[200]])
})

test('a reply of some megabytes arrives whole', async () => {
  const { rows } = await newClient().execute("select printf('%.5000000c', 'x') as text")
  expect(String(rows[0]?.['text'])).toHaveLength(5_000_000)
})

test('an upload and a download pass through the socket', async () => {
  const file = await (await fetch(`${origin}/v1/tenants/acme/export`)).arrayBuffer()
  const headers = { 'content-type': 'application/vnd.sqlite3' }
  const reply = await fetch(`${origin}/v1/tenants/copied/import`, { method: 'PUT', headers, body: file })
  expect(reply.status).toBe(201)
  expect(await rowsOf(bed, 'copied', 'select count(*) from item')).toEqual(
    await rowsOf(bed, 'acme', 'select count(*) from item'),
  )
})

/** Begins a request and drops its connection once `when` has been reached. */
async function hangUp(method: string, path: string, when: 'sent' | 'answered', body = ''): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const headers = {
    'content-type': 'application/json',
    'content-length': String(body.length + (when === 'sent' ? 1000 : 0)),
  }
  const outgoing = request(origin + path, { method, headers }, (response) => {
    response.once('data', () => {
      outgoing.destroy()
      resolve()
    })
  })
  outgoing.on('error', when === 'sent' ? () => resolve() : reject)
  outgoing.write(body, () => {
    if (when === 'sent') outgoing.destroy()
  })
  if (when === 'answered') outgoing.end()
  await promise
}

async function pinnedHandles(): Promise<string | undefined> {
  const { text } = await send(bed, 'GET /metrics')
  return /^tenax_handles\{state="pinned"\} (\d+)$/m.exec(text)?.[1]
}

async function requestsOf(route: string, status: number): Promise<string | undefined> {
  const { text } = await send(bed, 'GET /metrics')
  return new RegExp(`^tenax_http_requests_total\\{route="${route}",status="${status}"\\} (.*)$`, 'm').exec(text)?.[1]
}

test('a download that the client drops frees the handle', async () => {
  await createTenants(bed, 'large')
  await rowsOf(bed, 'large', 'create table big as select zeroblob(8000000) as b')
  await hangUp('GET', '/v1/tenants/large/export', 'answered')
  await expect.poll(pinnedHandles).toBe('0')
  expect((await send(bed, 'DELETE /v1/tenants/large')).status).toBe(200)
})

test('a request whose body breaks off changes nothing, and the host goes on', async () => {
  await hangUp('POST', '/v1/tenants', 'sent', '{"id":"half"')
  await hangUp(
    'POST',
    '/t/acme/v2/pipeline',
    'sent',
    '{"requests":[{"type":"execute","stmt":{"sql":"drop table item"}}',
  )
  await expect.poll(pinnedHandles).toBe('0')
  expect((await send(bed, 'GET /v1/tenants/half')).status).toBe(404)
  expect((await newClient().execute('select count(*) from item')).rows).toHaveLength(1)
  await expect.poll(() => requestsOf('/v1/tenants', 400)).toBe('1')
  expect(bed.errors).toEqual([])
})

test('a Host that was rebound and a page of another origin do not get in over the socket', async () => {
  const foreign = await fetch(`${origin}/v1/tenants`, { headers: { origin: 'http://evil.com' } })
  expect(foreign.status).toBe(403)
  const form = await fetch(`${origin}/v1/tenants`, { method: 'POST', body: new URLSearchParams({ id: 'evil' }) })
  expect(form.status).toBe(415)
  const { promise, resolve } = Promise.withResolvers<number | undefined>()
  const rebound = { host: 'evil.com:8787' }
  request(`${origin}/v1/tenants`, { headers: rebound }, (response) => {
    response.resume()
    resolve(response.statusCode)
  }).end()
  expect(await promise).toBe(403)
})
