import { isTenaxError, type TenaxError } from '@tenax/kernel'
import { expect, test } from 'vitest'
import { createTenaxClient } from './client.ts'
import { fakeServer } from './contract.ts'

const URL_BASE = 'http://tenax.test'

function start(options: { readonly adminKey?: string } = {}) {
  const server = fakeServer(options)
  return { server, client: createTenaxClient({ url: URL_BASE, fetch: server.fetch, ...options }) }
}

async function failureOf(run: () => unknown): Promise<TenaxError> {
  try {
    await run()
  } catch (error) {
    if (isTenaxError(error)) return error
    throw error
  }
  throw new Error('did not fail')
}

test.each(['acme', 'ftp://a', 'file:///a', 'http://user:secret@a', 'http://a?key=1', 'http://a#b'])(
  'the URL %j is refused, and not repeated',
  async (url) => {
    const failure = await failureOf(() => createTenaxClient({ url }))
    expect(failure.code).toBe('argument_invalid')
    expect(failure.message).not.toContain('secret')
  },
)

test.each(['', 'a b', 'a\nb', 'schlüssel'])('the admin key %j is refused', async (adminKey) => {
  expect((await failureOf(() => createTenaxClient({ url: URL_BASE, adminKey }))).code).toBe('argument_invalid')
})

test('a path in the base URL stays in front', async () => {
  const server = fakeServer()
  const client = createTenaxClient({ url: 'http://tenax.test/base', fetch: server.fetch })
  await failureOf(() => client.tenants.get('acme'))
  expect(server.seen[0]?.path).toBe('/base/v1/tenants/acme')
})

test('the admin key goes along on /v1 and /t, and nothing when there is none', async () => {
  const { server, client } = start({ adminKey: 'secret' })
  await client.tenants.create('acme')
  await client.tenant('acme').query('select 1')
  expect(server.seen.map(({ headers }) => headers['authorization'])).toEqual(['Bearer secret', 'Bearer secret'])
  const open = start()
  await open.client.tenants.create('acme')
  expect(open.server.seen[0]?.headers).not.toHaveProperty('authorization')
})

test('every change has a content type', async () => {
  const { server, client } = start()
  await client.tenants.create('acme')
  await client.tenants.suspend('acme')
  await client.tenants.resume('acme')
  await client.tenants.delete('acme')
  expect(server.seen.map(({ headers }) => headers['content-type'])).toEqual(Array(4).fill('application/json'))
})

test.each(['', '..', 'A', 'a/b', '%2e%2e', 'v1', 'a'.repeat(64)])('the tenant id %j sends nothing', async (id) => {
  const { server, client } = start()
  expect((await failureOf(() => client.tenants.get(id))).code).toMatch(/^tenant_id_/)
  expect((await failureOf(() => client.tenants.export(id))).code).toMatch(/^tenant_id_/)
  expect((await failureOf(() => client.tenant(id))).code).toMatch(/^tenant_id_/)
  expect(server.seen).toEqual([])
})

test('problem details become the error that the server threw', async () => {
  const { server, client } = start()
  const problem = { detail: 'no', code: 'import_invalid', hint: 'try', reason: 'header', status: 400, title: 'x' }
  server.answerNext(Response.json(problem, { status: 400 }))
  const failure = await failureOf(() => client.tenants.get('acme'))
  expect(failure).toMatchObject({ code: 'import_invalid', kind: 'invalid', message: 'no', hint: 'try' })
  expect(failure.details).toEqual({ reason: 'header' })
})

test('a code that the client does not know is internal, with the code and the status in its details', async () => {
  const { server, client } = start()
  server.answerNext(Response.json({ detail: 'new', code: 'quantum_error', at: 5 }, { status: 418 }))
  const failure = await failureOf(() => client.tenants.get('acme'))
  expect(failure).toMatchObject({ code: 'internal', message: 'new' })
  expect(failure.details).toEqual({ status: 418, code: 'quantum_error', at: 5 })
})

test.each(['<html>bad gateway</html>', '[]', 'null', '{"code":5}', ''])(
  'a foreign failure %j is internal',
  async (body) => {
    const { server, client } = start()
    server.answerNext(new Response(body, { status: 502 }))
    expect(await failureOf(() => client.tenants.get('acme'))).toMatchObject({
      code: 'internal',
      details: { status: 502 },
    })
  },
)

test('a good status with another body is internal', async () => {
  const { server, client } = start()
  server.answerNext(new Response('<html>welcome</html>'))
  expect((await failureOf(() => client.tenants.get('acme'))).code).toBe('internal')
})

test('a redirect is not followed', async () => {
  const { server, client } = start()
  server.answerNext(new Response(null, { status: 308, headers: { location: 'https://elsewhere.test/' } }))
  const failure = await failureOf(() => client.tenants.get('acme'))
  expect(failure.message).toContain('https://elsewhere.test/')
  expect(server.seen).toHaveLength(1)
})

test('a request without an answer is unavailable, and names the reason', async () => {
  const { server, client } = start()
  const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })
  server.answerNext(new TypeError('fetch failed', { cause: refused }))
  const failure = await failureOf(() => client.tenants.get('acme'))
  expect(failure).toMatchObject({ code: 'unavailable', message: 'no answer from http://tenax.test: ECONNREFUSED' })
  expect(failure.hint).toBeDefined()
})

test('an answer that breaks off is unavailable', async () => {
  const { server, client } = start()
  const body = new ReadableStream({ pull: (controller) => controller.error(new Error('reset')) })
  server.answerNext(new Response(body))
  expect((await failureOf(() => client.tenants.get('acme'))).code).toBe('unavailable')
})
