/** Restore in place over HTTP, and what becomes of runs that are in memory meanwhile. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { restoredTenantSchema, runDetailSchema } from '@tenax/protocol'
import { workflow } from '@tenax/workflow'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { createTenants, type HostBed, ORIGIN, openHost, rowsOf, send } from './fixtures/host-bed.ts'
import { approve, approved, greet, WORKFLOWS } from './fixtures/workflows.ts'

/** The attempts of the step in the order in which they began; each ends when the test says so. */
const attempts: ((value: string) => void)[] = []
const slow = workflow({ name: 'slow', input: z.object({}) }, (ctx) =>
  ctx.step('wait', () => new Promise<string>((resolve) => attempts.push(resolve))),
)

const directory = mkdtempSync(join(tmpdir(), 'tenax-store-'))
let bed: HostBed
beforeAll(async () => {
  bed = await openHost({ workflows: [...WORKFLOWS, slow], store: { directory } })
})
afterAll(async () => {
  await bed[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true, force: true })
})

const restore = (id: string, manifest: unknown) => send(bed, `POST /v1/tenants/${id}/restore`, { json: { manifest } })
const archive = (id: string) => send(bed, `POST /v1/tenants/${id}/archive`)
const runOf = async (id: string, run: string) =>
  runDetailSchema.parse((await send(bed, `GET /t/${id}/runs/${run}`)).json)

test('a tenant is what it was at a snapshot, and by the number in the answer what it was before', async () => {
  await createTenants(bed, 'acme')
  await rowsOf(bed, 'acme', "CREATE TABLE note AS SELECT 'kept' AS text")
  await archive('acme')
  await rowsOf(bed, 'acme', "INSERT INTO note VALUES ('later')")
  const reply = await restore('acme', 1)
  expect(reply).toMatchObject({ status: 200, json: { id: 'acme', state: 'warm', replacedManifest: 2 } })
  expect(await rowsOf(bed, 'acme', 'SELECT text FROM note')).toEqual([['kept']])
  await restore('acme', restoredTenantSchema.parse(reply.json).replacedManifest)
  expect(await rowsOf(bed, 'acme', 'SELECT text FROM note')).toEqual([['kept'], ['later']])
  expect(await restore('acme', 99)).toMatchObject({ status: 404, json: { code: 'snapshot_not_found' } })
  expect(await restore('acme', 0)).toMatchObject({ status: 400, json: { code: 'body_invalid' } })
  expect(await restore('nobody', 1)).toMatchObject({ status: 404, json: { code: 'tenant_not_found' } })
})

test('a position of before is lost', async () => {
  await createTenants(bed, 'lost')
  await archive('lost')
  const written = await bed.fetch(
    new Request('http://127.0.0.1:8787/t/lost/query', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ sql: 'CREATE TABLE t (a)' }),
    }),
  )
  const token = written.headers.get('tenax-lsn') ?? ''
  await restore('lost', 1)
  const { json } = await send(bed, `GET /v1/tenants/lost/durability?wait_lsn=${token}`)
  expect(json).toMatchObject({ waited: 'lost' })
})

test('a run in memory does not reach the restored tenant: there it is as it was, held until the release', async () => {
  await createTenants(bed, 'runs')
  const { runs, events } = bed.tenax.tenant('runs')
  await runs.start(approve, { key: 'k' }, { id: 'a-1' })
  while ((await runOf('runs', 'a-1')).waitsFor.length === 0) await new Promise((resolve) => setImmediate(resolve))
  await archive('runs')
  await runs.start(greet, { name: 'Lin' }, { id: 'g-1' })
  await runs.result('g-1')
  await runs.start(approve, { key: 'later' }, { id: 'a-2' })
  const waiting = runs.result('a-2').then(
    () => 'a result',
    () => 'refused',
  )
  await restore('runs', 1)
  expect(await waiting).toBe('refused')
  expect(await runOf('runs', 'a-1')).toMatchObject({ endedAt: null, blockedReason: 'held' })
  expect(await send(bed, 'GET /t/runs/runs/g-1')).toMatchObject({ status: 404, json: { code: 'run_not_found' } })
  await runs.start(greet, { name: 'Kim' }, { id: 'g-1' })
  expect(await runs.result('g-1')).toMatchObject({ output: 'Hello Kim' })
  expect((await send(bed, 'POST /v1/tenants/runs/workflows/release')).json).toEqual({ released: 1 })
  await events.send(approved, { by: 'Ada' }, { key: 'k' })
  expect(await runs.result('a-1')).toMatchObject({ output: { by: 'Ada' } })
  expect(bed.errors).toEqual([])
})

test('a step that ends behind a restore is not recorded there: released, it runs again', async () => {
  await createTenants(bed, 'slow')
  const { runs } = bed.tenax.tenant('slow')
  await runs.start(slow, {}, { id: 's-1' })
  while (attempts.length < 1) await new Promise((resolve) => setImmediate(resolve))
  await archive('slow')
  await restore('slow', 1)
  expect(await runOf('slow', 's-1')).toMatchObject({
    endedAt: null,
    blockedReason: 'held',
    steps: [{ status: 'open' }],
  })
  await send(bed, 'POST /v1/tenants/slow/workflows/release')
  while (attempts.length < 2) await new Promise((resolve) => setImmediate(resolve))
  attempts[0]?.('from before')
  await runs.start(greet, { name: 'Lin' }, { id: 'g-1' })
  await runs.result('g-1')
  attempts[1]?.('from behind')
  expect(await runs.result('s-1')).toMatchObject({ output: 'from behind' })
})

test('who follows a run is told that its history has ended', async () => {
  await createTenants(bed, 'seen')
  const { runs } = bed.tenax.tenant('seen')
  await runs.start(approve, { key: 'k' }, { id: 'a-1' })
  while ((await runOf('seen', 'a-1')).waitsFor.length === 0) await new Promise((resolve) => setImmediate(resolve))
  await archive('seen')
  const headers = { accept: 'text/event-stream' }
  const response = await bed.fetch(new Request(`${ORIGIN}/t/seen/runs/a-1/outputs`, { headers }))
  await restore('seen', 1)
  expect(await response.text()).toContain('event: dropped\ndata: {"code":"tenant_in_transition"')
})
