/** Proofs that snapshots can be restored: what is named, what is kept, what is left. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type BlobStore, MemoryStore, openFsStore } from '@tenax/blobstore'
import { ManualClock, systemClock, TenaxError } from '@tenax/kernel'
import { describe, expect, it } from 'vitest'
import {
  ACME,
  altered,
  contentOf,
  keysOf,
  type StoredTenancy,
  step,
  tenancyWithRows,
} from '../fixtures/archived-tenant.ts'
import { edit, forgeSnapshot, replaceBlob, swapRows } from '../fixtures/forged-snapshot.ts'
import { idOf } from '../fixtures/settings.ts'
import { codeOf, directoryMaker, type OpenTenancy, tenancyMaker, until } from '../fixtures/test-bed.ts'
import { systemRandomId } from '../system-ids.ts'

const open = tenancyMaker()
const withRows = tenancyWithRows(open)
const newDirectory = directoryMaker()
const CHILD = fileURLToPath(new URL('../fixtures/proof-child.ts', import.meta.url))

const manifestOf = (keys: string[]) => keys.filter((key) => key.includes('/manifests/')).at(-1) ?? ''
const chunksOf = (keys: string[]) => keys.filter((key) => key.includes('/chunks/'))
const scratchOf = ({ dataPath }: OpenTenancy) => readdirSync(join(dataPath, 'uploads'))
const typesOf = ({ events }: OpenTenancy) => events.map(({ type }) => type)

/** A tenant with a snapshot; it is warm, or archived. */
async function snapshotted(state: 'warm' | 'archived', store: BlobStore = new MemoryStore(systemClock)) {
  const opened = await withRows(1_100, store) // two chunks
  await opened.tenancy.archive(ACME)
  if (state === 'warm') await opened.tenancy.hydrate(ACME)
  opened.events.length = 0
  return opened
}

describe('verify', () => {
  it.each(['warm', 'archived'] as const)(
    'proves the snapshot of a tenant that is %s, which stays so',
    async (state) => {
      const opened = await snapshotted(state)
      const { scrubber } = opened.tenancy
      expect(opened.tenancy.get(ACME).proof).toBeUndefined()
      expect(scrubber.stats()).toMatchObject({ snapshotCount: 1, unprovenCount: 1, oldestProofAgeMs: undefined })
      const proof = await scrubber.verify(ACME)
      expect(proof).toMatchObject({ tenantId: ACME, manifest: 1 })
      expect(proof.fileBytes).toBeGreaterThan(1_000_000)
      const proven = { number: 1, atMs: proof.provenAtMs }
      expect(opened.tenancy.get(ACME)).toMatchObject({ state, proof: { proven, damaged: undefined } })
      expect(scrubber.stats()).toMatchObject({ provenTotal: 1, snapshotCount: 1, unprovenCount: 0, damagedCount: 0 })
      expect(typesOf(opened)).toEqual(['snapshot_proven'])
      expect(scratchOf(opened)).toEqual([])
    },
  )

  it('is remembered by the next start, and forgotten with the tenant', async () => {
    const opened = await snapshotted('archived')
    await opened.tenancy.scrubber.verify(ACME)
    const { proof } = opened.tenancy.get(ACME)
    await opened.tenancy.close()
    const again = await open({ dataPath: opened.dataPath, store: opened.store })
    expect(again.tenancy.get(ACME).proof).toEqual(proof)
    expect(again.tenancy.list({ limit: 9, afterId: '', prefix: '', accepts: () => true }).tenants).toMatchObject([
      { proof },
    ])
    await again.tenancy.delete(ACME)
    await again.tenancy.create(ACME)
    expect(again.tenancy.get(ACME).proof).toBeUndefined()
    expect(again.tenancy.scrubber.stats()).toMatchObject({ snapshotCount: 0, oldestProofAgeMs: undefined })
  })

  it('of a tenant without a snapshot, or of none, or without a store, says so', async () => {
    const { tenancy } = await withRows()
    expect(await codeOf(tenancy.scrubber.verify(ACME))).toBe('snapshot_not_found')
    expect(await codeOf(tenancy.scrubber.verify(idOf('nobody')))).toBe('tenant_not_found')
    const without = await open()
    expect(await codeOf(() => without.tenancy.scrubber)).toBe('store_not_configured')
  })
})

type Damage = readonly [string, RegExp, (store: BlobStore, keys: string[]) => Promise<void>]

const DAMAGES: readonly Damage[] = [
  [
    'a chunk with another bit',
    /chunk [0-9a-f]{64} has other bytes/,
    (store, keys) =>
      replaceBlob(store, chunksOf(keys)[0] ?? '', (bytes) => bytes.map((byte, at) => (at === 99 ? byte ^ 1 : byte))),
  ],
  ['a chunk that is missing', /chunk [0-9a-f]{64} is missing/, (store, keys) => store.delete(chunksOf(keys)[1] ?? '')],
  [
    'a chunk in the place of another',
    /chunk [0-9a-f]{64} has/,
    async (store, keys) => {
      const [from = '', to = ''] = chunksOf(keys)
      const foreign = await store.get(from)
      await replaceBlob(store, to, () => foreign)
    },
  ],
  ['a manifest that is missing', /manifest 1 is missing/, (store, keys) => store.delete(manifestOf(keys))],
  [
    "another tenant's manifest",
    /another tenant/,
    (store, keys) => replaceBlob(store, manifestOf(keys), edit(/"acme"/, '"other"')),
  ],
  [
    'another checksum',
    /checksum of its manifest/,
    (store, keys) => replaceBlob(store, manifestOf(keys), edit(/"checksum": "[^"]*/, '"checksum": "0123456789abcdef')),
  ],
  [
    'pages that are right, of a database that is not',
    /integrity_check: .*out of order/,
    (store, keys) => forgeSnapshot(store, manifestOf(keys), swapRows),
  ],
  [
    'pages that are right, of a file that is none',
    /SQLite cannot read it/,
    (store, keys) => forgeSnapshot(store, manifestOf(keys), (file) => file.fill(7, 0, 16)),
  ],
  [
    "pages that are right, of another tenant's file",
    /describes another tenant's file/,
    (store, keys) =>
      forgeSnapshot(store, manifestOf(keys), (file) => {
        const [, , incarnation = ''] = manifestOf(keys).split('/')
        Buffer.from(file.buffer, file.byteOffset, file.length).write(
          'a'.repeat(20),
          Buffer.from(file).indexOf(incarnation),
        )
      }),
  ],
]

describe('damage', () => {
  it.each(DAMAGES)(
    '%s is named; a warm tenant serves on, and its next snapshot is a whole new one',
    async (_, said, damage) => {
      const opened = await snapshotted('warm')
      const before = await contentOf(opened)
      const keys = await keysOf(opened.store)
      await damage(opened.store, keys)
      const { tenancy } = opened
      await expect(tenancy.scrubber.verify(ACME)).rejects.toMatchObject({
        ...{ code: 'snapshot_damaged', details: { manifest: 1 }, message: expect.stringMatching(said) },
      })
      expect(tenancy.get(ACME)).toMatchObject({
        ...{ state: 'warm', quarantineReason: undefined },
        proof: { proven: undefined, damaged: { number: 1, reason: expect.stringMatching(said) } },
      })
      expect(opened.events).toMatchObject([
        { type: 'snapshot_damaged', tenantId: ACME, manifest: 1, isOnlyCopy: false },
      ])
      expect(tenancy.scrubber.stats()).toMatchObject({ damagedTotal: 1, damagedCount: 1 })
      expect(scratchOf(opened)).toEqual([])
      await tenancy.archive(ACME)
      const text = new TextDecoder().decode(await opened.store.get(manifestOf(await keysOf(opened.store))))
      for (const key of chunksOf(keys)) expect(text).not.toContain(key.split('/').at(-2))
      expect(tenancy.get(ACME).proof).toBeUndefined()
      await tenancy.scrubber.verify(ACME)
      expect(await contentOf(opened)).toEqual(before)
    },
  )

  it.each([DAMAGES[1], DAMAGES[6]] as Damage[])(
    '%s stops a tenant that is archived, since it has no other copy',
    async (_, said, damage) => {
      const opened = await snapshotted('archived')
      await damage(opened.store, await keysOf(opened.store))
      expect(await codeOf(opened.tenancy.scrubber.verify(ACME))).toBe('snapshot_damaged')
      expect(opened.tenancy.get(ACME)).toMatchObject({
        state: 'archived',
        quarantineReason: expect.stringMatching(said),
      })
      await until(() => typesOf(opened).includes('quarantined'))
      expect(opened.events).toMatchObject([{ type: 'snapshot_damaged', isOnlyCopy: true }, { type: 'quarantined' }])
      expect(await codeOf(contentOf(opened))).toBe('tenant_quarantined')
    },
  )

  it('counts at the second look: a store that once gave something else has done no harm', async () => {
    let isWrong = false
    const store = altered({
      async get(real, key) {
        const bytes = await real.get(key)
        if (!isWrong || !key.includes('/chunks/')) return bytes
        isWrong = false
        return bytes.map((byte) => byte ^ 1)
      },
    })
    const opened = await snapshotted('archived', store)
    isWrong = true
    await opened.tenancy.scrubber.verify(ACME)
    expect(opened.tenancy.get(ACME)).toMatchObject({ quarantineReason: undefined, proof: { damaged: undefined } })
  })

  it('that was mended is forgotten by the next proof', async () => {
    const opened = await snapshotted('warm')
    const key = chunksOf(await keysOf(opened.store))[0] ?? ''
    const bytes = await opened.store.get(key)
    await opened.store.delete(key)
    expect(await codeOf(opened.tenancy.scrubber.verify(ACME))).toBe('snapshot_damaged')
    await opened.store.put(key, bytes)
    await opened.tenancy.scrubber.verify(ACME)
    expect(opened.tenancy.get(ACME).proof).toMatchObject({ proven: { number: 1 }, damaged: undefined })
  })
})

describe('what is no damage', () => {
  it.each([
    ['a full-text index', 'CREATE VIRTUAL TABLE i USING fts5(a)', 'DELETE FROM i_data WHERE id > 10'],
    ['an R-tree', 'CREATE VIRTUAL TABLE i USING rtree(id, a, b)', 'DELETE FROM i_rowid'],
  ])('%s that a tenant has spoilt by its own SQL: it is proven, and comes back', async (_, create, spoil) => {
    const opened = await snapshotted('warm')
    await opened.sql(ACME, create)
    await opened.sql(ACME, `INSERT INTO i VALUES ${create.includes('fts5') ? "('a word')" : '(1, 2, 3)'}`)
    await opened.sql(ACME, spoil)
    await opened.tenancy.archive(ACME)
    expect(await opened.tenancy.scrubber.verify(ACME)).toMatchObject({ manifest: 2 })
    expect(await opened.sql(ACME, 'SELECT count(*) FROM note')).toEqual([[1_100n]])
  })

  const nothingSaid = ({ tenancy, ...opened }: StoredTenancy) => {
    expect(tenancy.get(ACME)).toMatchObject({ state: 'archived', quarantineReason: undefined })
    expect(tenancy.get(ACME).proof).toBeUndefined()
    expect(scratchOf({ tenancy, ...opened })).toEqual([])
  }

  it('a store that goes away meanwhile, or is another one than before', async () => {
    let isAway = false
    const store = altered({
      get(real, key) {
        if (isAway && key.includes('/chunks/')) throw new TenaxError('unavailable', 'the store is away')
        return real.get(key)
      },
    })
    const opened = await snapshotted('archived', store)
    isAway = true
    expect(await codeOf(opened.tenancy.scrubber.verify(ACME))).toBe('unavailable')
    nothingSaid(opened)
    await opened.tenancy.close()
    const wrong = await open({ dataPath: opened.dataPath, store: new MemoryStore(systemClock) })
    expect(await codeOf(wrong.tenancy.scrubber.verify(ACME))).toBe('unavailable')
    nothingSaid({ ...wrong, store })
  })

  it('a store that is another one from the second look on, such as a disk that was unmounted', async () => {
    let looks = -1
    const store = altered({
      get(real, key) {
        if (looks === 0 && key.includes('/chunks/')) looks = 1
        else if (looks === 1 && key.includes('/manifests/')) looks = 2
        return real.get(looks > 0 && (looks === 2 || key.includes('/chunks/')) ? `none/${key}` : key)
      },
    })
    const opened = await snapshotted('archived', store)
    looks = 0
    expect(await codeOf(opened.tenancy.scrubber.verify(ACME))).toBe('unavailable')
    nothingSaid(opened)
  })

  it('writes and newer snapshots meanwhile: the newest is proven in the end', async () => {
    let during: (() => Promise<void>) | undefined
    const store = altered({
      async get(real, key) {
        const work = key.includes('/chunks/') ? during : undefined
        during = during === work ? undefined : during
        await work?.()
        return real.get(key)
      },
    })
    const opened = await snapshotted('warm', store)
    during = async () => {
      for (let round = 0; round < 4; round += 1) {
        await opened.sql(ACME, 'UPDATE note SET text = hex(randomblob(500))')
        await opened.tenancy.archive(ACME)
      }
      await opened.tenancy.hydrate(ACME)
    }
    expect(await opened.tenancy.scrubber.verify(ACME)).toMatchObject({ manifest: 5 })
    expect(opened.tenancy.get(ACME).proof).toMatchObject({ proven: { number: 5 }, damaged: undefined })
  })

  it('a store that hangs: the proof ends after its longest call, and keeps no close from its end', async () => {
    const clock = new ManualClock(systemClock.nowMs())
    let hangs = false
    const never = new Promise<never>(() => undefined)
    const store = altered({ get: (real, key) => (hangs && key.includes('/chunks/') ? never : real.get(key)) })
    const opened = { ...(await open({ store, clock })), store }
    await opened.tenancy.create(ACME)
    await opened.tenancy.archive(ACME)
    hangs = true
    let code = ''
    void codeOf(opened.tenancy.scrubber.verify(ACME)).then((found) => (code = found))
    while (code === '') await step(clock, 10_000)
    expect(code).toBe('unavailable')
    nothingSaid(opened)
    const waiting = codeOf(opened.tenancy.scrubber.verify(ACME))
    await until(() => scratchOf(opened).length > 0)
    await opened.tenancy.close()
    expect(await waiting).toBe('unavailable')
    expect(scratchOf(opened)).toEqual([])
  })
})

it('a scratch file that SIGKILL has left is gone with the next start', async () => {
  const directory = newDirectory()
  const opened = await snapshotted('archived', await openFsStore({ directory, randomId: systemRandomId }))
  await opened.tenancy.close()
  const [, signal] = await once(spawn(process.execPath, [CHILD, opened.dataPath, directory, ACME]), 'exit')
  expect(signal).toBe('SIGKILL')
  expect(scratchOf(opened)).toHaveLength(1)
  const again = await open({ dataPath: opened.dataPath, store: opened.store })
  expect(scratchOf(again)).toEqual([])
  expect(await again.tenancy.scrubber.verify(ACME)).toMatchObject({ manifest: 1 })
})

describe('in turn', () => {
  it('a snapshot is proven after each interval; while there is none, nothing is asked of the store', async () => {
    const clock = new ManualClock(systemClock.nowMs())
    let calls = 0
    const store = altered({
      get(real, key) {
        calls += 1
        return real.get(key)
      },
    })
    const opened = await open({ store, clock, scrubEveryMs: 60_000 })
    await opened.tenancy.create(ACME)
    calls = 0
    for (let minute = 0; minute < 5; minute += 1) await step(clock, 60_000)
    expect(calls).toBe(0)
    await opened.tenancy.archive(ACME)
    const proofs = () => typesOf(opened).filter((type) => type === 'snapshot_proven').length
    for (let count = 1; count <= 3; count += 1) {
      clock.advance(60_000)
      await until(() => proofs() === count)
      await step(clock, 1_000)
    }
    expect(opened.tenancy.scrubber.stats().oldestProofAgeMs).toBeLessThan(60_000)
  })

  it('tells of a proof that could not be made, and goes on', async () => {
    const clock = new ManualClock(systemClock.nowMs())
    let isAway = false
    const store = altered({
      get(real, key) {
        if (isAway) throw new TenaxError('unavailable', 'the store is away')
        return real.get(key)
      },
    })
    const opened = await open({ store, clock, scrubEveryMs: 60_000 })
    await opened.tenancy.create(ACME)
    await opened.tenancy.archive(ACME)
    isAway = true
    await step(clock, 60_000)
    await until(() => typesOf(opened).includes('proof_failed'))
    expect(opened.events.at(-1)).toEqual({ type: 'proof_failed', tenantId: ACME, reason: 'the store is away' })
    isAway = false
    await step(clock, 60_000)
    await until(() => typesOf(opened).includes('snapshot_proven')) // the clock stands: a second jump would end its calls
    expect(opened.tenancy.scrubber.stats()).toMatchObject({ failedTotal: 1 })
  })
})
