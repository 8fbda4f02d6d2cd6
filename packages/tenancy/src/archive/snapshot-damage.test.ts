/** Snapshots that are not, or not only, what this host has stored. */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { MemoryStore } from '@tenax/blobstore'
import { systemClock, TenaxError } from '@tenax/kernel'
import { describe, expect, it } from 'vitest'
import { ACME, altered, contentOf, keysOf, tenancyWithRows, tenantFiles } from '../fixtures/archived-tenant.ts'
import { codeOf, directoryMaker, gathered, tenancyMaker, until } from '../fixtures/test-bed.ts'

const open = tenancyMaker()
const withRows = tenancyWithRows(open)
const newDirectory = directoryMaker()

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
    await opened.store.put(key, bytes)
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

  it('a copy of a data directory goes on, and the other one is told at its start that it must not', async () => {
    const store = new MemoryStore(systemClock)
    const opened = await withRows(3, store)
    await opened.tenancy.archive(ACME)
    await opened.tenancy.close()
    const copyPath = newDirectory()
    cpSync(opened.dataPath, copyPath, { recursive: true })
    const copy = await open({ dataPath: copyPath, store })
    await copy.sql(ACME, "INSERT INTO note (text) VALUES ('of the copy')")
    await copy.tenancy.archive(ACME)
    for (let tries = 0; tries < 3; tries += 1) {
      expect(await codeOf(open({ dataPath: opened.dataPath, store }))).toBe('ledger_fenced')
    }
    expect(await copy.sql(ACME, 'SELECT count(*) FROM note')).toEqual([[4n]])
    await copy.tenancy.close()
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
