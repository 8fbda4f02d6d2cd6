/**
 * What was acknowledged `remote` is there on an empty directory, whatever befell the tenant before: each of these was lost once, when
 * somebody attacked the first version.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { BlobStore } from '@tenax/blobstore'
import { describe, expect, it } from 'vitest'
import { Gate } from '../durability/gate.ts'
import { ACME } from '../fixtures/archived-tenant.ts'
import { idOf, NONE } from '../fixtures/settings.ts'
import { type SwitchableStore, switchable } from '../fixtures/switchable-store.ts'
import { directoryMaker, type OpenTenancy, tenancyMaker, until } from '../fixtures/test-bed.ts'

const newDirectory = directoryMaker() // before the tenancies: what is made first goes last
const open = tenancyMaker()
const LENT_CHILD = fileURLToPath(new URL('../fixtures/lent-child.ts', import.meta.url))

const remote = ({ tenancy }: OpenTenancy, sql: string) =>
  tenancy.use(ACME, (handle) => handle.execute(sql, NONE, new Gate(tenancy.classes.promised('remote'))))

async function withNote(options: { store?: BlobStore } = {}): Promise<OpenTenancy> {
  const opened = await open(options)
  await opened.tenancy.create(ACME)
  await opened.sql(ACME, 'CREATE TABLE note (text)')
  await opened.sql(ACME, "INSERT INTO note VALUES ('first')")
  return opened
}

/** As kill -9: where its files are then. The store hears of it no more. */
async function killed(bed: SwitchableStore, { tenancy, dataPath }: OpenTenancy): Promise<string> {
  await tenancy.settled()
  const next = newDirectory()
  cpSync(dataPath, next, { recursive: true })
  bed.isAway = true
  await tenancy.close().catch(() => undefined)
  bed.isAway = false
  return next
}

/** The texts that a host on an empty directory has. */
async function recoveredTexts(store: BlobStore): Promise<unknown[]> {
  const again = await open({ store, dataPath: newDirectory() })
  const rows = await again.sql(ACME, 'SELECT text FROM note ORDER BY rowid')
  expect(await again.sql(ACME, 'PRAGMA integrity_check')).toEqual([['ok']])
  await again.tenancy.close()
  return rows.flat()
}

/** Another process that has the tenant's file writes a row to it. */
async function writeLent(directory: string): Promise<void> {
  const child = spawn(process.execPath, [LENT_CHILD, directory, ACME, '1', '1'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  expect(await once(child, 'exit')).toEqual([0, null])
}

describe('a tenant with a past that is in no store', () => {
  it('was suspended when the directory got its store, and is resumed', async () => {
    const before = await withNote()
    await before.tenancy.suspend(ACME)
    await before.tenancy.close()
    const { store } = switchable()
    const opened = await open({ store, dataPath: before.dataPath })
    expect(opened.tenancy.ledgerStats().shipping).toMatchObject({ owedCount: 1 })
    await opened.tenancy.resume(ACME)
    await remote(opened, "INSERT INTO note VALUES ('acknowledged')")
    expect(opened.tenancy.ledgerStats().shipping).toMatchObject({ owedCount: 0 })
    await opened.tenancy.close()
    expect(await recoveredTexts(store)).toEqual(['first', 'acknowledged'])
  })

  it('was lent, and the store is away when it comes back', async () => {
    const bed = switchable()
    const opened = await withNote({ store: bed.store })
    await opened.sql(ACME, 'CREATE TABLE t (n)')
    bed.isAway = true
    await opened.tenancy.lend(ACME, writeLent)
    bed.isAway = false
    await remote(opened, "INSERT INTO note VALUES ('acknowledged')")
    await opened.tenancy.close()
    expect(await recoveredTexts(bed.store)).toEqual(['first', 'acknowledged'])
  })

  it('was lent when its host was killed', async () => {
    const bed = switchable()
    const opened = await withNote({ store: bed.store })
    await opened.sql(ACME, 'CREATE TABLE t (n)')
    const next = newDirectory()
    await opened.tenancy.lend(ACME, async (directory) => {
      await writeLent(directory)
      cpSync(opened.dataPath, next, { recursive: true })
      bed.isAway = true
    })
    await opened.tenancy.close().catch(() => undefined)
    bed.isAway = false
    const again = await open({ store: bed.store, dataPath: next })
    await remote(again, "INSERT INTO note VALUES ('acknowledged')")
    await again.tenancy.close()
    expect(await recoveredTexts(bed.store)).toEqual(['first', 'acknowledged'])
  })
})

describe('a host that is killed', () => {
  it('before the store hears that a restore has replaced the file', async () => {
    const bed = switchable()
    const opened = await withNote({ store: bed.store })
    await opened.tenancy.archive(ACME)
    for (let count = 0; count < 5; count += 1) await remote(opened, 'INSERT INTO note VALUES (hex(randomblob(3000)))')
    bed.refused = 'ledgers/'
    await opened.tenancy.restore(ACME, 1)
    await opened.sql(ACME, "INSERT INTO note VALUES ('restored')")
    const next = await killed(bed, opened)
    bed.refused = undefined
    const again = await open({ store: bed.store, dataPath: next })
    await remote(again, "INSERT INTO note VALUES ('acknowledged')")
    await again.tenancy.close()
    expect(await recoveredTexts(bed.store)).toEqual(['first', 'restored', 'acknowledged'])
  })

  it('before the store hears that a tenant is archived', async () => {
    const bed = switchable()
    const opened = await withNote({ store: bed.store })
    await remote(opened, 'SELECT 1')
    bed.refused = 'ledgers/'
    await opened.sql(ACME, "INSERT INTO note VALUES ('archived')")
    await opened.tenancy.archive(ACME)
    const next = await killed(bed, opened)
    bed.refused = undefined
    const again = await open({ store: bed.store, dataPath: next })
    await again.tenancy.create(idOf('other'))
    await again.tenancy.close()
    expect(await recoveredTexts(bed.store)).toEqual(['first', 'archived'])
  })

  it('while its directory gets a store leaves no root in that before it has everything', async () => {
    const before = await withNote()
    await before.tenancy.close()
    const bed = switchable()
    bed.refused = 'ledgers/'
    const opened = await open({ store: bed.store, dataPath: before.dataPath })
    await until(() => (opened.tenancy.ledgerStats().shipping?.failureCount ?? 0) > 0)
    const roots: string[] = []
    for await (const { key } of bed.inner.list('roots/')) roots.push(key)
    expect([roots, opened.tenancy.ledgerStats().shipping?.state]).toEqual([[], 'waiting'])
    bed.refused = undefined
    await remote(opened, "INSERT INTO note VALUES ('acknowledged')")
    await opened.tenancy.close()
    expect(await recoveredTexts(bed.store)).toEqual(['first', 'acknowledged'])
  })

  it('and whose root comes late, when the next one has begun and was killed as well', async () => {
    const before = await withNote()
    await before.tenancy.close()
    const bed = switchable()
    let late: (() => Promise<void>) | undefined
    const create = bed.inner.create.bind(bed.inner)
    bed.inner.create = (key, bytes, options) => {
      if (!key.startsWith('roots/')) return create(key, bytes, options)
      const copy = Uint8Array.from(bytes)
      late ??= () => create(key, copy)
      return new Promise(() => undefined)
    }
    const first = await open({ store: bed.store, dataPath: before.dataPath })
    await until(() => late !== undefined)
    const second = await open({ store: bed.store, dataPath: await killed(bed, first) })
    await second.sql(ACME, "INSERT INTO note VALUES ('second')")
    const next = await killed(bed, second)
    bed.inner.create = create
    await late?.()
    const third = await open({ store: bed.store, dataPath: next })
    await remote(third, "INSERT INTO note VALUES ('acknowledged')")
    await third.tenancy.close()
    expect(await recoveredTexts(bed.store)).toEqual(['first', 'second', 'acknowledged'])
  })
})
