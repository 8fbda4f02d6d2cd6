/** Long verbs as jobs over HTTP: each verb, its progress, its result, its failure. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type JobResource, jobListSchema, jobSchema } from '@tenax/protocol'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTenants, type HostBed, ORIGIN, openHost, rowsOf, type Sending, send } from './fixtures/host-bed.ts'

const directory = mkdtempSync(join(tmpdir(), 'tenax-store-'))
let bed: HostBed
beforeAll(async () => {
  bed = await openHost({ store: { directory } })
  await createTenants(bed, 'acme')
  await rowsOf(bed, 'acme', 'CREATE TABLE note AS SELECT randomblob(3000000) AS b')
})
afterAll(async () => {
  await bed[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true, force: true })
})

const SQLITE = { 'content-type': 'application/vnd.sqlite3' }
const uploads = () => readdirSync(join(bed.dataPath, 'uploads')).filter((name) => name.endsWith('.sqlite'))

/** Every event of a job, parsed. */
async function eventsOf(id: string, headers: Record<string, string> = {}) {
  const { text } = await send(bed, `GET /v1/jobs/${id}/events`, { headers })
  return text
    .split('\n\n')
    .filter((event) => event.includes('data: '))
    .map((event) => {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(event)?.[1] ?? ''
      return { name: field('event'), id: field('id'), job: jobSchema.parse(JSON.parse(field('data'))) }
    })
}

/** Begins a job, follows it to its end and gives it as it is then. */
async function jobOf(route: string, sending: Sending = {}): Promise<JobResource> {
  const reply = await send(bed, `${route}?job=true`, sending)
  expect(reply.status, reply.text).toBe(202)
  const { id } = jobSchema.parse(reply.json)
  expect(reply.headers.get('location')).toBe(`/v1/jobs/${id}`)
  const events = await eventsOf(id)
  const last = events.at(-1)
  expect(last?.name).toBe('end')
  expect(jobSchema.parse((await send(bed, `GET /v1/jobs/${id}`)).json)).toEqual(last?.job)
  return jobSchema.parse(last?.job)
}

test('archive, hydrate, fork and restore end as jobs with what they answer, all bytes told', async () => {
  const archived = await jobOf('POST /v1/tenants/acme/archive')
  expect(archived).toMatchObject({ verb: 'archive', tenant: 'acme', state: 'succeeded', result: { state: 'archived' } })
  expect(archived.progress?.total).toBeGreaterThan(6_000_000) // stored, and read back
  const hydrated = await jobOf('POST /v1/tenants/acme/hydrate')
  expect(hydrated.result).toMatchObject({ id: 'acme', state: 'warm' })
  const forked = await jobOf('POST /v1/tenants/acme/fork', { json: { id: 'copy', manifest: 1 } })
  expect(forked.result).toMatchObject({ id: 'copy', state: 'warm' })
  const restored = await jobOf('POST /v1/tenants/acme/restore', { json: { manifest: 1 } })
  expect(restored.result).toMatchObject({ id: 'acme', replacedManifest: 1 })
  for (const { progress } of [archived, hydrated, forked, restored]) {
    expect(progress?.unit).toBe('bytes')
    expect(progress?.done).toBe(progress?.total)
  }
  const { jobs } = jobListSchema.parse((await send(bed, 'GET /v1/jobs')).json)
  expect(jobs.map(({ verb }) => verb)).toEqual(['restore', 'fork', 'hydrate', 'archive'])
})

test('an export job has its file until it is forgotten, and an import job takes its body and no room behind it', async () => {
  const exported = await jobOf('POST /v1/tenants/acme/export')
  expect(exported.result).toMatchObject({ id: 'acme', bytes: expect.any(Number) })
  expect(uploads()).toHaveLength(1)
  const file = await bed.fetch(new Request(`${ORIGIN}/v1/jobs/${exported.id}/result`))
  expect(file.headers.get('content-length')).toBe(String(exported.result?.['bytes']))
  const body = await file.arrayBuffer()
  const imported = await jobOf('PUT /v1/tenants/made/import', { body, headers: SQLITE })
  expect(imported).toMatchObject({ state: 'succeeded', result: { id: 'made', state: 'warm' } })
  const bytes = 4 * body.byteLength // taken, rebuilt, stored, and read back
  expect(imported.progress).toEqual({ done: bytes, total: bytes, unit: 'bytes' })
  expect(await rowsOf(bed, 'made', 'SELECT length(b) FROM note')).toEqual([[3_000_000]])
  expect(await send(bed, `DELETE /v1/jobs/${exported.id}`)).toMatchObject({ status: 204 })
  expect(await send(bed, `GET /v1/jobs/${exported.id}`)).toMatchObject({ status: 404, json: { code: 'job_not_found' } })
  expect(uploads()).toEqual([])
})

test('a delete is a job, too, and a job without a file says so', async () => {
  await createTenants(bed, 'gone')
  const { id, result } = await jobOf('DELETE /v1/tenants/gone')
  expect(result).toMatchObject({ id: 'gone', deletedAt: expect.any(String) })
  expect(await send(bed, 'GET /v1/tenants/gone')).toMatchObject({ status: 404 })
  expect(await send(bed, `GET /v1/jobs/${id}/result`)).toMatchObject({ status: 404, json: { code: 'job_result_none' } })
})

test('a job that fails has the problem that the verb would have answered', async () => {
  const restored = await jobOf('POST /v1/tenants/acme/restore', { json: { manifest: 99 } })
  expect(restored).toMatchObject({ state: 'failed', result: null, error: { code: 'snapshot_not_found', status: 404 } })
  const imported = await jobOf('PUT /v1/tenants/junk/import', { body: 'no database', headers: SQLITE })
  expect(imported.error).toMatchObject({ code: 'import_invalid', reason: 'not_sqlite' })
  expect(uploads()).toEqual([])
})

test('what is wrong with the request is told at once, and makes no job', async () => {
  const before = (await send(bed, 'GET /v1/jobs')).text
  const told = async (route: string, sending?: Sending) => {
    const { status, json } = await send(bed, route, sending)
    return [status, (json as { code: string }).code]
  }
  expect(await told('POST /v1/tenants/nobody/archive?job=true')).toEqual([404, 'tenant_not_found'])
  expect(await told('POST /v1/tenants/acme/archive?job=maybe')).toEqual([400, 'argument_invalid'])
  expect(await told('POST /v1/tenants/acme/export')).toEqual([400, 'argument_invalid'])
  expect(await told('POST /v1/tenants/acme/restore?job=true', { json: {} })).toEqual([400, 'body_invalid'])
  expect(await told('GET /v1/jobs/no-such/events')).toEqual([404, 'job_not_found'])
  expect((await send(bed, 'GET /v1/jobs')).text).toBe(before)
})

test('a request that is sent again with its key is the same job', async () => {
  const headers = { 'idempotency-key': 'once' }
  const first = await send(bed, 'POST /v1/tenants/acme/archive?job=true', { headers })
  const again = await send(bed, 'POST /v1/tenants/acme/archive?job=true', { headers })
  expect(jobSchema.parse(again.json).id).toBe(jobSchema.parse(first.json).id)
  expect(again.headers.get('idempotency-replayed')).toBe('true')
  expect(await send(bed, 'POST /v1/tenants/acme/hydrate?job=true', { headers })).toMatchObject({
    status: 409,
    json: { code: 'idempotency_key_reused' },
  })
  await eventsOf(jobSchema.parse(first.json).id)
})

test('imports that are sent at once with one key are one job, and leave one file', async () => {
  const sending = { body: 'no database', headers: { ...SQLITE, 'idempotency-key': 'one import' } }
  const replies = await Promise.all([1, 2, 3].map(() => send(bed, 'PUT /v1/tenants/junk/import?job=true', sending)))
  const [id, ...others] = new Set(replies.map(({ json }) => jobSchema.parse(json).id))
  expect(others).toEqual([])
  await eventsOf(id ?? '')
  expect(uploads()).toEqual([])
})

test('a stream that is opened again goes on behind the last event, and has the end once more', async () => {
  const { id } = await jobOf('POST /v1/tenants/acme/hydrate')
  const [end] = await eventsOf(id)
  const again = await eventsOf(id, { 'last-event-id': end?.id ?? '' })
  expect(again).toEqual([end])
  expect(await send(bed, `GET /v1/jobs/${id}/events`, { headers: { 'last-event-id': 'x' } })).toMatchObject({
    status: 400,
  })
})

test('a host that starts again knows none of the jobs of before, and has no file of theirs', async () => {
  const other = await openHost({})
  await createTenants(other, 'acme')
  const { json } = await send(other, 'POST /v1/tenants/acme/export?job=true')
  await send(other, `GET ${`/v1/jobs/${jobSchema.parse(json).id}/events`}`)
  await other[Symbol.asyncDispose]()
  expect(await send(bed, `GET /v1/jobs/${jobSchema.parse(json).id}`)).toMatchObject({
    status: 404,
    json: { code: 'job_not_found', hint: expect.stringContaining('repeat') },
  })
  expect(bed.errors).toEqual([])
})
