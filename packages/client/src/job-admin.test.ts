import { expect, test } from 'vitest'
import { createTenaxClient } from './client.ts'
import { fakeServer } from './contract.ts'

const FILE = new TextEncoder().encode('SQLite format 3\0 and more')

async function start() {
  const server = fakeServer()
  server.file = FILE
  const client = createTenaxClient({ url: 'http://tenax.test', fetch: server.fetch })
  await client.tenants.create('acme')
  return { server, client, jobs: client.jobs }
}

const bytesOf = async (body: ReadableStream<Uint8Array>) => new Uint8Array(await new Response(body).arrayBuffer())

test('wait() tells of each change and gives the job when it has succeeded', async () => {
  const { server, jobs } = await start()
  const job = await jobs.start({ verb: 'archive', tenant: 'acme' }, { idempotencyKey: 'once' })
  expect(server.seen.at(-1)).toMatchObject({ method: 'POST', path: '/v1/tenants/acme/archive' })
  expect(server.seen.at(-1)?.headers['idempotency-key']).toBe('once')
  const done: (number | undefined)[] = []
  const ended = await jobs.wait(job.id, { onChange: ({ progress }) => done.push(progress?.done) })
  expect(done).toEqual([20, 90, 150, 200, 200])
  expect(ended).toMatchObject({ state: 'succeeded', result: { id: 'acme', state: 'archived' } })
  expect(await jobs.get(job.id)).toEqual(ended)
  expect((await jobs.list()).jobs).toEqual([ended])
})

test('wait() rejects with what the job has failed with', async () => {
  const { jobs } = await start()
  const { id } = await jobs.start({ verb: 'hydrate', tenant: 'nobody' })
  await expect(jobs.wait(id)).rejects.toMatchObject({ code: 'tenant_not_found', kind: 'not_found', hint: 'create it' })
})

test('events() goes on behind the last one when the connection is cut off', async () => {
  const { server, jobs } = await start()
  const { id } = await jobs.start({ verb: 'restore', tenant: 'acme', manifest: 6 })
  server.jobs.cutNext(2)
  const done: unknown[] = []
  for await (const { progress } of jobs.events(id, { retryMs: 0 })) done.push(progress?.done)
  expect(done).toEqual([20, 90, 150, 200, 200])
  expect(server.seen.filter(({ path }) => path.endsWith('/events'))).toHaveLength(2)
})

test('a wait that is ended says that the job goes on', async () => {
  const { jobs } = await start()
  const { id } = await jobs.start({ verb: 'archive', tenant: 'acme' })
  const waiting = jobs.wait(id, { signal: AbortSignal.abort() })
  await expect(waiting).rejects.toMatchObject({ code: 'unavailable', hint: 'the job goes on' })
})

test('an export is fetched as a file, until it is forgotten; an import sends one', async () => {
  const { server, jobs } = await start()
  const { id } = await jobs.start({ verb: 'export', tenant: 'acme' })
  const download = await jobs.result(id)
  expect(download.bytes).toBe(FILE.byteLength)
  const body = await bytesOf(download.body)
  await jobs.forget(id)
  await expect(jobs.result(id)).rejects.toMatchObject({ code: 'job_not_found' })
  await jobs.start({ verb: 'import', tenant: 'made', body: new Uint8Array([...body, 4]) })
  expect(server.file).toEqual(new Uint8Array([...FILE, 4]))
  const forked = await jobs.start({ verb: 'fork', tenant: 'acme', to: 'copy' })
  await expect(jobs.result(forked.id)).rejects.toMatchObject({ code: 'job_result_none' })
})

test('what can be no id is job_not_found, and nothing is sent', async () => {
  const { server, jobs } = await start()
  const before = server.seen.length
  await expect(jobs.get('../tenants')).rejects.toMatchObject({ code: 'job_not_found' })
  expect(server.seen).toHaveLength(before)
})
