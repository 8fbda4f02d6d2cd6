/** Tenants go to object storage and come back: what is there is what was committed, and nothing else is left anywhere. */
import { type BlobStore, MemoryStore, openFsStore } from '@tenax/blobstore'
import { ManualClock, sleep, systemClock, TenaxError } from '@tenax/kernel'
import { describe, expect, it } from 'vitest'
import { ACME, altered, contentOf, keysOf, step, tenancyWithRows, tenantFiles } from '../fixtures/archived-tenant.ts'
import { idOf, streamOf } from '../fixtures/settings.ts'
import { codeOf, directoryMaker, gathered, tenancyMaker, until } from '../fixtures/test-bed.ts'
import { systemRandomId } from '../system-ids.ts'

const open = tenancyMaker()
const withRows = tenancyWithRows(open)
const newDirectory = directoryMaker()

describe('archive', () => {
  it.each([
    ['memory', () => new MemoryStore(systemClock)],
    ['fs', () => openFsStore({ directory: newDirectory(), randomId: systemRandomId })],
  ] as const)('over %s: the file goes, and the next use brings every row back', async (_, make) => {
    const opened = await withRows(4_000, await make())
    const before = await contentOf(opened)
    expect((await opened.tenancy.archive(ACME)).state).toBe('archived')
    expect(tenantFiles(opened)).toEqual([])
    expect(await contentOf(opened)).toEqual(before)
    expect(opened.tenancy.get(ACME).state).toBe('warm')
    expect(opened.events.map(({ type }) => type)).toEqual(['archived', 'hydrated'])
  })

  it('again, with nothing written between, stores nothing; after a write, only the chunks that changed', async () => {
    const opened = await withRows(10_000)
    await opened.tenancy.archive(ACME)
    const first = await keysOf(opened.store)
    await opened.tenancy.archive(ACME)
    await opened.tenancy.hydrate(ACME)
    await opened.tenancy.archive(ACME)
    expect(await keysOf(opened.store)).toEqual(first)
    await opened.sql(ACME, "UPDATE note SET text = 'changed' WHERE id = 1")
    await opened.tenancy.archive(ACME)
    const added = (await keysOf(opened.store)).filter((key) => !first.includes(key))
    expect(added.filter((key) => key.includes('/manifests/'))).toHaveLength(1)
    expect(added.filter((key) => key.includes('/chunks/')).length).toBeLessThanOrEqual(2)
    expect(first.filter((key) => key.includes('/chunks/')).length).toBeGreaterThan(5)
  })

  it('a start finds an archived tenant where it is, with no file', async () => {
    const opened = await withRows()
    const before = await contentOf(opened)
    await opened.tenancy.archive(ACME)
    await opened.tenancy.close()
    const again = await open({ dataPath: opened.dataPath, store: opened.store })
    expect(again.tenancy.get(ACME).state).toBe('archived')
    expect(await contentOf(again)).toEqual(before)
  })

  it('is counted on: commits after a hydration have the numbers that follow', async () => {
    const { tenancy, sql } = await withRows()
    const before = await tenancy.stats(ACME)
    await tenancy.archive(ACME)
    await sql(ACME, 'DELETE FROM note')
    const after = await tenancy.stats(ACME)
    expect(after.lineage).toBe(before.lineage)
    expect(after.lsn).toBeGreaterThan(before.lsn)
  })

  it('keeps three snapshots, and no chunk that none of them names', async () => {
    const opened = await withRows(3_000)
    for (let round = 0; round < 6; round += 1) {
      await opened.sql(ACME, 'UPDATE note SET text = hex(randomblob(500))')
      await opened.tenancy.archive(ACME)
    }
    const keys = await keysOf(opened.store)
    const manifests = keys.filter((key) => key.includes('/manifests/'))
    expect(manifests.map((key) => key.slice(-13, -5))).toEqual(['00000004', '00000005', '00000006'])
    const decoder = new TextDecoder()
    const named = await Promise.all(manifests.map(async (key) => decoder.decode(await opened.store.get(key))))
    const hashes = new Set(
      named.flatMap((text) => (JSON.parse(text) as { chunks: { hash: string }[] }).chunks.map(({ hash }) => hash)),
    )
    expect(new Set(keys.filter((key) => key.includes('/chunks/')).map((key) => key.split('/').at(-1)))).toEqual(hashes)
  })

  it('a delete, and an import over it, leave no object of what was', async () => {
    const opened = await withRows()
    await opened.tenancy.archive(ACME)
    const file = await opened.tenancy.export(ACME, async ({ chunks }) => Buffer.concat(await gathered(chunks)))
    await opened.tenancy.archive(ACME)
    const { incarnation } = opened.tenancy.get(ACME)
    await opened.tenancy.import(ACME, streamOf(file))
    await gone(opened.store, incarnation)
    expect((await opened.sql(ACME, 'SELECT count(*) FROM note'))[0]).toEqual([3n])
    await opened.tenancy.archive(ACME)
    expect(await keysOf(opened.store)).not.toEqual([])
    await opened.tenancy.delete(ACME)
    await gone(opened.store)
  })

  it('without a store is refused, and an archived tenant says what is missing', async () => {
    const opened = await withRows()
    await opened.tenancy.archive(ACME)
    await opened.tenancy.close()
    const without = await open({ dataPath: opened.dataPath })
    expect(await codeOf(without.tenancy.archive(ACME))).toBe('store_not_configured')
    expect(await codeOf(contentOf(without))).toBe('store_not_configured')
    expect(without.tenancy.get(ACME)).toMatchObject({ state: 'archived', quarantineReason: undefined })
  })

  it('twelve tenants at once through a pool of two handles: each one goes, and comes back', async () => {
    const store = new MemoryStore(systemClock)
    const { tenancy, sql } = await open({ store, pool: { handlesMax: 2 } })
    const ids = Array.from({ length: 12 }, (_, index) => idOf(`t${index}`))
    const each = (work: (id: (typeof ids)[number]) => Promise<unknown>) => Promise.all(ids.map(work))
    await each((id) => tenancy.create(id))
    await each((id) => sql(id, 'CREATE TABLE note AS SELECT 1 AS one'))
    await each((id) => tenancy.archive(id))
    expect(ids.map((id) => tenancy.get(id).state)).toEqual(ids.map(() => 'archived'))
    await each(async (id) => expect(await sql(id, 'SELECT one FROM note')).toEqual([[1n]]))
  })

  it('tenants that are suspended or stopped stay where they are', async () => {
    const opened = await withRows()
    await opened.tenancy.suspend(ACME)
    expect(await codeOf(opened.tenancy.archive(ACME))).toBe('tenant_suspended')
    expect(tenantFiles(opened).filter((path) => path.endsWith('.db'))).toHaveLength(1)
  })
})

/** Resolves when nothing is stored of an incarnation, or of any. */
async function gone(store: BlobStore, incarnation = ''): Promise<void> {
  while ((await keysOf(store)).some((key) => key.includes(incarnation)))
    await new Promise((resolve) => setImmediate(resolve))
}

describe('idle tenants', () => {
  it('are archived when nobody has used them for as long as is set, and not before', async () => {
    const clock = new ManualClock(systemClock.nowMs())
    const store = new MemoryStore(clock)
    const opened = await open({ store, clock, archiveAfterMs: 3_600_000, pool: { idleMs: 1_000 } })
    await opened.tenancy.create(ACME)
    await opened.tenancy.setWake(ACME, clock.nowMs() + 10 * 3_600_000)
    const isOpen = () => opened.tenancy.poolStats().idle + opened.tenancy.poolStats().closing > 0
    while (isOpen()) await step(clock, 1_000)
    for (let minute = 0; minute < 50; minute += 1) await step(clock, 60_000)
    expect(opened.tenancy.get(ACME).state).toBe('warm')
    const openedBefore = opened.tenancy.poolStats().opened
    while (opened.tenancy.poolStats().opened === openedBefore) await step(clock, 60_000)
    await until(() => opened.events.some(({ type }) => type === 'archived')) // at its own pace: the clock stands
    expect(tenantFiles(opened)).toEqual([])
  })

  it('wait while the store is away: one event for all of them, and no request for each', async () => {
    const clock = new ManualClock(systemClock.nowMs())
    let getCount = 0
    let isAway = false
    const store = altered({
      get(real, key) {
        getCount += 1
        if (isAway) throw new TenaxError('unavailable', 'the store is away')
        return real.get(key)
      },
    })
    const opened = await open({ store, clock, archiveAfterMs: 3_600_000, pool: { idleMs: 1_000 } })
    for (let index = 0; index < 5; index += 1) await opened.tenancy.create(idOf(`t${index}`))
    isAway = true
    const isOpen = () => opened.tenancy.poolStats().idle + opened.tenancy.poolStats().closing > 0
    while (isOpen()) await step(clock, 1_000)
    getCount = 0
    const waits = () => opened.events.filter((event) => event.type === 'archiving_waits')
    while (waits().at(-1)?.tenantCount !== 5) await step(clock, 60_000) // a look that ends late lets a minute pass
    expect(waits().at(-1)?.reason).toBe('the store is away')
    expect(getCount).toBe(waits().length)
    expect(opened.events.every(({ type }) => type !== 'archive_failed')).toBe(true)
  })

  it('that are to be looked at soon stay, and an archived one is due when its time has come', async () => {
    const clock = new ManualClock(systemClock.nowMs())
    const opened = await open({ store: new MemoryStore(clock), clock })
    await opened.tenancy.create(ACME)
    await opened.tenancy.setWake(ACME, clock.nowMs() + 1_000)
    await opened.tenancy.archive(ACME)
    expect(opened.tenancy.dueTenants(clock.nowMs(), 10)).toEqual([])
    expect(opened.tenancy.dueTenants(clock.nowMs() + 1_000, 10).map(({ id }) => id)).toEqual([ACME])
  })
})

describe('a store that is unfit', () => {
  it('ends the start by name, before anything is stored in it, and lets the directory go', async () => {
    const opened = await withRows()
    await opened.tenancy.close()
    const overwriting = altered({
      async create(real, key, bytes) {
        await real.delete(key)
        await real.create(key, bytes)
      },
    })
    expect(await codeOf(open({ dataPath: opened.dataPath, store: overwriting }))).toBe('store_unfit')
    expect(await keysOf(overwriting)).toEqual([])
    const again = await open({ dataPath: opened.dataPath, store: opened.store })
    expect(await again.sql(ACME, 'SELECT count(*) FROM note')).toEqual([[3n]])
  })

  it('and one that is only away are told apart: that start goes well, and says that the store was not tried', async () => {
    const away = () => Promise.reject(new TenaxError('unavailable', 'the store is away'))
    const { events } = await open({ store: altered({ create: away }) })
    const reason = 'the store is away'
    expect(events).toEqual([
      { type: 'store_untried', reason },
      { type: 'shipping_waits', reason },
    ])
  })
})

describe('a store that hangs', () => {
  it('keeps neither a start from its end nor a close, though it hears no signal', async () => {
    let hangs = false
    const never = new Promise<never>(() => undefined)
    const store = altered({ get: (real, key) => (hangs ? never : real.get(key)) })
    const opened = await withRows(3, store)
    await opened.tenancy.archive(ACME)
    hangs = true
    const waiting = codeOf(contentOf(opened))
    await new Promise((resolve) => setImmediate(resolve))
    await opened.tenancy.close()
    expect(await waiting).toBe('unavailable')
    const clock = new ManualClock(systemClock.nowMs())
    const starting = open({ dataPath: opened.dataPath, store, clock })
    let hasEnded = false
    const ended = starting.finally(() => {
      hasEnded = true
    })
    ended.catch(() => undefined) // told below
    // The disk is a real one: the clock must not run away from it.
    for (; !hasEnded; await sleep(systemClock, 5)) await step(clock, 50)
    await (await starting).tenancy.close()
  })
})

describe('a store that is away', () => {
  it('keeps a warm tenant warm and an archived one archived, and stops nobody', async () => {
    const store = new MemoryStore(systemClock)
    let isAway = false
    const flaky = new Proxy(store, {
      get(target, name) {
        const value = Reflect.get(target, name) as unknown
        if (typeof value !== 'function') return value
        return (...args: unknown[]) => {
          if (isAway) throw new TenaxError('unavailable', 'the store is away')
          return value.apply(target, args) as unknown
        }
      },
    })
    const opened = await withRows(3, flaky)
    isAway = true
    expect(await codeOf(opened.tenancy.archive(ACME))).toBe('unavailable')
    expect(await opened.sql(ACME, 'SELECT count(*) FROM note')).toEqual([[3n]])
    isAway = false
    await opened.tenancy.archive(ACME)
    isAway = true
    expect(await codeOf(contentOf(opened))).toBe('unavailable')
    isAway = false
    expect(await opened.sql(ACME, 'SELECT count(*) FROM note')).toEqual([[3n]])
  })
})
