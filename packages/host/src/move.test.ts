/** An export that moves a tenant: its runs end up on one side. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { jobSchema, runDetailSchema } from '@tenax/protocol'
import { workflow } from '@tenax/workflow'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { createTenants, type HostBed, ORIGIN, openHost, rowsOf, send } from './fixtures/host-bed.ts'
import { approve, approved, greet, WORKFLOWS } from './fixtures/workflows.ts'

/** Ends the attempts of the step that are under way. */
const attempts: ((value: string) => void)[] = []
const slow = workflow({ name: 'slow', input: z.object({}) }, (ctx) =>
  ctx.step('wait', () => new Promise<string>((resolve) => attempts.push(resolve))),
)

let here: HostBed
let there: HostBed
beforeAll(async () => {
  here = await openHost({ workflows: [...WORKFLOWS, slow] })
  there = await openHost({ workflows: [...WORKFLOWS, slow] })
})
afterAll(async () => {
  await here[Symbol.asyncDispose]()
  await there[Symbol.asyncDispose]()
})

const JSON_TYPE = { 'content-type': 'application/json' }
const SQLITE = { 'content-type': 'application/vnd.sqlite3' }
const uploads = () => readdirSync(join(here.dataPath, 'uploads')).filter((name) => name.endsWith('.sqlite'))
const moving = (id: string) =>
  here.fetch(new Request(`${ORIGIN}/v1/tenants/${id}/export?move=true`, { method: 'POST', headers: JSON_TYPE }))
const runOf = async (bed: HostBed, id: string, run: string) =>
  runDetailSchema.parse((await send(bed, `GET /t/${id}/runs/${run}`)).json)

test('the runs of a tenant that is moved go on where they are released, and nowhere else', async () => {
  await createTenants(here, 'acme')
  const { runs, events } = here.tenax.tenant('acme')
  await runs.start(approve, { key: 'k' }, { id: 'a-1' })
  while ((await runOf(here, 'acme', 'a-1')).waitsFor.length === 0) await new Promise((resolve) => setImmediate(resolve))
  const file = await moving('acme')
  expect(file.headers.get('content-type')).toBe('application/vnd.sqlite3')
  const body = await file.arrayBuffer()
  expect(file.headers.get('content-length')).toBe(String(body.byteLength))
  expect(await send(here, 'GET /v1/tenants/acme')).toMatchObject({ json: { state: 'suspended' } })
  expect((await send(there, 'PUT /v1/tenants/acme/import', { body, headers: SQLITE })).status).toBe(201)
  expect((await send(there, 'POST /v1/tenants/acme/workflows/release')).json).toEqual({ released: 1 })
  const arrived = there.tenax.tenant('acme')
  await arrived.events.send(approved, { by: 'Ada' }, { key: 'k' })
  expect(await arrived.runs.result('a-1')).toMatchObject({ output: { by: 'Ada' } })
  // The one that it was moved from serves again when it is told to, and its runs stay held.
  await send(here, 'POST /v1/tenants/acme/resume')
  await events.send(approved, { by: 'Kim' }, { key: 'k' })
  await runs.start(greet, { name: 'Lin' }, { id: 'g-1' })
  await runs.result('g-1')
  expect(await runOf(here, 'acme', 'a-1')).toMatchObject({ endedAt: null, blockedReason: 'held' })
  expect(uploads()).toEqual([])
})

test('a step that is under way while its tenant is moved takes its run nowhere on the side that it was moved from', async () => {
  await createTenants(here, 'slow')
  const { runs } = here.tenax.tenant('slow')
  await runs.start(slow, {}, { id: 's-1' })
  while (attempts.length < 1) await new Promise((resolve) => setImmediate(resolve))
  await (await moving('slow')).arrayBuffer()
  await send(here, 'POST /v1/tenants/slow/resume')
  attempts[0]?.('done meanwhile')
  await runs.start(greet, { name: 'Lin' }, { id: 'g-1' })
  await runs.result('g-1')
  expect(await runOf(here, 'slow', 's-1')).toMatchObject({
    endedAt: null,
    blockedReason: 'held',
    steps: [{ status: 'open' }],
  })
})

test('a move may be repeated, also as a job, and may be taken back', async () => {
  await createTenants(here, 'again')
  await rowsOf(here, 'again', "CREATE TABLE t AS SELECT 'kept' AS a")
  const first = await (await moving('again')).arrayBuffer()
  const { json } = await send(here, 'POST /v1/tenants/again/export?move=true&job=true')
  const { id } = jobSchema.parse(json)
  await send(here, `GET /v1/jobs/${id}/events`)
  expect(jobSchema.parse((await send(here, `GET /v1/jobs/${id}`)).json)).toMatchObject({ state: 'succeeded' })
  const second = await here.fetch(new Request(`${ORIGIN}/v1/jobs/${id}/result`))
  expect((await second.arrayBuffer()).byteLength).toBe(first.byteLength)
  await send(here, `DELETE /v1/jobs/${id}`)
  await send(here, 'POST /v1/tenants/again/resume')
  expect(await rowsOf(here, 'again', 'SELECT a FROM t')).toEqual([['kept']])
})

test('a client that goes before it has read leaves no file, and the tenant suspended', async () => {
  await createTenants(here, 'gone')
  const response = await moving('gone')
  expect(uploads()).toHaveLength(1)
  await response.body?.cancel()
  expect(uploads()).toEqual([])
  expect(await send(here, 'GET /v1/tenants/gone')).toMatchObject({ json: { state: 'suspended' } })
  expect(here.errors).toEqual([])
})

test('what cannot be moved is not suspended for nothing', async () => {
  expect(await send(here, 'POST /v1/tenants/nobody/export?move=true')).toMatchObject({ status: 404 })
  expect(await send(here, 'POST /v1/tenants/nobody/export')).toMatchObject({ status: 400 })
})
