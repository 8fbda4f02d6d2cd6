/** A disk that gets full under a host that keeps some of it free: writes are refused before, and it heals by itself. */
import { mkdtempSync, readdirSync, rmSync, statfsSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '@tenax/kernel'
import { SEGMENT_BYTES_MAX } from '@tenax/ledger'
import { workflow } from '@tenax/workflow'
import { afterAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { codeOf, openHost, rowsOf, send } from './fixtures/host-bed.ts'
import { mountDisk, noSmallDisk, type SmallDisk } from './fixtures/small-disk.ts'
import { createTenax, type WorkflowRef } from './index.ts'

const hindrance = noSmallDisk()
const MIB = 1024 * 1024
const LOW = { status: 507, json: { code: 'storage_full', freeBytesMin: 4 * MIB } }

const stores = mkdtempSync(join(tmpdir(), 'tenax-store-'))
afterAll(() => rmSync(stores, { recursive: true, force: true }))

/** Opens a host that keeps 4 MiB free. It is ready when what it makes in advance takes no more room; its disk is looked at once a second. */
async function openOn({ path }: SmallDisk, workflows: readonly WorkflowRef<never, unknown>[] = []) {
  let aheadMs = 0
  const data = join(path, 'data')
  const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + aheadMs }
  const settings = { shardCount: 1, store: { directory: mkdtempSync(join(stores, 's-')) }, diskFreeBytesMin: 4 * MIB }
  const tenax = await createTenax({ data, workflows, clock, ...settings })
  const sizeOf = (file: string) => statSync(join(data, file), { throwIfNoEntry: false })?.size
  const spares = () =>
    readdirSync(data, { recursive: true })
      .map(String)
      .filter((name) => name.endsWith('.spare'))
  const isReady = () => sizeOf('reserve') === 4 * MIB && spares().some((spare) => sizeOf(spare) === SEGMENT_BYTES_MAX)
  const lookAgain = () => {
    aheadMs += 1_000
  }
  return { tenax, isReady, lookAgain }
}

describe.skipIf(hindrance !== undefined)(`a low disk${hindrance === undefined ? '' : ` (${hindrance})`}`, () => {
  test('writes are refused while there is room left; reads and archiving go on; it heals by itself', async () => {
    using disk = mountDisk()
    const { tenax, isReady, lookAgain } = await openOn(disk)
    const insert = (id: string) => send(tenax, `POST /t/${id}/query`, { json: { sql: 'insert into t values (1)' } })
    for (const id of ['acme', 'quiet']) {
      await tenax.tenant(id).create()
      await tenax.tenant(id).query('create table t (a)')
    }
    while (!isReady()) await new Promise((resolve) => setImmediate(resolve))
    disk.fill(3 * MIB)
    lookAgain()
    expect(await insert('acme')).toMatchObject(LOW)
    const { bavail, bsize } = statfsSync(disk.path)
    expect(bavail * bsize).toBeGreaterThan(2 * MIB)
    expect(await send(tenax, 'POST /v1/tenants', { json: { id: 'new' } })).toMatchObject(LOW)
    expect(await rowsOf(tenax, 'quiet', 'select a from t')).toEqual([])
    expect(await send(tenax, 'POST /v1/tenants/acme/archive')).toMatchObject({ json: { state: 'archived' } })
    const { text } = await send(tenax, 'GET /metrics')
    expect(text).toMatch(/^tenax_disk_free_bytes [23]\d{6}$/m)
    expect(text).toMatch(/^tenax_disk_free_min_bytes 4194304$/m)
    expect(text).toMatch(/^tenax_disk_reserve_bytes 4194304$/m)
    expect(text).toMatch(/^tenax_disk_refused_writes_total [1-9]/m)
    disk.free()
    lookAgain()
    expect(await insert('quiet')).toMatchObject({ status: 200 })
    expect(await insert('acme')).toMatchObject({ status: 200 })
    await tenax.close()
  })
})

/** Ends the step of a run. */
let finish: (value: string) => void = () => undefined
let begun = 0

const slow = workflow({ name: 'slow', input: z.object({}) }, (ctx) =>
  ctx.step('work', () => {
    begun += 1
    return new Promise<string>((resolve) => {
      finish = resolve
    })
  }),
)

describe.skipIf(hindrance !== undefined)('a run on a low disk', () => {
  test('ends while writes are refused, and its step runs once', async () => {
    using disk = mountDisk()
    const { tenax, isReady, lookAgain } = await openOn(disk, [slow])
    const { create, query, runs } = tenax.tenant('acme')
    await create()
    await runs.start(slow, {}, { id: 'r' })
    while (begun === 0 || !isReady()) await new Promise((resolve) => setImmediate(resolve))
    disk.fill(3 * MIB)
    lookAgain()
    expect(await codeOf(query('create table t (a)'))).toBe('storage_full')
    finish('done')
    expect(await runs.result('r')).toMatchObject({ status: 'completed', output: 'done' })
    expect(begun).toBe(1)
    await tenax.close()
  })
})

test('how much stays free is a whole number', async () => {
  expect(await codeOf(openHost({ diskFreeBytesMin: -1 }))).toBe('config_invalid')
  expect(await codeOf(openHost({ diskFreeBytesMin: 0.5 }))).toBe('config_invalid')
})
