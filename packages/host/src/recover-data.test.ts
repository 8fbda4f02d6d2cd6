/** A host that has lost its disk: what its runs do on the one that comes from object storage. */
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runDetailSchema } from '@tenax/protocol'
import { workflow } from '@tenax/workflow'
import { afterAll, expect, test } from 'vitest'
import { z } from 'zod'
import { createTenants, type HostBed, openHost, rowsOf, send } from './fixtures/host-bed.ts'
import { createTenax, type HostEvent, recoverData } from './index.ts'

const root = mkdtempSync(join(tmpdir(), 'tenax-lost-'))
const open: AsyncDisposable[] = []
afterAll(async () => {
  for (const one of open) await one[Symbol.asyncDispose]()
  rmSync(root, { recursive: true, force: true })
})

const counts = { before: 0, stuck: 0 }
const isOver = Promise.withResolvers<string>()
let isLost = false

const doze = workflow({ name: 'doze', input: z.object({ ms: z.number() }) }, async (ctx, { ms }) => {
  const before = await ctx.step('before', () => {
    counts.before += 1
    return 'slept'
  })
  await ctx.sleep('a while', ms)
  return before
})

const stick = workflow({ name: 'stick', input: z.object({}) }, (ctx) =>
  ctx.step('stuck', () => {
    counts.stuck += 1
    return isLost ? 'done elsewhere' : isOver.promise
  }),
)

async function stepsOf(bed: HostBed, tenant: string, run: string) {
  const { json } = await send(bed, `GET /t/${tenant}/runs/${run}`)
  return runDetailSchema.parse(json).steps
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

test('runs wake on the recovered host by themselves: one that sleeps in a warm tenant, in an archived one, and one that was at work', async () => {
  const options = { workflows: [doze, stick], durability: 'remote' as const }
  const lost = await openHost({ ...options, store: { directory: join(root, 'blobs') } })
  open.push(lost)
  await createTenants(lost, 'warm', 'away', 'busy')
  for (const id of ['warm', 'away']) {
    await lost.tenax.tenant(id).runs.start(doze, { ms: 3_000 }, { id: 'r-1' })
    while ((await stepsOf(lost, id, 'r-1')).length < 2) await turn()
  }
  expect(await send(lost, 'POST /v1/tenants/away/archive')).toMatchObject({ status: 200 })
  await lost.tenax.tenant('busy').runs.start(stick, {}, { id: 'r-1' })
  while (counts.stuck === 0) await turn()
  for (const id of ['warm', 'busy']) await rowsOf(lost, id, 'CREATE TABLE note (text TEXT)') // remote: all before it is stored
  cpSync(join(root, 'blobs'), join(root, 'copy'), { recursive: true })
  isLost = true
  isOver.resolve('done')
  const events: HostEvent[] = []
  const onEvent = (event: HostEvent) => void events.push(event)
  const found = await openHost({ ...options, store: { directory: join(root, 'copy') }, onEvent })
  open.push(found)
  expect(events).toContainEqual(
    expect.objectContaining({ type: 'recovered_from_store', tenantCount: 3, stoppedCount: 0 }),
  )
  for (const id of ['warm', 'away']) {
    expect(await found.tenax.tenant(id).runs.result('r-1')).toMatchObject({ status: 'completed', output: 'slept' })
  }
  expect(await found.tenax.tenant('busy').runs.result('r-1')).toMatchObject({ output: 'done elsewhere' })
  expect(counts).toEqual({ before: 2, stuck: 2 })
  expect(await rowsOf(found, 'busy', 'SELECT * FROM note')).toEqual([])
})

test('recoverData makes the directory without a server; a host starts on it, and into what is not empty nothing is recovered', async () => {
  const store = { directory: join(root, 'blobs') }
  for (const one of open.splice(0)) await one[Symbol.asyncDispose]()
  const data = join(root, 'data')
  const { dataId, tenantCount, stoppedCount } = await recoverData({ store, data })
  expect([tenantCount, stoppedCount]).toEqual([3, 0])
  expect(readdirSync(join(store.directory, 'roots'))).toEqual([`${dataId}.json`])
  await expect(recoverData({ store, data })).rejects.toMatchObject({ code: 'data_format_invalid' })
  const tenax = await createTenax({ data, store, workflows: [doze, stick] })
  expect(await tenax.tenant('warm').query('SELECT count(*) FROM note')).toMatchObject({ rows: [[0n]] })
  await tenax.close()
})
