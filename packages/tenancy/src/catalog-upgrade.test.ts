/** A catalog of an older format is brought to the present one by a start, with all that it says. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { MemoryStore } from '@tenax/blobstore'
import { systemClock } from '@tenax/kernel'
import { libsqlDriver } from '@tenax/sqlite'
import { expect, test } from 'vitest'
import { idOf } from './fixtures/settings.ts'
import { codeOf, tenancyMaker } from './fixtures/test-bed.ts'

const open = tenancyMaker()
/** Makes a present catalog one of the format before it, and that one of the format before. */
const GOLDEN = [2, 1].map((format) =>
  readFileSync(new URL(`./fixtures/golden-catalog-${format}.sql`, import.meta.url), 'utf8'),
)
const [WARM, STILL, GONE] = [idOf('warm'), idOf('still'), idOf('gone')]

function catalogAt(dataPath: string) {
  return libsqlDriver.open(join(dataPath, 'shards', '00', 'catalog.db'))
}

test('tenants, their states and wake-ups, and tombstones of format 1 are there in the present one', async () => {
  const first = await open({ shardCount: 1 })
  for (const id of [WARM, STILL, GONE]) await first.tenancy.create(id)
  await first.sql(WARM, 'CREATE TABLE note AS SELECT 1 AS one')
  await first.tenancy.setWake(WARM, 5_000)
  await first.tenancy.suspend(STILL)
  await first.tenancy.delete(GONE)
  const before = [first.tenancy.get(WARM), first.tenancy.get(STILL)]
  await first.tenancy.close()
  const old = catalogAt(first.dataPath)
  for (const script of GOLDEN) old.script(script)
  old.close()
  const store = new MemoryStore(systemClock)
  const { tenancy, sql } = await open({ dataPath: first.dataPath, store })
  expect([tenancy.get(WARM), tenancy.get(STILL)]).toEqual(before)
  expect(tenancy.dueTenants(5_000, 9)).toEqual([{ id: WARM, wakeAtMs: 5_000 }])
  expect(await codeOf(tenancy.archive(STILL))).toBe('tenant_suspended')
  expect((await tenancy.archive(WARM)).state).toBe('archived')
  expect(await sql(WARM, 'SELECT one FROM note')).toEqual([[1n]])
  await tenancy.close()
  const upgraded = catalogAt(first.dataPath)
  expect(upgraded.prepare('SELECT format FROM catalog_meta').get()).toEqual([3n])
  expect(upgraded.prepare('SELECT tenant_id FROM tombstone').all([])).toEqual([['gone']])
  upgraded.close()
})

test('snapshots of format 2 are there in the present one, and can be proven', async () => {
  const store = new MemoryStore(systemClock)
  const first = await open({ shardCount: 1, store })
  for (const id of [WARM, STILL]) await first.tenancy.create(id)
  await first.sql(WARM, 'CREATE TABLE note AS SELECT 1 AS one')
  for (const id of [WARM, STILL]) await first.tenancy.archive(id)
  await first.tenancy.hydrate(WARM)
  await first.tenancy.close()
  const old = catalogAt(first.dataPath)
  old.script(GOLDEN[0] ?? '')
  old.close()
  const { tenancy, sql } = await open({ dataPath: first.dataPath, store })
  expect([tenancy.get(WARM), tenancy.get(STILL)]).toMatchObject([{ state: 'warm' }, { state: 'archived' }])
  expect(tenancy.scrubber.stats()).toMatchObject({ snapshotCount: 2, unprovenCount: 2 })
  expect(await tenancy.scrubber.verify(STILL)).toMatchObject({ manifest: 1 })
  expect(tenancy.get(STILL)).toMatchObject({ proof: { proven: { number: 1 } } })
  expect(await sql(WARM, 'SELECT one FROM note')).toEqual([[1n]])
})
