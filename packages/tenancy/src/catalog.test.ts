import { statSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf, systemClock } from '@tenax/kernel'
import { allCollected, type EngineDriver, libsqlDriver, makeTemplate, SqliteFile, writeNewFile } from '@tenax/sqlite'
import { describe, expect, it } from 'vitest'
import { Catalog, type CatalogJournal } from './catalog.ts'
import type { Intent } from './catalog-rows.ts'
import { CATALOG_SCHEMA } from './catalog-schema.ts'
import { fullDriver, Room } from './fixtures/full-driver.ts'
import { FILE_SETTINGS, idOf } from './fixtures/settings.ts'
import { directoryMaker } from './fixtures/test-bed.ts'
import { newFileName, newRecord } from './lifecycle/create.ts'
import { CHECKPOINT_WAL_BYTES } from './limits.ts'
import { systemRandomId } from './system-ids.ts'

const newDirectory = directoryMaker()

function newCatalog(driver: EngineDriver = libsqlDriver, durable: () => Promise<void> = async () => undefined) {
  const directory = newDirectory()
  const path = join(directory, 'catalog.db')
  const schema = [...CATALOG_SCHEMA, 'INSERT INTO catalog_meta VALUES (1, 1, 3)']
  writeNewFile(path, makeTemplate(libsqlDriver, join(directory, 'scratch.db'), schema))
  const nowMs = () => systemClock.monotonicMs()
  const file = SqliteFile.open(path, { driver, settings: FILE_SETTINGS, nowMs })
  const journal: CatalogJournal = {
    settled: durable,
    checkpoint: async (run) => run(),
    includeAllPages: () => true,
    rest: () => undefined,
    close: () => undefined,
  }
  const fatal: unknown[] = []
  const catalog = new Catalog({ shard: 3, file, journal, onFatal: (error) => fatal.push(error) })
  return { catalog, file, path, fatal }
}

async function begun(catalog: Catalog, id: string, verb: 'create' | 'import' = 'create'): Promise<Intent> {
  const intent: Intent = { tenantId: idOf(id), verb, ...newFileName(systemRandomId) }
  await catalog.beginNew(newRecord(idOf(id), intent, verb === 'create' ? 'creating' : 'importing', 5), intent)
  return intent
}

async function warm(catalog: Catalog, id: string): Promise<Intent> {
  const intent = await begun(catalog, id)
  await catalog.finishNew(intent, 0)
  return intent
}

describe('a creation', () => {
  it('is a row and an intent, then a warm row', async () => {
    const { catalog } = newCatalog()
    const intent = await begun(catalog, 'acme')
    expect(catalog.get(idOf('acme'))).toEqual({
      id: 'acme',
      incarnation: intent.incarnation,
      file: intent.file,
      state: 'creating',
      suspendedAtMs: undefined,
      quarantineReason: undefined,
      durability: undefined,
      createdAtMs: 5,
    })
    expect(catalog.intents()).toEqual([intent])
    expect(catalog.isBegun(intent)).toBe(true)
    await catalog.finishNew(intent, 0)
    expect([catalog.get(idOf('acme'))?.state, catalog.intents()]).toEqual(['warm', []])
    expect(catalog.isBegun(intent)).toBe(false)
  })

  it('that is taken back leaves nothing', async () => {
    const { catalog } = newCatalog()
    await catalog.undoNew(await begun(catalog, 'acme', 'import'))
    expect([catalog.get(idOf('acme')), catalog.intents(), catalog.namedFiles().size]).toEqual([undefined, [], 0])
  })

  it('of a tenant that is there fails and changes nothing', async () => {
    const { catalog } = newCatalog()
    const before = await warm(catalog, 'acme')
    await expect(begun(catalog, 'acme')).rejects.toThrow()
    expect([catalog.get(idOf('acme'))?.incarnation, catalog.intents()]).toEqual([before.incarnation, []])
  })
})

describe('an intent', () => {
  it('is one per tenant at a time', async () => {
    const { catalog } = newCatalog()
    const { incarnation, file } = await warm(catalog, 'acme')
    const replace: Intent = { tenantId: idOf('acme'), verb: 'import', ...newFileName(systemRandomId) }
    await catalog.beginReplace(replace, 1)
    await expect(
      catalog.beginDelete({ tenantId: idOf('acme'), verb: 'delete', incarnation, file }, 1),
    ).rejects.toThrow()
    expect([catalog.get(idOf('acme'))?.state, catalog.intents()]).toEqual(['warm', [replace]])
  })

  it('names a file beside that of the row until the replacement is finished or undone', async () => {
    const { catalog } = newCatalog()
    const old = await warm(catalog, 'acme')
    const replace: Intent = { tenantId: idOf('acme'), verb: 'import', ...newFileName(systemRandomId) }
    await catalog.beginReplace(replace, 1)
    expect([...catalog.namedFiles().keys()].sort()).toEqual([old.incarnation, replace.incarnation].sort())
    await catalog.undoNew(replace)
    expect(catalog.namedFiles()).toEqual(new Map([[old.incarnation, old.file]]))
    await catalog.beginReplace(replace, 1)
    await catalog.finishNew(replace, 0)
    expect(catalog.namedFiles()).toEqual(new Map([[replace.incarnation, replace.file]]))
  })

  it('to end must exist', async () => {
    const { catalog } = newCatalog()
    const intent = await warm(catalog, 'acme')
    await expect(catalog.finishNew(intent, 0)).rejects.toThrow('invariant broken')
    await expect(catalog.finishDelete(intent, 1)).rejects.toThrow('invariant broken')
    expect(catalog.get(idOf('acme'))?.state).toBe('warm')
  })
})

describe('a change', () => {
  it('is there when its method returns, and its promise resolves when it is durable', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const { catalog } = newCatalog(libsqlDriver, () => promise)
    let isDurable = false
    const change = begun(catalog, 'acme').then(() => {
      isDurable = true
    })
    expect(catalog.get(idOf('acme'))?.state).toBe('creating')
    await new Promise((done) => setImmediate(done))
    expect(isDurable).toBe(false)
    resolve()
    await change
  })

  it('of which nobody knows whether it is durable rejects, and is there', async () => {
    const { catalog } = newCatalog(libsqlDriver, () => Promise.reject(new Error('no room')))
    await expect(begun(catalog, 'acme')).rejects.toThrow('no room')
    await expect(catalog.whenDurable()).rejects.toThrow('no room')
    expect(catalog.get(idOf('acme'))?.state).toBe('creating')
  })

  it('that fails is not waited for', async () => {
    let waits = 0
    const { catalog } = newCatalog(libsqlDriver, async () => {
      waits += 1
    })
    await expect(catalog.resume(idOf('absent'))).rejects.toThrow('invariant broken')
    expect(waits).toBe(0)
  })

  it('that fails by a defect ends the host; one that finds no room does not', async () => {
    const room = new Room()
    const { catalog, fatal } = newCatalog(fullDriver(libsqlDriver, room))
    room.endAfter(0)
    await expect(begun(catalog, 'acme')).rejects.toThrow()
    expect([room.hasRefused, fatal]).toEqual([true, []])
    room.heal()
    await expect(catalog.resume(idOf('absent'))).rejects.toThrow('invariant broken')
    expect(fatal.map(messageOf)).toEqual([expect.stringContaining('invariant broken')])
  })
})

describe('wake times', () => {
  it('are given back in their order once they are due, of tenants that serve, and go with undefined', async () => {
    const { catalog, file } = newCatalog()
    for (const id of ['late', 'soon', 'now', 'suspended', 'stopped', 'never']) await warm(catalog, id)
    const { incarnation } = catalog.get(idOf('stopped')) ?? expect.unreachable()
    await catalog.suspend(idOf('suspended'), 1)
    await catalog.quarantine(idOf('stopped'), incarnation, 'damaged')
    for (const [id, atMs] of Object.entries({ late: 300, soon: 200, now: 0, suspended: 100, stopped: 100 })) {
      await catalog.setWake(idOf(id), atMs)
    }
    expect(catalog.due(250, 10)).toEqual([
      { id: 'now', wakeAtMs: 0 },
      { id: 'soon', wakeAtMs: 200 },
    ])
    expect(catalog.due(250, 1)).toHaveLength(1)
    await catalog.setWake(idOf('now'), undefined)
    const lsn = () => file.engine('SELECT lsn FROM tenax_meta').get()?.[0]
    const before = lsn()
    await catalog.setWake(idOf('now'), undefined)
    await catalog.setWake(idOf('absent'), 5)
    expect(lsn()).toBe(before) // what is said already is no commit
    expect(catalog.due(1_000, 10).map(({ id }) => id)).toEqual(['soon', 'late'])
  })
})

describe('states', () => {
  it('suspension keeps its first time; resume lifts it and quarantine', async () => {
    const { catalog } = newCatalog()
    const { incarnation } = await warm(catalog, 'acme')
    await catalog.suspend(idOf('acme'), 10)
    await catalog.suspend(idOf('acme'), 20)
    await catalog.quarantine(idOf('acme'), incarnation, 'x'.repeat(9_999))
    const record = catalog.get(idOf('acme'))
    expect([record?.suspendedAtMs, record?.quarantineReason?.length]).toEqual([10, 500])
    await catalog.resume(idOf('acme'))
    expect(catalog.get(idOf('acme'))).toMatchObject({ suspendedAtMs: undefined, quarantineReason: undefined })
  })

  it('quarantine of an incarnation that is gone does not touch the new one', async () => {
    const { catalog } = newCatalog()
    const old = await warm(catalog, 'acme')
    const intent = { ...old, verb: 'delete' } as const
    await catalog.beginDelete(intent, 1)
    await catalog.finishDelete(intent, 2)
    await warm(catalog, 'acme')
    await catalog.quarantine(idOf('acme'), old.incarnation, 'late')
    expect(catalog.get(idOf('acme'))?.quarantineReason).toBeUndefined()
  })

  it('a reinstated import lifts quarantine and keeps suspension', async () => {
    const { catalog } = newCatalog()
    const { incarnation } = await warm(catalog, 'acme')
    await catalog.suspend(idOf('acme'), 10)
    await catalog.quarantine(idOf('acme'), incarnation, 'damaged')
    const replace: Intent = { tenantId: idOf('acme'), verb: 'import', ...newFileName(systemRandomId) }
    await catalog.beginReplace(replace, 1)
    await catalog.finishNew(replace, 0)
    expect(catalog.get(idOf('acme'))).toMatchObject({ suspendedAtMs: 10, quarantineReason: undefined })
  })
})

describe('list()', () => {
  it('gives ids in order after a point, with a prefix taken literally, at most limit', async () => {
    const { catalog } = newCatalog()
    for (const id of ['b', 'a', 'ab', 'a_b', 'a-b', 'axb', 'c']) await warm(catalog, id)
    const list = (afterId: string, prefix: string, limit = 10) =>
      catalog.list({ afterId, prefix, limit }).map(({ id }) => id)
    expect(list('', '')).toEqual(['a', 'a-b', 'a_b', 'ab', 'axb', 'b', 'c'])
    expect(list('a_b', '', 2)).toEqual(['ab', 'axb'])
    expect(list('', 'a_')).toEqual(['a_b'])
    expect(list('', 'zz')).toEqual([])
    expect(catalog.count()).toBe(7)
  })
})

describe('the file', () => {
  it.each([
    ['an id with capitals', "INSERT INTO tenant VALUES ('Acme', '?', '?', 'warm', NULL, NULL, 1, NULL)"],
    ['an unknown state', "UPDATE tenant SET state = 'lost'"],
    ['a path for a file', "UPDATE tenant SET file = '../../../../etc/pass'"],
    ['an unknown verb', "UPDATE intent SET verb = 'fork'"],
    ['text for a time', "UPDATE tenant SET created_at_ms = 'now'"],
    ['a second meta row', 'INSERT INTO catalog_meta VALUES (2, 1, 1)'],
  ])('refuses %s', async (_what, sql) => {
    const { catalog, file } = newCatalog()
    await begun(catalog, 'acme')
    expect(() => file.engine(sql.replaceAll("'?'", `'${systemRandomId()}'`)).get()).toThrow()
  })

  it('has a WAL that stays bounded over a long life', async () => {
    const { catalog, path } = newCatalog()
    let walBytesMax = 0
    for (let n = 0; n < 400; n += 1) {
      await catalog.undoNew(await begun(catalog, `tenant-${n}`))
      walBytesMax = Math.max(walBytesMax, statSync(`${path}-wal`).size)
    }
    expect(walBytesMax).toBeGreaterThan(CHECKPOINT_WAL_BYTES / 4)
    expect(walBytesMax).toBeLessThan(CHECKPOINT_WAL_BYTES)
  })

  it('keeps a change that is committed although the disk is too full for the checkpoint behind it', async () => {
    const room = new Room()
    const { catalog, path } = newCatalog(fullDriver(libsqlDriver, room))
    const walBytes = () => statSync(`${path}-wal`).size
    let number = 0
    while (!room.hasRefused) {
      room.endAfter(4) // two rows, the LSN and their COMMIT; the next statement is a checkpoint, if there is one
      await begun(catalog, `tenant-${++number}`)
    }
    expect([walBytes() >= CHECKPOINT_WAL_BYTES, catalog.count()]).toEqual([true, number])
    room.heal()
    await warm(catalog, 'acme')
    expect(walBytes()).toBeLessThan(CHECKPOINT_WAL_BYTES)
  })

  it('is left as it is by abandon(), for good: collecting the connection would move the WAL', async () => {
    const path = await (async () => {
      const made = newCatalog()
      await warm(made.catalog, 'acme')
      made.catalog.abandon()
      return made.path
    })()
    const walBytes = () => statSync(`${path}-wal`, { throwIfNoEntry: false })?.size
    const before = walBytes()
    const other = newCatalog() // closed, so that there is something to collect
    await other.catalog.close()
    await allCollected()
    expect([before, walBytes()]).toEqual([before, before])
    expect(before).toBeGreaterThan(0)
  })

  it('is complete without its WAL after close()', async () => {
    const { catalog, path } = newCatalog()
    await warm(catalog, 'acme')
    await catalog.close()
    expect(statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0).toBe(0)
  })
})
