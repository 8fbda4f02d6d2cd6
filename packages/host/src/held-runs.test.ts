/** What becomes of runs when their tenant is copied, replaced, or deleted and made again. */
import { runDetailSchema } from '@tenax/protocol'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTenants, type HostBed, openHost, rowsOf, send } from './fixtures/host-bed.ts'
import { approve, approved, greet, WORKFLOWS } from './fixtures/workflows.ts'

const SQLITE = { 'content-type': 'application/vnd.sqlite3' }

let bed: HostBed
beforeAll(async () => {
  bed = await openHost({ workflows: WORKFLOWS })
  await createTenants(bed, 'acme')
})
afterAll(() => bed[Symbol.asyncDispose]())

async function importCopy(from: string, to: string): Promise<void> {
  const file = await bed.fetch(new Request(`http://127.0.0.1:8787/v1/tenants/${from}/export`))
  const body = await file.arrayBuffer()
  expect((await send(bed, `PUT /v1/tenants/${to}/import`, { body, headers: SQLITE })).status).toBeLessThan(300)
}

const release = async (id: string) => (await send(bed, `POST /v1/tenants/${id}/workflows/release`)).json

/** As docs/reference/workflows.md has it. */
const BLOCKED = `
  SELECT workflow, substr(blocked_reason, 1, instr(blocked_reason || ':', ':') - 1) AS why, count(*) AS runs
  FROM tenax_run WHERE blocked_reason IS NOT NULL GROUP BY workflow, why`

test('a copy of a tenant does nothing until it is released, and the tenant itself goes on', async () => {
  const acme = bed.tenax.tenant('acme')
  const copy = bed.tenax.tenant('copy')
  await acme.runs.start(approve, { key: 'k' }, { id: 'a-1' })
  await importCopy('acme', 'copy')
  await copy.events.send(approved, { by: 'Ada' }, { key: 'k' })
  const held = runDetailSchema.parse((await send(bed, 'GET /t/copy/runs/a-1')).json)
  expect(held).toMatchObject({ endedAt: null, blockedReason: 'held' })
  expect(await rowsOf(bed, 'copy', BLOCKED)).toEqual([['approve', 'held', 1]])
  expect(held.waitsFor[0]).toMatchObject({ type: 'operator', text: 'is blocked: held' })
  expect(await copy.runs.result('a-1', { timeoutMs: 0 })).toMatchObject({ endedAtMs: undefined })
  // What is started in the copy itself is its own.
  await copy.runs.start(greet, { name: 'Lin' }, { id: 'g-1' })
  expect(await copy.runs.result('g-1')).toMatchObject({ output: 'Hello Lin' })
  expect(await release('copy')).toEqual({ released: 1 })
  expect(await copy.runs.result('a-1')).toMatchObject({ output: { by: 'Ada' } })
  expect(await release('copy')).toEqual({ released: 0 })
  await acme.events.send(approved, { by: 'Kim' }, { key: 'k' })
  expect(await acme.runs.result('a-1')).toMatchObject({ output: { by: 'Kim' } })
})

test('release answers for a tenant without workflows, and not for one that is not there', async () => {
  await createTenants(bed, 'plain')
  expect(await release('plain')).toEqual({ released: 0 })
  expect(await rowsOf(bed, 'plain', "select count(*) from sqlite_schema where name = 'tenax_run'")).toEqual([[0]])
  expect(await send(bed, 'POST /v1/tenants/nobody/workflows/release')).toMatchObject({ status: 404 })
})

test('runs start in a tenant that was deleted and made again, or replaced, a moment before', async () => {
  await createTenants(bed, 'again', 'fresh')
  const again = bed.tenax.tenant('again')
  await again.runs.start(greet, { name: 'Lin' }, { id: 'g-1' })
  await again.runs.result('g-1')
  expect((await send(bed, 'DELETE /v1/tenants/again')).status).toBe(200)
  await createTenants(bed, 'again')
  await again.runs.start(greet, { name: 'Kim' }, { id: 'g-1' })
  expect(await again.runs.result('g-1')).toMatchObject({ output: 'Hello Kim' })
  await importCopy('fresh', 'again')
  await again.runs.start(greet, { name: 'Zoe' }, { id: 'g-1' })
  expect(await again.runs.result('g-1')).toMatchObject({ output: 'Hello Zoe' })
  expect(bed.errors).toEqual([])
})
