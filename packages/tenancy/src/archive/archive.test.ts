/** Tenants go to object storage and come back: what is there is what was committed, and nothing else is left anywhere. */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
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
  for await (const { key } of store.list('tenants/')) keys.push(key)
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
    const openedBefore = opened.tenancy.poolStats().opened
    while (opened.tenancy.poolStats().opened === openedBefore) await step(clock, 60_000)
    await until(() => opened.events.some(({ type }) => type === 'archived')) // at its own pace: the clock stands
    expect(tenantFiles(opened)).toEqual([])
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
  for (let turn = 0; turn < 100; turn += 1) await new Promise((resolve) => setImmediate(resolve))
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

  it('a copy of a data directory, also one with a higher epoch, stops before it takes what the other has stored', async () => {
    const store = new MemoryStore(systemClock)
    const opened = await withRows(3, store)
    await opened.tenancy.archive(ACME)
    await opened.tenancy.close()
    const copyPath = newDirectory()
    cpSync(opened.dataPath, copyPath, { recursive: true })
    const copy = await open({ dataPath: copyPath, store })
    await copy.sql(ACME, "INSERT INTO note (text) VALUES ('of the copy')")
    await copy.tenancy.archive(ACME)
    for (let start = 0; start < 2; start += 1) await (await open({ dataPath: opened.dataPath, store })).tenancy.close()
    const again = await open({ dataPath: opened.dataPath, store })
    await again.sql(ACME, 'DELETE FROM note')
    for (let tries = 0; tries < 3; tries += 1) expect(await codeOf(again.tenancy.archive(ACME))).toBe('snapshot_fenced')
    expect(await again.sql(ACME, 'SELECT count(*) FROM note')).toEqual([[0n]])
    expect(await copy.sql(ACME, 'SELECT count(*) FROM note')).toEqual([[4n]])
  })

  it('attempts that fail behind their manifest only take numbers, and what they have left is collected', async () => {
    let failures = 0
    const opened = await withRows(
      3,
      altered({
        get: (store, key) => {
          if (failures > 0 && key.includes('/manifests/')) {
            failures -= 1
            throw new TenaxError('unavailable', 'the store is away')
          }
          return store.get(key)
        },
      }),
    )
    for (let attempt = 0; attempt < 20; attempt += 1) {
      failures = 1
      expect(await codeOf(opened.tenancy.archive(ACME))).toBe('unavailable')
    }
    failures = 0
    await opened.tenancy.archive(ACME)
    expect((await keysOf(opened.store)).length).toBeLessThanOrEqual(6) // three that are whole
    expect(await opened.sql(ACME, 'SELECT count(*) FROM note')).toEqual([[3n]])
  })
})

/** A store in memory with some verbs of one's own. */
function altered(
  verbs: {
    readonly [V in 'get' | 'put' | 'delete']?: (
      store: MemoryStore,
      ...args: Parameters<MemoryStore[V]>
    ) => ReturnType<MemoryStore[V]>
  },
): BlobStore {
  const store = new MemoryStore(systemClock)
  return new Proxy(store, {
    get(target, name) {
      const own = Reflect.get(verbs, name) as ((store: MemoryStore, ...args: unknown[]) => unknown) | undefined
      if (own !== undefined) return async (...args: unknown[]) => own(target, ...args)
      const value = Reflect.get(target, name) as unknown
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

describe('the last good copy', () => {
  it('stays when the store does not give back what it was given', async () => {
    let isBroken = false
    const opened = await withRows(
      3_000,
      altered({
        put: (store, key, bytes) =>
          store.put(
            key,
            isBroken && key.includes('/chunks/') ? bytes.map((byte, at) => (at === 40 ? byte ^ 1 : byte)) : bytes,
          ),
      }),
    )
    const before = await contentOf(opened)
    isBroken = true
    expect(await codeOf(opened.tenancy.archive(ACME))).toBe('unavailable')
    expect(await contentOf(opened)).toEqual(before)
    isBroken = false
    await opened.tenancy.archive(ACME)
    expect(await contentOf(opened)).toEqual(before)
  })

  it.each(['nothing was written since', 'a row was written since'])(
    'makes a damaged snapshot good, when %s',
    async (when) => {
      const store = new MemoryStore(systemClock)
      const opened = await withRows(3_000, store)
      await opened.tenancy.archive(ACME)
      await opened.tenancy.hydrate(ACME)
      if (when.startsWith('a row')) await opened.sql(ACME, "UPDATE note SET text = 'x' WHERE id = 1")
      const before = await contentOf(opened)
      for (const key of await keysOf(store)) {
        if (!key.includes('/chunks/')) continue
        await store.delete(key)
        await store.put(key, new Uint8Array(9))
      }
      await opened.tenancy.archive(ACME)
      expect(await contentOf(opened)).toEqual(before)
    },
  )

  it('goes without what was set aside beside it', async () => {
    const opened = await withRows()
    const [file = ''] = tenantFiles(opened)
    const aside = join(opened.dataPath, 'shards', dirname(file), 'quarantine')
    mkdirSync(aside)
    writeFileSync(join(aside, 'entries'), 'of the ledger')
    await opened.tenancy.archive(ACME)
    expect(tenantFiles(opened)).toEqual([join(dirname(file), 'quarantine', 'entries')])
    await opened.tenancy.close()
    const again = await open({ dataPath: opened.dataPath, store: opened.store })
    expect(tenantFiles(again)).toEqual([join(dirname(file), 'quarantine', 'entries')])
    expect(await again.sql(ACME, 'SELECT count(*) FROM note')).toEqual([[3n]])
  })

  it('is not thrown away for another store, such as an empty mount point, and nobody is stopped for that', async () => {
    const opened = await withRows()
    await opened.tenancy.archive(ACME)
    await opened.tenancy.close()
    const wrong = await open({ dataPath: opened.dataPath, store: new MemoryStore(systemClock) })
    expect(await codeOf(contentOf(wrong))).toBe('unavailable')
    expect(await codeOf(wrong.tenancy.archive(ACME))).toBe('unavailable')
    await wrong.tenancy.close()
    const right = await open({ dataPath: opened.dataPath, store: opened.store })
    expect(await right.sql(ACME, 'SELECT count(*) FROM note')).toEqual([[3n]])
  })

  it('serves on behind an archive that could not wait for an export', async () => {
    const opened = await withRows()
    await opened.tenancy.export(ACME, async ({ chunks }) => {
      expect(await codeOf(opened.tenancy.archive(ACME))).toBe('tenant_busy')
      expect(await opened.sql(ACME, 'SELECT count(*) FROM note')).toEqual([[3n]])
      await gathered(chunks)
    })
    await opened.tenancy.archive(ACME)
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
    let isOpen = false
    void starting.then(() => {
      isOpen = true
    })
    while (!isOpen) await step(clock, 1_000)
    await (await starting).tenancy.close()
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
