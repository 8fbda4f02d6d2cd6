/** A host's commits go to object storage: what is promised `remote` is there, and what is there is the files, page by page. */
import { cpSync, readFileSync } from 'node:fs'
import { type BlobStore, MemoryStore } from '@tenax/blobstore'
import { sleep, systemClock } from '@tenax/kernel'
import { describe, expect, it } from 'vitest'
import { catalogIncarnation } from '../catalog.ts'
import { Gate } from '../durability/gate.ts'
import { reportDurability } from '../durability/report.ts'
import { Layout } from '../files/layout.ts'
import { ACME } from '../fixtures/archived-tenant.ts'
import { replayChain, sameFile } from '../fixtures/replayed-chain.ts'
import { idOf, NONE, streamOf } from '../fixtures/settings.ts'
import { switchable } from '../fixtures/switchable-store.ts'
import { codeOf, directoryMaker, gathered, type OpenTenancy, tenancyMaker, until } from '../fixtures/test-bed.ts'
import { readRoot } from './ledger-root.ts'

/** A small generator with a seed (mulberry32), so that a failure repeats. */
function seeded(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

const newDirectory = directoryMaker() // before the tenancies: what is made first goes last
const open = tenancyMaker()
const dataIdAt = (path: string) => String(JSON.parse(readFileSync(new Layout(path).identity, 'utf8')).dataId)

function executeRemote({ tenancy }: OpenTenancy, sql: string) {
  return tenancy.use(ACME, (handle) => handle.execute(sql, NONE, new Gate(tenancy.classes.promised('remote'))))
}

/** What every tenant has. */
async function contentsOf({ tenancy, sql }: OpenTenancy): Promise<unknown> {
  const { tenants } = tenancy.list({ limit: 100, afterId: '', prefix: '', accepts: () => true })
  const contents: unknown[] = []
  for (const { id } of tenants) {
    contents.push([
      id,
      await sql(id, 'SELECT count(*), sum(length(text)), max(text) FROM note'),
      await sql(id, 'PRAGMA integrity_check'),
    ])
  }
  return contents
}

/** Closes the tenancy, and compares every file with what is stored. */
async function closedAndSame(opened: OpenTenancy, store: BlobStore): Promise<void> {
  const { tenancy, dataPath } = opened
  const layout = new Layout(dataPath)
  const dataId = dataIdAt(dataPath)
  const tenants = tenancy.list({ limit: 100, afterId: '', prefix: '', accepts: () => true }).tenants
  await tenancy.close()
  const replayed = await replayChain(store, dataId)
  const paths: (readonly [string, string])[] = [0, 1].map((shard) => [catalogIncarnation(shard), layout.catalog(shard)])
  for (const record of tenants) {
    const shard = [0, 1].find((one) => existsAt(layout.tenantFile(one, record))) ?? 0
    paths.push([record.incarnation, layout.tenantFile(shard, record)])
  }
  for (const [incarnation, path] of paths) {
    const file = replayed.get(incarnation)
    expect([path, file && sameFile(file, readFileSync(path))]).toEqual([path, 'same'])
  }
}

function existsAt(path: string): boolean {
  try {
    readFileSync(path)
    return true
  } catch {
    return false
  }
}

describe('shipping', () => {
  it('brings everything to the store by itself, and a stop brings the rest', async () => {
    const { store } = switchable()
    const opened = await open({ store })
    await opened.tenancy.create(ACME)
    await opened.sql(ACME, 'CREATE TABLE note (text)')
    await until(() => opened.tenancy.ledgerStats().shipping?.lagMs === 0)
    for (let count = 0; count < 50; count += 1) await opened.sql(ACME, 'INSERT INTO note VALUES (randomblob(900))')
    await closedAndSame(opened, store)
  })

  it('an idle host asks the store for nothing', async () => {
    let calls = 0
    const { store, inner } = switchable()
    const counted = new Proxy(store, {
      get(target, name) {
        const value = Reflect.get(target, name) as unknown
        if (typeof value !== 'function') return value
        return (...args: unknown[]) => {
          calls += 1
          return value.apply(inner, args) as unknown
        }
      },
    })
    const opened = await open({ store: counted })
    await opened.tenancy.create(ACME)
    await until(() => opened.tenancy.ledgerStats().shipping?.lagMs === 0)
    calls = 0
    await sleep(systemClock, 1_200)
    expect(calls).toBe(0)
  })

  it('a reply of class remote leaves when all that it saw is stored; the report says how far that is', async () => {
    const bed = switchable()
    const opened = await open({ store: bed.store })
    await opened.tenancy.create(ACME)
    await executeRemote(opened, 'CREATE TABLE note (text)')
    bed.isAway = true
    await opened.sql(ACME, "INSERT INTO note VALUES ('local')")
    let isAnswered = false
    const reply = executeRemote(opened, 'SELECT count(*) FROM note').finally(() => {
      isAnswered = true
    })
    const report = await reportDurability({ tenancy: opened.tenancy, clock: systemClock }, ACME)
    expect([report.committed - (report.remote ?? 0n), report.committed - report.local, isAnswered]).toEqual([
      1n,
      0n,
      false,
    ])
    bed.isAway = false
    expect((await reply).rows).toEqual([[1n]])
    const { lineage, committed: lsn } = report
    const wait = { lineage, lsn, durability: 'remote', timeoutMs: 5_000 } as const
    const after = await reportDurability({ tenancy: opened.tenancy, clock: systemClock }, ACME, wait)
    expect([after.waited, after.remote]).toEqual(['reached', lsn])
  })

  it('a file that is opened again has seen what was not stored when it was closed', async () => {
    const bed = switchable()
    const opened = await open({ store: bed.store, pool: { handlesMax: 1, idleMs: 1 } })
    await opened.tenancy.create(ACME)
    await opened.tenancy.create(idOf('other'))
    await until(() => opened.tenancy.ledgerStats().shipping?.lagMs === 0)
    bed.isAway = true
    await opened.sql(ACME, 'CREATE TABLE note (text)')
    await opened.sql(idOf('other'), 'SELECT 1')
    let isAnswered = false
    const reply = executeRemote(opened, 'SELECT count(*) FROM note').finally(() => {
      isAnswered = true
    })
    for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setImmediate(resolve))
    expect(isAnswered).toBe(false)
    bed.isAway = false
    await reply
  })

  it('a host without a store promises no remote', async () => {
    const { tenancy } = await open()
    expect(await codeOf(() => tenancy.classes.promised('remote'))).toBe('remote_not_configured')
    expect(await codeOf(tenancy.create(ACME, { durability: 'remote' }))).toBe('remote_not_configured')
  })

  it('a store that is away at a start keeps nobody from writing, and has everything when it is back', async () => {
    const bed = switchable()
    const first = await open({ store: bed.store })
    await first.tenancy.create(ACME)
    await first.sql(ACME, 'CREATE TABLE note (text)')
    await first.tenancy.close()
    bed.isAway = true
    const opened = await open({ store: bed.store, dataPath: first.dataPath })
    await opened.sql(ACME, "INSERT INTO note VALUES ('meanwhile')")
    expect(opened.tenancy.ledgerStats().shipping).toMatchObject({ state: 'waiting' })
    bed.isAway = false
    await executeRemote(opened, 'SELECT 1')
    expect(opened.tenancy.ledgerStats().shipping).toMatchObject({ state: 'shipping' })
    expect(opened.events.map(({ type }) => type)).toEqual(expect.arrayContaining(['shipping_waits', 'shipping']))
    await closedAndSame(opened, bed.store)
  })
})

describe('a data directory that gets a store later', () => {
  it('has a snapshot of every tenant, its catalogs in the ledger, and the root only then', async () => {
    const before = await open()
    await before.tenancy.create(ACME)
    await before.sql(ACME, 'CREATE TABLE note (text)')
    await before.tenancy.close()
    const { store } = switchable()
    const opened = await open({ store, dataPath: before.dataPath })
    expect((await opened.tenancy.snapshots(ACME)).map(({ number }) => number)).toEqual([1])
    expect(await readRoot(store, dataIdAt(before.dataPath))).toMatchObject({ shardCount: 2 })
    await opened.tenancy.close()
    const replayed = await replayChain(store, dataIdAt(before.dataPath))
    for (const shard of [0, 1]) {
      const file = replayed.get(catalogIncarnation(shard))
      const bytes = readFileSync(new Layout(before.dataPath).catalog(shard))
      expect(file && sameFile(file, bytes)).toBe('same')
    }
  })
})

describe('two hosts on one data', () => {
  it('the one that was copied away stops when it stores next, and what it had is still in its directory', async () => {
    const bed = switchable()
    const failures: unknown[] = []
    const old = await open({ store: bed.store, onFatal: (error) => failures.push(error) })
    await old.tenancy.create(ACME)
    await executeRemote(old, 'CREATE TABLE note (text)')
    const copyPath = newDirectory()
    cpSync(old.dataPath, copyPath, { recursive: true })
    const copy = await open({ store: bed.store, dataPath: copyPath })
    expect(await codeOf(executeRemote(old, "INSERT INTO note VALUES ('zombie')"))).toBe('outcome_unknown')
    expect(failures).toMatchObject([{ code: 'ledger_fenced' }])
    expect((await executeRemote(copy, 'SELECT count(*) FROM note')).rows).toEqual([[0n]])
    await old.tenancy.close().catch(() => undefined)
    expect(await codeOf(open({ store: bed.store, dataPath: old.dataPath }))).toBe('ledger_fenced')
    await closedAndSame(copy, bed.store)
  })

  it('a directory without its stored position is told that the history goes on elsewhere', async () => {
    const { store } = switchable()
    const before = await open()
    const copyPath = newDirectory()
    cpSync(before.dataPath, copyPath, { recursive: true })
    await before.tenancy.close()
    const attached = await open({ store, dataPath: before.dataPath })
    expect(await codeOf(open({ store, dataPath: copyPath }))).toBe('ledger_fenced')
    await attached.tenancy.close()
  })
})

describe('kill -9, again and again, with a store that comes and goes', () => {
  const seeds = Array.from({ length: 4 }, (_, index) => index + 1)
  it.each(seeds)(
    'what the store has at the end is every file, page by page, and a host on an empty directory has every row (seed %i)',
    async (seed) => {
      const random = seeded(seed)
      const inner = new MemoryStore(systemClock)
      let dataPath = newDirectory()
      for (let life = 0; life < 4; life += 1) {
        const bed = switchable(inner)
        bed.isAway = life > 0 && random() < 0.4
        const failures: unknown[] = []
        const opened = await open({
          store: bed.store,
          dataPath,
          onFatal: (error) => failures.push(error),
          ledgerBytesMax: 200_000,
        })
        for (let step = 0; step < 12; step += 1) {
          const id = idOf(`t${Math.floor(random() * 3)}`)
          if (random() < 0.2) bed.isAway = !bed.isAway
          const exists = (await codeOf(() => opened.tenancy.get(id))) === 'ok'
          if (!exists) await opened.tenancy.create(id)
          await opened.sql(id, 'CREATE TABLE IF NOT EXISTS note (text)')
          await opened.sql(id, `INSERT INTO note VALUES (randomblob(${Math.floor(random() * 9_000)}))`)
          if (random() < 0.1) await opened.sql(id, 'DELETE FROM note')
          if (random() < 0.1) await opened.sql(id, 'VACUUM')
          if (random() < 0.2) await opened.tenancy.stats(id)
        }
        if (life === 3) {
          bed.isAway = false
          await until(() => opened.tenancy.ledgerStats().shipping?.state === 'shipping')
          const before = await contentsOf(opened)
          await closedAndSame(opened, inner)
          const again = await open({ store: inner, dataPath: newDirectory() })
          expect(await contentsOf(again)).toEqual(before)
          await again.tenancy.close()
          return
        }
        await opened.tenancy.settled()
        const next = newDirectory()
        cpSync(opened.dataPath, next, { recursive: true })
        bed.isAway = true // the killed one is heard of no more
        dataPath = next
        await opened.tenancy.close().catch(() => undefined)
        expect(failures).toEqual([])
      }
    },
  )
})

describe('a file that was in no ledger', () => {
  it('of an import, a fork or a restore has a snapshot before anybody is told of it, and its commits build on that', async () => {
    const { store } = switchable()
    const opened = await open({ store })
    const { tenancy, sql } = opened
    await tenancy.create(ACME)
    await sql(ACME, 'CREATE TABLE note (text)')
    await tenancy.export(ACME, async ({ chunks }) =>
      tenancy.import(idOf('copy'), streamOf(Buffer.concat(await gathered(chunks)))),
    )
    await tenancy.fork(ACME, idOf('fork'))
    await tenancy.archive(ACME)
    await sql(ACME, "INSERT INTO note VALUES ('gone')")
    await tenancy.restore(ACME, 1)
    for (const id of [ACME, idOf('copy'), idOf('fork')]) {
      const { lineage, lsn } = await tenancy.stats(id)
      const [last] = await tenancy.snapshots(id)
      expect([id, last?.lineage, last && lsn - last.lsn]).toEqual([id, lineage, 0n])
      await sql(id, "INSERT INTO note VALUES ('more')")
      expect((await tenancy.stats(id)).lineage).toBe(lineage)
    }
  })

  it('is refused while the store is away, with nothing changed and nothing left', async () => {
    const bed = switchable()
    const opened = await open({ store: bed.store })
    await opened.tenancy.create(ACME)
    const bytes = await opened.tenancy.export(ACME, async ({ chunks }) => Buffer.concat(await gathered(chunks)))
    bed.isAway = true
    expect(await codeOf(opened.tenancy.import(idOf('copy'), streamOf(bytes)))).toBe('unavailable')
    expect(await codeOf(() => opened.tenancy.get(idOf('copy')))).toBe('tenant_not_found')
    bed.isAway = false
    await opened.tenancy.import(idOf('copy'), streamOf(bytes))
    expect(await opened.tenancy.snapshots(idOf('copy'))).toHaveLength(1)
  })
})
