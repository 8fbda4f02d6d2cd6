/** Files of tenants beyond a budget go to object storage, the longest idle first. */
import { utimesSync } from 'node:fs'
import { ManualClock, systemClock, TenaxError } from '@tenax/kernel'
import { expect, it } from 'vitest'
import { altered, step } from '../fixtures/archived-tenant.ts'
import { mainFileOf } from '../fixtures/page-sums.ts'
import { idOf } from '../fixtures/settings.ts'
import { tenancyMaker, until } from '../fixtures/test-bed.ts'

const open = tenancyMaker()
const IDS = ['a', 'b', 'c', 'd'].map(idOf)
const MIB = 1024 * 1024

/** Four tenants of some more than 1 MiB, all closed, the last of them for longest, and how often the store was asked since. */
async function fourTenants(diskBudgetBytes: number) {
  const clock = new ManualClock(systemClock.nowMs())
  const asked = { count: 0, isAway: false }
  const store = altered({
    async get(real, key) {
      asked.count += 1
      if (asked.isAway) throw new TenaxError('unavailable', 'the store is away')
      return real.get(key)
    },
  })
  const before = await open({ store })
  for (const id of IDS) {
    await before.tenancy.create(id)
    await before.sql(id, 'CREATE TABLE note AS SELECT zeroblob(1048576) AS bytes')
  }
  const paths = IDS.map((id) => mainFileOf(before, id))
  await before.tenancy.close()
  for (const [index, path] of paths.entries()) {
    const seconds = clock.nowMs() / 1_000 - 3_600 * (index + 1)
    utimesSync(path, seconds, seconds)
  }
  const opened = await open({ dataPath: before.dataPath, store, clock, diskBudgetBytes })
  asked.count = 0
  const { tenancy, events } = opened
  const states = () => IDS.map((id) => tenancy.get(id).state)
  const archivedCount = () => events.filter(({ type }) => type === 'archived').length
  return { ...opened, clock, asked, states, archivedCount }
}

it('those go that nobody has used for longest, and no more than have to', async () => {
  const { clock, states, archivedCount, sql } = await fourTenants(2.5 * MIB)
  await step(clock, 60_000)
  await until(() => archivedCount() === 2)
  expect(states()).toEqual(['warm', 'warm', 'archived', 'archived'])
  for (let minute = 0; minute < 3; minute += 1) await step(clock, 60_000)
  expect(archivedCount()).toBe(2)
  expect(await sql(idOf('d'), 'SELECT length(bytes) FROM note')).toEqual([[1_048_576n]])
})

it('within the budget nobody goes, and nothing is asked of the store', async () => {
  const { clock, states, asked } = await fourTenants(5 * MIB)
  for (let minute = 0; minute < 3; minute += 1) await step(clock, 60_000)
  expect(states()).toEqual(['warm', 'warm', 'warm', 'warm'])
  expect(asked.count).toBe(0)
})

it('who is in use, or is to be looked at within a minute, stays, though it counts', async () => {
  const { clock, states, archivedCount, tenancy } = await fourTenants(2.5 * MIB)
  const [a = idOf('a'), b = idOf('b')] = IDS
  await tenancy.setWake(a, clock.nowMs() + 100_000)
  const held = Promise.withResolvers<void>()
  const inside = Promise.withResolvers<void>()
  const using = tenancy.use(b, () => {
    inside.resolve()
    return held.promise
  })
  await inside.promise
  await step(clock, 60_000)
  await until(() => archivedCount() === 2)
  expect(states()).toEqual(['warm', 'warm', 'archived', 'archived'])
  held.resolve()
  await using
})

it('while the store is away they wait, and are told of once a look', async () => {
  const { clock, events, asked, archivedCount } = await fourTenants(2.5 * MIB)
  asked.isAway = true
  await step(clock, 60_000)
  await until(() => events.some(({ type }) => type === 'archiving_waits'))
  expect(events.at(-1)).toMatchObject({ tenantCount: 2, reason: 'the store is away' })
  asked.isAway = false
  await step(clock, 60_000)
  await until(() => archivedCount() === 2) // the clock stands: a second jump would end its calls
})
