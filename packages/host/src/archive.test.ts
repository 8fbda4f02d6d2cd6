/** Archived tenants over HTTP: what they answer, and what wakes them. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runDetailSchema, snapshotListSchema } from '@tenax/protocol'
import { workflow } from '@tenax/workflow'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { createTenants, type HostBed, openHost, rowsOf, send } from './fixtures/host-bed.ts'

/** How often the step before the sleep has begun. */
let begun = 0

const doze = workflow({ name: 'doze', input: z.object({ ms: z.number() }) }, async (ctx, { ms }) => {
  const before = await ctx.step('before', () => {
    begun += 1
    return 'slept'
  })
  await ctx.sleep('a while', ms)
  return before
})

const directory = mkdtempSync(join(tmpdir(), 'tenax-store-'))
let bed: HostBed
let bare: HostBed
beforeAll(async () => {
  bed = await openHost({ workflows: [doze], store: { directory } })
  bare = await openHost({})
  await createTenants(bed, 'acme', 'sleeper')
  await createTenants(bare, 'acme')
})
afterAll(async () => {
  await bed[Symbol.asyncDispose]()
  await bare[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true, force: true })
})

test('a tenant is archived and hydrated by name, and each verb may be repeated', async () => {
  await rowsOf(bed, 'acme', 'CREATE TABLE note (text TEXT)')
  await rowsOf(bed, 'acme', "INSERT INTO note VALUES ('kept')")
  for (let round = 0; round < 2; round += 1) {
    expect(await send(bed, 'POST /v1/tenants/acme/archive')).toMatchObject({ status: 200, json: { state: 'archived' } })
  }
  expect(await send(bed, 'GET /v1/tenants/acme')).toMatchObject({ json: { state: 'archived' } })
  expect(readdirSync(join(directory, 'tenants'))).toEqual(['acme'])
  expect(await send(bed, 'GET /v1/tenants/acme/stats')).toMatchObject({
    status: 409,
    json: { code: 'tenant_archived' },
  })
  for (let round = 0; round < 2; round += 1) {
    expect(await send(bed, 'POST /v1/tenants/acme/hydrate')).toMatchObject({ status: 200, json: { state: 'warm' } })
  }
  expect(await rowsOf(bed, 'acme', 'SELECT text FROM note')).toEqual([['kept']])
})

test('a request to an archived tenant is answered as if nothing had been', async () => {
  await send(bed, 'POST /v1/tenants/acme/archive')
  expect(await rowsOf(bed, 'acme', 'SELECT text FROM note')).toEqual([['kept']])
  expect(await send(bed, 'GET /v1/tenants/acme')).toMatchObject({ json: { state: 'warm' } })
})

const stepsOf = async (run: string) => runDetailSchema.parse((await send(bed, `GET /t/sleeper/runs/${run}`)).json).steps

test('a run that sleeps in an archived tenant wakes it when its time has come, and runs no step again', async () => {
  const { runs } = bed.tenax.tenant('sleeper')
  await runs.start(doze, { ms: 2_000 }, { id: 'n-1' })
  while ((await stepsOf('n-1')).length < 2) await new Promise((resolve) => setImmediate(resolve))
  expect(await send(bed, 'POST /v1/tenants/sleeper/archive')).toMatchObject({ json: { state: 'archived' } })
  expect(await runs.result('n-1')).toMatchObject({ status: 'completed', output: 'slept' })
  expect(begun).toBe(1)
})

test('a fork has what the tenant has now, or had at a snapshot, and leaves the tenant as it is', async () => {
  const texts = (id: string) => rowsOf(bed, id, 'SELECT text FROM note ORDER BY text')
  await send(bed, 'POST /v1/tenants/acme/archive')
  await rowsOf(bed, 'acme', "INSERT INTO note VALUES ('later')")
  await send(bed, 'POST /v1/tenants/acme/archive')
  const { json } = await send(bed, 'GET /v1/tenants/acme/snapshots')
  const [last, before] = snapshotListSchema.parse(json).snapshots
  expect(Number(last?.lsn)).toBeGreaterThan(Number(before?.lsn))
  const fork = (body: object) => send(bed, 'POST /v1/tenants/acme/fork', { json: body })
  expect(await fork({ id: 'now' })).toMatchObject({ status: 201, json: { id: 'now', state: 'warm' } })
  expect(await texts('now')).toEqual([['kept'], ['later']])
  expect(await fork({ id: 'then', manifest: before?.manifest })).toMatchObject({ status: 201 })
  expect(await texts('then')).toEqual([['kept']])
  expect(await texts('acme')).toEqual([['kept'], ['later']])
  expect(await fork({ id: 'then' })).toMatchObject({ status: 409, json: { code: 'tenant_exists' } })
  expect(await fork({ id: 'acme' })).toMatchObject({ status: 409, json: { code: 'tenant_exists' } })
  expect(await fork({ id: 'other', manifest: 99 })).toMatchObject({ status: 404, json: { code: 'snapshot_not_found' } })
  expect(await send(bed, 'GET /v1/tenants/other')).toMatchObject({ status: 404 })
})

test('when the last snapshot is damaged, the one before it is a tenant again by one fork', async () => {
  await createTenants(bed, 'hurt')
  await rowsOf(bed, 'hurt', "CREATE TABLE note AS SELECT 'first' AS text")
  await send(bed, 'POST /v1/tenants/hurt/archive')
  await rowsOf(bed, 'hurt', "INSERT INTO note VALUES ('second')")
  await send(bed, 'POST /v1/tenants/hurt/archive')
  const objects = readdirSync(join(directory, 'tenants', 'hurt'), { withFileTypes: true, recursive: true })
  const [manifest] = objects.filter(({ name }) => name === '00000002.json')
  const named = readFileSync(join(manifest?.parentPath ?? '', manifest?.name ?? ''), 'utf8')
  for (const { name, parentPath } of objects.filter((entry) => entry.isFile())) {
    if (named.includes(name) && parentPath.includes('chunks')) writeFileSync(join(parentPath, name), 'no chunk')
  }
  const read = await send(bed, 'POST /t/hurt/query', { json: { sql: 'SELECT text FROM note' } })
  expect(read).toMatchObject({ status: 423, json: { code: 'tenant_quarantined' } })
  const fork = (body: object) => send(bed, 'POST /v1/tenants/hurt/fork', { json: body })
  expect(await fork({ id: 'mended', manifest: 2 })).toMatchObject({ status: 409, json: { code: 'snapshot_damaged' } })
  expect(await send(bed, 'GET /v1/tenants/mended')).toMatchObject({ status: 404 })
  expect(await fork({ id: 'mended', manifest: 1 })).toMatchObject({ status: 201 })
  expect(await rowsOf(bed, 'mended', 'SELECT text FROM note')).toEqual([['first']])
})

test('a suspended tenant is not archived, and one that is deleted leaves nothing in the store', async () => {
  await send(bed, 'POST /v1/tenants/acme/suspend')
  expect(await send(bed, 'POST /v1/tenants/acme/archive')).toMatchObject({ status: 423 })
  await send(bed, 'POST /v1/tenants/acme/resume')
  await send(bed, 'POST /v1/tenants/acme/archive')
  expect(await send(bed, 'DELETE /v1/tenants/acme')).toMatchObject({ status: 200 })
  while (readdirSync(join(directory, 'tenants')).includes('acme')) await new Promise((resolve) => setImmediate(resolve))
})

test('a host without object storage says so', async () => {
  expect(await send(bare, 'POST /v1/tenants/acme/archive')).toMatchObject({
    status: 400,
    json: { code: 'store_not_configured' },
  })
  expect(await send(bare, 'POST /v1/tenants/acme/hydrate')).toMatchObject({ status: 200, json: { state: 'warm' } })
})
