/** Restore in place: what a tenant had at a snapshot, what becomes of what it had until then, and what is refused. */
import { execFileSync } from 'node:child_process'
import { existsSync, linkSync, mkdirSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { type BlobStore, MemoryStore } from '@tenax/blobstore'
import { InvariantError, systemClock, TenaxError } from '@tenax/kernel'
import { describe, expect, it } from 'vitest'
import { reportDurability } from '../durability/report.ts'
import {
  ACME,
  altered,
  keysOf,
  type StoredTenancy,
  storeImage,
  tenancyWithRows,
  tenantFiles,
} from '../fixtures/archived-tenant.ts'
import { codeOf, directoryMaker, tenancyMaker } from '../fixtures/test-bed.ts'

const newDirectory = directoryMaker() // before the tenancies: what is made first goes last
const open = tenancyMaker()
const withRows = tenancyWithRows(open)

const texts = ({ sql }: StoredTenancy) => sql(ACME, "SELECT text FROM note WHERE text LIKE 'v%' ORDER BY text")
const add = ({ sql }: StoredTenancy, text: string) => sql(ACME, 'INSERT INTO note (text) VALUES (?)', text)
const manifests = async ({ tenancy }: StoredTenancy) => (await tenancy.snapshots(ACME)).map(({ number }) => number)
const mainFiles = (opened: StoredTenancy) => tenantFiles(opened).filter((path) => path.endsWith('.db'))

/** A tenant with the snapshots 1 (`v1`) and 2 (`v1`, `v2`), and `v3` since. */
async function withHistory(store = new MemoryStore(systemClock) as Parameters<typeof withRows>[1]) {
  const opened = await withRows(3, store)
  for (const text of ['v1', 'v2', 'v3']) {
    await add(opened, text)
    if (text !== 'v3') await opened.tenancy.archive(ACME)
  }
  return opened
}

describe('restore', () => {
  it('makes a tenant what it was at a snapshot, and one more restore what it was before', async () => {
    const opened = await withHistory()
    const before = await opened.tenancy.stats(ACME)
    const { record, replacedManifest } = await opened.tenancy.restore(ACME, 1)
    expect([record.state, record.incarnation, replacedManifest]).toEqual([
      'warm',
      opened.tenancy.get(ACME).incarnation,
      3,
    ])
    expect(await texts(opened)).toEqual([['v1']])
    const after = await opened.tenancy.stats(ACME)
    expect(after.lineage).not.toBe(before.lineage)
    expect(after.lsn).toBeGreaterThan(before.lsn)
    expect(mainFiles(opened)).toHaveLength(1)
    await opened.tenancy.restore(ACME, 3)
    expect(await texts(opened)).toEqual([['v1'], ['v2'], ['v3']])
    expect(opened.events.filter(({ type }) => type === 'restored')).toMatchObject([
      { manifest: 1, replaced: 3 },
      { manifest: 3, replaced: 4 },
    ])
  })

  it('may be repeated: the snapshot that is restored outlives the one that is taken before', async () => {
    const opened = await withHistory()
    await opened.tenancy.archive(ACME)
    expect(await manifests(opened)).toEqual([3, 2, 1])
    for (let round = 0; round < 3; round += 1) {
      await opened.tenancy.restore(ACME, 1)
      expect(await texts(opened)).toEqual([['v1']])
      await add(opened, `v-${round}`)
    }
  })

  it('ends the history that a position and a stream are of', async () => {
    const opened = await withHistory()
    const { lineage, lsn } = await opened.tenancy.stats(ACME)
    const { session } = await opened.tenancy.openSession(ACME)
    await opened.tenancy.restore(ACME, 2)
    const wait = { lineage, lsn, durability: 'local', timeoutMs: 0 } as const
    const report = await reportDurability({ tenancy: opened.tenancy, clock: systemClock }, ACME, wait)
    expect(report.waited).toBe('lost')
    expect(await codeOf(session.run('SELECT 1', { positional: [], named: [] }))).toBe('baton_invalid')
  })

  it('is served by a start behind it, and counted on', async () => {
    const opened = await withHistory()
    await opened.tenancy.restore(ACME, 1)
    await add(opened, 'v4')
    const { lsn } = await opened.tenancy.stats(ACME)
    await opened.tenancy.close()
    const again = { ...(await open({ dataPath: opened.dataPath, store: opened.store })), store: opened.store }
    expect(await texts(again)).toEqual([['v1'], ['v4']])
    expect((await again.tenancy.stats(ACME)).lsn).toBeGreaterThanOrEqual(lsn)
    await again.tenancy.archive(ACME)
    expect(await texts(again)).toEqual([['v1'], ['v4']])
  })

  it('of an archived tenant needs no snapshot more, and of a suspended one leaves it suspended', async () => {
    const opened = await withHistory()
    await opened.tenancy.archive(ACME)
    expect(await opened.tenancy.restore(ACME, 1)).toMatchObject({ replacedManifest: 3, record: { state: 'warm' } })
    await add(opened, 'v5')
    await opened.tenancy.suspend(ACME)
    const { record, replacedManifest } = await opened.tenancy.restore(ACME, 2)
    expect(record.suspendedAtMs).toBeDefined()
    expect(await codeOf(texts(opened))).toBe('tenant_suspended')
    await opened.tenancy.resume(ACME)
    expect(await texts(opened)).toEqual([['v1'], ['v2']])
    await opened.tenancy.restore(ACME, replacedManifest ?? 0)
    expect(await texts(opened)).toEqual([['v1'], ['v5']])
  })

  it('takes what was written between the snapshot and the close, too', async () => {
    let isLate = true
    const opened: StoredTenancy = await withHistory(
      altered({
        async create(store, key, bytes) {
          if (isLate && key.endsWith('00000003.json')) {
            isLate = false
            await add(opened, 'v-late')
          }
          await store.create(key, bytes)
        },
      }),
    )
    const { replacedManifest } = await opened.tenancy.restore(ACME, 1)
    expect(isLate).toBe(false)
    await opened.tenancy.restore(ACME, replacedManifest ?? 0)
    expect(await texts(opened)).toEqual([['v-late'], ['v1'], ['v2'], ['v3']])
  })
})

/** What a crash at this moment would leave: made by another process, because a live file is opened by nobody else in this one. */
async function crashImage({ dataPath, store }: StoredTenancy): Promise<{ dataPath: string; store: BlobStore }> {
  const image = { dataPath: join(newDirectory(), 'image'), store: await storeImage(store) }
  execFileSync('cp', ['-r', dataPath, image.dataPath]) // behind the other: nothing is stored that is not here
  return image
}

describe('a crash', () => {
  it('before the catalog has changed leaves what was, and behind it what was restored and written since', async () => {
    const images: { dataPath: string; store: BlobStore }[] = []
    const opened: StoredTenancy = await withHistory(
      altered({
        async create(store, key, bytes) {
          await store.create(key, bytes)
          if (key.endsWith('00000003.json')) images.push(await crashImage(opened))
        },
      }),
    )
    await opened.tenancy.restore(ACME, 1)
    images.push(await crashImage(opened))
    await add(opened, 'v7')
    await add(opened, 'v8')
    images.push(await crashImage(opened))
    const contents = await Promise.all(
      images.map(async (image) => {
        const after = { ...(await open(image)), store: image.store }
        expect(mainFiles(after)).toHaveLength(1)
        return texts(after)
      }),
    )
    expect(contents).toEqual([[['v1'], ['v2'], ['v3']], [['v1']], [['v1'], ['v7'], ['v8']]])
  })
})

describe('a restore of a quarantined tenant', () => {
  it('with a damaged file serves the snapshot, and keeps the file beside it', async () => {
    const opened = await withHistory()
    await opened.tenancy.close()
    const [name = ''] = mainFiles(opened)
    const path = join(opened.dataPath, 'shards', name)
    writeFileSync(path, 'no database')
    const again = { ...(await open({ dataPath: opened.dataPath, store: opened.store })), store: opened.store }
    expect(await again.tenancy.restore(ACME, 2)).toMatchObject({
      replacedManifest: undefined,
      record: { state: 'warm', quarantineReason: undefined },
    })
    expect(await texts(again)).toEqual([['v1'], ['v2']])
    expect(existsSync(path)).toBe(false)
    const aside = mainFiles(again).filter((one) => one.includes('/quarantine/'))
    expect(aside.map((one) => one.split('/').at(-1))).toEqual([name.split('/').at(-1)])
    await add(again, 'v6')
    await again.tenancy.close()
    const third = { ...(await open({ dataPath: opened.dataPath, store: opened.store })), store: opened.store }
    expect(await texts(third)).toEqual([['v1'], ['v2'], ['v6']])
    await third.tenancy.delete(ACME)
    expect(tenantFiles(third)).toEqual([])
  })

  it('that fails leaves the stopped file with one name, and so does a start behind a crash', async () => {
    let isAway = false
    const opened = await withHistory(
      altered({
        get: async (store, key) => {
          if (isAway && !key.includes('/chunks/') && !key.endsWith('00000001.json'))
            throw new TenaxError('unavailable', 'the store is away')
          return store.get(key)
        },
      }),
    )
    await opened.tenancy.use(ACME, async (handle) => void (await handle.examine(new InvariantError('made up'))))
    const names = () => mainFiles(opened).length
    expect(names()).toBe(1)
    isAway = true
    expect(await codeOf(opened.tenancy.restore(ACME, 1))).toBe('unavailable')
    isAway = false
    expect(names()).toBe(1)
    const [name = ''] = mainFiles(opened)
    const path = join(opened.dataPath, 'shards', name)
    await opened.tenancy.close()
    mkdirSync(join(dirname(path), 'quarantine'), { recursive: true })
    linkSync(path, join(dirname(path), 'quarantine', basename(path)))
    expect(names()).toBe(2)
    const again = { ...(await open({ dataPath: opened.dataPath, store: opened.store })), store: opened.store }
    expect(names()).toBe(1)
    await again.tenancy.resume(ACME)
    expect(await texts(again)).toEqual([['v1'], ['v2'], ['v3']])
  })

  it('with a damaged last snapshot serves the one before it', async () => {
    let isDamaged = false
    const opened = await withHistory(
      altered({
        get: async (store, key) => {
          if (isDamaged && key.endsWith('00000003.json')) return new Uint8Array(3)
          return store.get(key)
        },
      }),
    )
    await opened.tenancy.archive(ACME)
    isDamaged = true
    expect(await codeOf(texts(opened))).toBe('tenant_quarantined')
    expect(await codeOf(opened.tenancy.restore(ACME, 3))).toBe('snapshot_damaged')
    await opened.tenancy.restore(ACME, 2)
    expect(await texts(opened)).toEqual([['v1'], ['v2']])
  })
})

describe('a restore that cannot be', () => {
  it('changes nothing, and leaves no file', async () => {
    let isAway = false
    const opened = await withHistory(
      altered({
        put: async (store, key, bytes) => {
          if (isAway) throw new TenaxError('unavailable', 'the store is away')
          await store.put(key, bytes)
        },
      }),
    )
    const before = mainFiles(opened)
    expect(await codeOf(opened.tenancy.restore(ACME, 9))).toBe('snapshot_not_found')
    isAway = true
    expect(await codeOf(opened.tenancy.restore(ACME, 1))).toBe('unavailable')
    await opened.tenancy.suspend(ACME)
    expect(await codeOf(opened.tenancy.restore(ACME, 1))).toBe('unavailable')
    await opened.tenancy.resume(ACME)
    expect(mainFiles(opened)).toEqual(before)
    expect(await texts(opened)).toEqual([['v1'], ['v2'], ['v3']])
    isAway = false
    const chunks = (await keysOf(opened.store)).filter((key) => key.includes('/chunks/'))
    for (const key of chunks) await opened.store.delete(key)
    expect(await codeOf(opened.tenancy.restore(ACME, 1))).toBe('snapshot_damaged')
    expect(await texts(opened)).toEqual([['v1'], ['v2'], ['v3']])
  })

  it('without a store is refused by name', async () => {
    const { tenancy } = await open()
    await tenancy.create(ACME)
    expect(await codeOf(tenancy.restore(ACME, 1))).toBe('store_not_configured')
  })
})
