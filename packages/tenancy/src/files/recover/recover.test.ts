import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type BlobStore, MemoryStore } from '@tenax/blobstore'
import { systemClock, type TenantId } from '@tenax/kernel'
import type { EntryRecord, LedgerRecord } from '@tenax/ledger'
import { afterEach, describe, expect, test } from 'vitest'
import { catalogIncarnation } from '../../catalog.ts'
import { ACME, tenantFiles } from '../../fixtures/archived-tenant.ts'
import { crashCopy } from '../../fixtures/ledger-files.ts'
import { databaseBytes } from '../../fixtures/odd-files.ts'
import { idOf, streamOf, type TenancyOptions } from '../../fixtures/settings.ts'
import { shipNewest, withoutLedgers } from '../../fixtures/stored-chain-bed.ts'
import { codeOf, directoryMaker, type OpenTenancy, tenancyMaker } from '../../fixtures/test-bed.ts'

const newDirectory = directoryMaker() // first, so that it is removed behind the tenancies in it
const openOne = tenancyMaker()
const opened: OpenTenancy[] = []
afterEach(async () => {
  for (const { tenancy } of opened.splice(0)) await tenancy.close()
})

async function open(options: TenancyOptions = {}): Promise<OpenTenancy> {
  const bed = await openOne(options)
  opened.push(bed)
  return bed
}

const newStore = () => new MemoryStore(systemClock)
const OTHER = idOf('other')

async function withNote(bed: OpenTenancy, id: TenantId, text = 'first'): Promise<void> {
  await bed.tenancy.create(id)
  await bed.sql(id, 'CREATE TABLE note (text TEXT)')
  await bed.sql(id, 'INSERT INTO note VALUES (?)', text)
}

const notesOf = async ({ sql }: OpenTenancy, id: TenantId) =>
  (await sql(id, 'SELECT text FROM note ORDER BY rowid')).map(([text]) => text)

/** Stores what the tenancy has committed, as if its host had died now. */
async function shipAsOfNow({ dataPath }: OpenTenancy, store: BlobStore): Promise<string> {
  const copy = crashCopy(dataPath, newDirectory())
  await shipNewest({ dataPath: copy, store })
  return copy
}

const report = (counts: object) => expect.objectContaining({ type: 'recovered_from_store', ...counts })

test('created tenants come back from their entries alone, with their wake-up times, under the same data id', async () => {
  const store = newStore()
  const before = await open()
  for (const id of [ACME, OTHER]) await withNote(before, id, `of ${id}`)
  await before.tenancy.setWake(OTHER, 77)
  await shipAsOfNow(before, store)
  const after = await open({ store })
  expect(after.events).toContainEqual(report({ tenantCount: 2, materialisedCount: 2, stoppedCount: 0 }))
  expect(after.tenancy.dueTenants(100, 10)).toEqual([{ id: OTHER, wakeAtMs: 77 }])
  for (const id of [ACME, OTHER]) expect(await notesOf(after, id)).toEqual([`of ${id}`])
  const identity = (path: string) => JSON.parse(readFileSync(join(path, 'tenax.json'), 'utf8'))
  expect(identity(after.dataPath)).toEqual(identity(before.dataPath))
  expect(readdirSync(after.dataPath).sort()).toEqual(['host.lock', 'ledgers', 'shards', 'tenax.json', 'uploads'])
})

test('an archived tenant stays archived, and one that was not written to since its snapshot is archived; both come back with their first use', async () => {
  const store = newStore()
  const before = await open({ store: withoutLedgers(store) })
  for (const id of [ACME, OTHER]) {
    await withNote(before, id, `of ${id}`)
    await before.tenancy.archive(id)
  }
  await before.tenancy.hydrate(OTHER)
  await before.tenancy.setWake(OTHER, 77)
  await shipAsOfNow(before, store)
  const after = await open({ store })
  expect(after.events).toContainEqual(report({ tenantCount: 2, archivedCount: 2, materialisedCount: 0 }))
  expect(tenantFiles(after)).toEqual([])
  expect(after.tenancy.dueTenants(100, 10)).toEqual([{ id: OTHER, wakeAtMs: 77 }])
  for (const id of [ACME, OTHER]) expect(await notesOf(after, id)).toEqual([`of ${id}`])
})

describe('an imported tenant', () => {
  const rows = databaseBytes((db) => {
    db.exec('CREATE TABLE note (text TEXT); CREATE TABLE much (bytes BLOB)')
    db.exec("INSERT INTO note VALUES ('first'); INSERT INTO much VALUES (zeroblob(300000)), (randomblob(2000000))")
  })

  test('is its snapshot with its later commits over it', async () => {
    const store = newStore()
    const before = await open({ store: withoutLedgers(store) })
    await before.tenancy.import(ACME, streamOf(rows))
    await before.tenancy.archive(ACME)
    await before.sql(ACME, "INSERT INTO note VALUES ('second')")
    await before.sql(ACME, 'INSERT INTO much VALUES (randomblob(100000))')
    await before.sql(ACME, 'DELETE FROM much WHERE rowid = 1')
    const much = 'SELECT count(*), sum(length(bytes)), max(hex(substr(bytes, 90000, 20))) FROM much'
    const [expected] = await before.sql(ACME, much)
    await shipAsOfNow(before, store)
    const after = await open({ store })
    expect(after.events).toContainEqual(report({ materialisedCount: 1, archivedCount: 0, stoppedCount: 0 }))
    expect(await notesOf(after, ACME)).toEqual(['first', 'second'])
    expect(await after.sql(ACME, much)).toEqual([expected])
    expect(await after.sql(ACME, 'PRAGMA integrity_check')).toEqual([['ok']])
  })

  test('without a snapshot is stopped, alone and by name, and stays so', async () => {
    const store = newStore()
    const before = await open()
    await withNote(before, OTHER)
    await before.tenancy.import(ACME, streamOf(rows))
    await before.sql(ACME, "INSERT INTO note VALUES ('second')")
    await shipAsOfNow(before, store)
    const after = await open({ store })
    expect(after.events).toContainEqual(report({ materialisedCount: 1, stoppedCount: 1 }))
    const reason = /^not recovered from object storage: what commit \d+ builds on is not there, nor is a snapshot$/
    const told = { type: 'quarantined', tenantId: ACME, reason: expect.stringMatching(reason), recorded: true }
    expect(after.events).toContainEqual(told)
    expect(await codeOf(notesOf(after, ACME))).toBe('tenant_quarantined')
    expect(await notesOf(after, OTHER)).toEqual(['first'])
    expect(await codeOf(after.tenancy.resume(ACME))).not.toBe('ok')
    await after.tenancy.close()
    const again = await open({ dataPath: after.dataPath })
    expect(again.tenancy.get(ACME).quarantineReason).toMatch(reason)
    expect(await notesOf(again, OTHER)).toEqual(['first'])
  })

  test('without commits behind its import, and without a snapshot, is stopped too', async () => {
    const store = newStore()
    const before = await open()
    await before.tenancy.import(ACME, streamOf(rows))
    await shipAsOfNow(before, store)
    const after = await open({ store })
    expect(after.tenancy.get(ACME).quarantineReason).toMatch(/neither its commits nor a snapshot of it/)
  })
})

test('a tenant that the ledgers let go of behind its last stored commit is stopped with what is stored, and resumed by hand', async () => {
  const store = newStore()
  const before = await open()
  await withNote(before, ACME)
  await before.tenancy.lend(ACME, async () => undefined)
  await shipAsOfNow(before, store)
  const after = await open({ store })
  expect(after.events).toContainEqual(report({ materialisedCount: 1, stoppedCount: 1 }))
  expect(after.tenancy.get(ACME).quarantineReason).toMatch(/as of commit \d+; the ledgers let go of it there/)
  await after.tenancy.resume(ACME)
  expect(await notesOf(after, ACME)).toEqual(['first'])
})

test('a commit that was never stored, or with a page of another, stops its tenant alone; a catalog like that ends the recovery', async () => {
  const before = await open()
  for (const id of [ACME, OTHER]) await withNote(before, id)
  const dataPath = crashCopy(before.dataPath, newDirectory())
  const { incarnation } = before.tenancy.get(ACME)
  const changed = async (whose: string, change: (entries: EntryRecord[]) => readonly LedgerRecord[]) => {
    const store = newStore()
    const isWhose = (record: LedgerRecord): record is EntryRecord =>
      record.kind === 'entry' && record.incarnation === whose
    await shipNewest({
      ...{ dataPath, store },
      change: (records) => [...records.filter((one) => !isWhose(one)), ...change(records.filter(isWhose))],
    })
    return store
  }
  const without = await open({
    store: await changed(incarnation, ([first, , ...more]) => [first as EntryRecord, ...more]),
  })
  expect(without.tenancy.get(ACME).quarantineReason).toMatch(/: after commit 1 the stored ledgers have commit 3$/)
  expect(await notesOf(without, OTHER)).toEqual(['first'])
  const mixed = (entries: EntryRecord[]) => {
    const [last, one] = [entries.at(-1), entries[0]?.pages[0]]
    return [
      ...entries.slice(0, -1),
      { ...(last as EntryRecord), pages: [...(last?.pages ?? []), ...(one ? [one] : [])] },
    ]
  }
  const wrong = await open({ store: await changed(incarnation, mixed) })
  expect(wrong.tenancy.get(ACME).quarantineReason).toMatch(/its pages do not come to the checksum of commit \d+$/)
  expect(await notesOf(wrong, OTHER)).toEqual(['first'])
  const catalog = await changed(catalogIncarnation(0), ([first, , ...more]) => [first as EntryRecord, ...more])
  await expect(open({ store: catalog })).rejects.toMatchObject({
    code: 'ledger_damaged',
    message: expect.stringMatching(/^the catalog of shard 0 is not whole in the stored ledgers: after commit \d+ /),
  })
})

test('what a start has copied from the ledger before it is laid over what that one has stored, cut short or not', async () => {
  const before = await open()
  await withNote(before, ACME)
  const first = crashCopy(before.dataPath, newDirectory())
  const second = await open({ dataPath: crashCopy(first, newDirectory()) })
  await second.sql(ACME, "INSERT INTO note VALUES ('second')")
  const copy = crashCopy(second.dataPath, newDirectory())
  for (const last of [undefined, 6]) {
    const store = newStore()
    await shipNewest({ dataPath: first, store, ...(last === undefined ? {} : { last }) })
    await shipNewest({ dataPath: copy, store })
    const after = await open({ store })
    expect(after.events).toContainEqual(report({ materialisedCount: 1, stoppedCount: 0, epoch: 2 }))
    expect(await notesOf(after, ACME)).toEqual(['first', 'second'])
    await after.tenancy.close()
  }
})

test('what was not stored is missing from the end on, and nothing else', async () => {
  const before = await open()
  await withNote(before, ACME, '0')
  for (let count = 1; count <= 3; count += 1) await before.sql(ACME, 'INSERT INTO note VALUES (?)', String(count))
  const copy = crashCopy(before.dataPath, newDirectory())
  const seen: number[] = []
  for (const last of [9, 11, undefined]) {
    const store = newStore()
    await shipNewest({ dataPath: copy, store, ...(last === undefined ? {} : { last }) })
    const after = await open({ store })
    const notes = await notesOf(after, ACME)
    expect(notes).toEqual(['0', '1', '2', '3'].slice(0, notes.length))
    seen.push(notes.length)
    await after.tenancy.close()
  }
  expect(seen.toSorted((a, b) => a - b)).toEqual(seen)
  expect(seen.at(-1)).toBe(4)
})

test('states are kept: suspended, quarantined, deleted', async () => {
  const store = newStore()
  const before = await open()
  const [suspended, deleted] = [idOf('suspended'), idOf('deleted')]
  for (const id of [ACME, suspended, deleted]) await withNote(before, id)
  await before.tenancy.suspend(suspended)
  await before.tenancy.delete(deleted)
  await shipAsOfNow(before, store)
  const after = await open({ store })
  expect(after.events).toContainEqual(report({ tenantCount: 2, materialisedCount: 2, forgottenCount: 1 }))
  expect(await codeOf(notesOf(after, suspended))).toBe('tenant_suspended')
  expect(await codeOf(notesOf(after, deleted))).toBe('tenant_not_found')
  await after.tenancy.resume(suspended)
  expect(await notesOf(after, suspended)).toEqual(['first'])
  expect(tenantFiles(after).filter((path) => path.endsWith('.db'))).toHaveLength(2)
})

test('a recovered directory goes on: new commits have a new lineage, and a second start needs no store', async () => {
  const store = newStore()
  const before = await open()
  await withNote(before, ACME)
  const lineage = (await before.tenancy.stats(ACME)).lineage
  await shipAsOfNow(before, store)
  const after = await open({ store })
  await after.sql(ACME, "INSERT INTO note VALUES ('second')")
  expect((await after.tenancy.stats(ACME)).lineage).not.toBe(lineage)
  const copy = crashCopy(after.dataPath, newDirectory())
  await after.tenancy.close()
  for (const dataPath of [after.dataPath, copy]) {
    const again = await open({ dataPath })
    expect(await notesOf(again, ACME)).toEqual(['first', 'second'])
    expect(again.events.some(({ type }) => type === 'recovered_from_store')).toBe(false)
    expect(existsSync(join(dataPath, 'recovered.json'))).toBe(false)
  }
})

test('an empty directory with an empty store is a new one', async () => {
  const { events, tenancy } = await open({ store: newStore() })
  expect([tenancy.count(), events]).toEqual([0, []])
})
