/** Tenants go to object storage and come back: what is there is what was committed, and nothing else is left anywhere. */
import { join } from 'node:path'
import type { BlobStore } from '@tenax/blobstore'
import { MemoryStore, openFsStore } from '@tenax/blobstore'
import { ManualClock, systemClock, TenaxError } from '@tenax/kernel'
import { describe, expect, it } from 'vitest'
import { idOf, streamOf } from '../fixtures/settings.ts'
import {
  codeOf,
  directoryMaker,
  filesBelow,
  gathered,
  type OpenTenancy,
  tenancyMaker,
  until,
} from '../fixtures/test-bed.ts'
import { systemRandomId } from '../system-ids.ts'

const open = tenancyMaker()
const newDirectory = directoryMaker()
const ACME = idOf('acme')

async function keysOf(store: BlobStore): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of store.list('')) keys.push(key)
  return keys
}

/** A tenancy over a store of its own, with one tenant that has rows. */
async function withRows(
  rowCount = 3,
  store: BlobStore = new MemoryStore(systemClock),
): Promise<OpenTenancy & { store: BlobStore }> {
  const opened = await open({ store })
  await opened.tenancy.create(ACME)
  await opened.sql(ACME, 'CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT)')
  await write(opened, rowCount)
  return { ...opened, store }
}

const write = ({ sql }: OpenTenancy, rowCount: number) =>
  sql(
    ACME,
    'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) INSERT INTO note (text) SELECT hex(randomblob(500)) FROM n',
    BigInt(rowCount),
  )

/** What a tenant's file has in it. */
const contentOf = ({ sql }: OpenTenancy) => sql(ACME, 'SELECT count(*), sum(id), max(text), min(text) FROM note')

const tenantFiles = ({ dataPath }: OpenTenancy) =>
  filesBelow(join(dataPath, 'shards')).filter((path) => !path.includes('catalog'))

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
    await opened.tenancy.import(ACME, streamOf(file))
    await gone(opened.store)
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

/** Resolves when nothing is stored. */
async function gone(store: BlobStore): Promise<void> {
  while ((await keysOf(store)).length > 0) await new Promise((resolve) => setImmediate(resolve))
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
    while (opened.tenancy.get(ACME).state === 'warm') await step(clock, 60_000)
    await until(() => tenantFiles(opened).length === 0)
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

/** Moves the clock, and lets what that begins come to its end. */
async function step(clock: ManualClock, ms: number): Promise<void> {
  clock.advance(ms)
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

describe('a snapshot that is not what was stored', () => {
  const corrupted = async (corrupt: (store: MemoryStore, keys: string[]) => Promise<void>) => {
    const store = new MemoryStore(systemClock)
    const opened = await withRows(3_000, store)
    const before = await contentOf(opened)
    await opened.tenancy.archive(ACME)
    await corrupt(store, await keysOf(store))
    const code = await codeOf(contentOf(opened))
    await until(() => opened.events.some(({ type }) => type === 'quarantined'))
    return { opened, before, code, reason: opened.tenancy.get(ACME).quarantineReason ?? '' }
  }
  const manifestOf = (keys: string[]) => keys.find((key) => key.includes('/manifests/')) ?? ''
  const chunkOf = (keys: string[]) => keys.find((key) => key.includes('/chunks/')) ?? ''
  const replace = async (store: MemoryStore, key: string, change: (bytes: Uint8Array) => Uint8Array) => {
    const bytes = await store.get(key)
    await store.delete(key)
    await store.create(key, change(bytes))
  }
  const edit = (from: RegExp, to: string) => (bytes: Uint8Array) =>
    new TextEncoder().encode(new TextDecoder().decode(bytes).replace(from, to))

  it.each([
    [
      'a chunk with one other bit',
      /has other bytes/,
      (store, keys) => replace(store, chunkOf(keys), (bytes) => bytes.map((byte, at) => (at === 99 ? byte ^ 1 : byte))),
    ],
    [
      'a chunk that was cut short',
      /has \d+ bytes instead of/,
      (store, keys) => replace(store, chunkOf(keys), (bytes) => bytes.subarray(0, 500)),
    ],
    ['a chunk that is missing', /is missing/, (store, keys) => store.delete(chunkOf(keys))],
    ['a manifest that is missing', /manifest 1 is missing/, (store, keys) => store.delete(manifestOf(keys))],
    [
      'a manifest that was cut short',
      /is no JSON/,
      (store, keys) => replace(store, manifestOf(keys), (bytes) => bytes.subarray(0, 200)),
    ],
    [
      "another tenant's manifest",
      /another tenant/,
      (store, keys) => replace(store, manifestOf(keys), edit(/"acme"/, '"other"')),
    ],
    [
      "another incarnation's manifest",
      /another incarnation/,
      (store, keys) =>
        replace(store, manifestOf(keys), edit(/"incarnation": "[^"]*/, `"incarnation": "${'a'.repeat(20)}`)),
    ],
    [
      "another lineage's manifest",
      /another lineage/,
      (store, keys) => replace(store, manifestOf(keys), edit(/"lineage": "[^"]*/, `"lineage": "${'a'.repeat(20)}`)),
    ],
    [
      'another number',
      /another number/,
      (store, keys) => replace(store, manifestOf(keys), edit(/"number": 1/, '"number": 2')),
    ],
    [
      'another position',
      /another position/,
      (store, keys) => replace(store, manifestOf(keys), edit(/"lsn": "\d+/, '"lsn": "1')),
    ],
    [
      'another checksum',
      /checksum of its manifest/,
      (store, keys) => replace(store, manifestOf(keys), edit(/"checksum": "[^"]*/, '"checksum": "0123456789abcdef')),
    ],
    [
      'a format of another Tenax',
      /not of format 1/,
      (store, keys) => replace(store, manifestOf(keys), edit(/"format": 1/, '"format": 2')),
    ],
  ] as [string, RegExp, (store: MemoryStore, keys: string[]) => Promise<void>][])(
    '%s stops the tenant by name',
    async (_, said, corrupt) => {
      const { opened, code, reason } = await corrupted(corrupt)
      expect(code).toBe('tenant_quarantined')
      expect(reason).toMatch(said)
      expect(tenantFiles(opened)).toEqual([])
      expect(opened.tenancy.get(ACME).state).toBe('archived')
    },
  )

  it('is tried again when the tenant is resumed, and serves when it was mended', async () => {
    let lost: [string, Uint8Array] | undefined
    const { opened, before } = await corrupted(async (store, keys) => {
      lost = [chunkOf(keys), await store.get(chunkOf(keys))]
      await store.delete(chunkOf(keys))
    })
    await opened.tenancy.resume(ACME)
    expect(await codeOf(contentOf(opened))).toBe('tenant_quarantined')
    const [key, bytes] = lost ?? ['', new Uint8Array()]
    await (opened as OpenTenancy & { store: BlobStore }).store.put(key, bytes)
    await opened.tenancy.resume(ACME)
    expect(await contentOf(opened)).toEqual(before)
  })
})

describe('two who think that the tenant is theirs', () => {
  it("the one who finds the other's manifest stops, overwrites nothing and keeps its file", async () => {
    const opened = await withRows()
    await opened.tenancy.archive(ACME)
    await opened.sql(ACME, 'DELETE FROM note')
    const [first = ''] = (await keysOf(opened.store)).filter((key) => key.includes('/manifests/'))
    const foreign = new TextDecoder()
      .decode(await opened.store.get(first))
      .replace('"number": 1', '"number": 2')
      .replace(/"nonce": "[^"]*/, '"nonce": "other')
    const key = first.replace('00000001', '00000002')
    await opened.store.create(key, new TextEncoder().encode(foreign))
    expect(await codeOf(opened.tenancy.archive(ACME))).toBe('snapshot_fenced')
    expect(new TextDecoder().decode(await opened.store.get(key))).toBe(foreign)
    expect(await opened.sql(ACME, 'SELECT count(*) FROM note')).toEqual([[0n]])
  })

  it('a manifest that an earlier life of this host left behind only takes a number', async () => {
    const opened = await withRows()
    await opened.tenancy.archive(ACME)
    const [first = ''] = (await keysOf(opened.store)).filter((key) => key.includes('/manifests/'))
    const own = new TextDecoder().decode(await opened.store.get(first)).replace('"number": 1', '"number": 2')
    await opened.store.create(first.replace('00000001', '00000002'), new TextEncoder().encode(own))
    await opened.sql(ACME, 'DELETE FROM note')
    await opened.tenancy.archive(ACME)
    expect(await opened.sql(ACME, 'SELECT count(*) FROM note')).toEqual([[0n]])
  })
})

describe('a store that removes late', () => {
  it('takes nothing that a later snapshot names, though its bytes are those that were to go', async () => {
    const store = new MemoryStore(systemClock)
    const late: string[] = []
    const postponing = new Proxy(store, {
      get(target, name) {
        const value = Reflect.get(target, name) as unknown
        if (name === 'delete')
          return async (key: string) => void (key.includes('/chunks/') ? late.push(key) : await store.delete(key))
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const opened = await withRows(3_000, postponing)
    for (const text of ['a', 'b', 'c', 'd', 'e', 'a']) {
      await opened.sql(ACME, `UPDATE note SET text = '${text.repeat(1_000)}'`)
      await opened.tenancy.archive(ACME)
    }
    expect(late.length).toBeGreaterThan(4)
    for (const key of late) await store.delete(key)
    expect(await opened.sql(ACME, "SELECT count(*) FROM note WHERE text LIKE 'aaaa%'")).toEqual([[3_000n]])
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
