import { statSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '@tenax/kernel'
import { type EngineDriver, libsqlDriver, makeTemplate, SqliteFile, writeNewFile } from '@tenax/sqlite'
import { describe, expect, it } from 'vitest'
import { CATALOG_SCHEMA, Catalog, type Intent } from './catalog.ts'
import { fullDriver, Room } from './fixtures/full-driver.ts'
import { FILE_SETTINGS, idOf } from './fixtures/settings.ts'
import { directoryMaker } from './fixtures/test-bed.ts'
import { newFileName, newRecord } from './lifecycle/create.ts'
import { CHECKPOINT_WAL_BYTES } from './limits.ts'
import { systemRandomId } from './system-ids.ts'

const newDirectory = directoryMaker()

function newCatalog(driver: EngineDriver = libsqlDriver) {
  const directory = newDirectory()
  const path = join(directory, 'catalog.db')
  const schema = [...CATALOG_SCHEMA, 'INSERT INTO catalog_meta VALUES (1, 1, 3)']
  writeNewFile(path, makeTemplate(libsqlDriver, join(directory, 'scratch.db'), schema))
  const nowMs = () => systemClock.monotonicMs()
  const file = SqliteFile.open(path, { driver, settings: FILE_SETTINGS, nowMs })
  return { catalog: new Catalog(3, file), file, path }
}

function begun(catalog: Catalog, id: string, verb: 'create' | 'import' = 'create'): Intent {
  const intent: Intent = { tenantId: idOf(id), verb, ...newFileName(systemRandomId) }
  catalog.beginNew(newRecord(idOf(id), intent, verb === 'create' ? 'creating' : 'importing', 5), intent)
  return intent
}

function warm(catalog: Catalog, id: string): Intent {
  const intent = begun(catalog, id)
  catalog.finishNew(intent)
  return intent
}

describe('a creation', () => {
  it('is a row and an intent, then a warm row', () => {
    const { catalog } = newCatalog()
    const intent = begun(catalog, 'acme')
    expect(catalog.get(idOf('acme'))).toEqual({
      id: 'acme',
      incarnation: intent.incarnation,
      file: intent.file,
      state: 'creating',
      suspendedAtMs: undefined,
      quarantineReason: undefined,
      createdAtMs: 5,
    })
    expect(catalog.intents()).toEqual([intent])
    catalog.finishNew(intent)
    expect([catalog.get(idOf('acme'))?.state, catalog.intents()]).toEqual(['warm', []])
  })

  it('that is taken back leaves nothing', () => {
    const { catalog } = newCatalog()
    catalog.undoNew(begun(catalog, 'acme', 'import'))
    expect([catalog.get(idOf('acme')), catalog.intents(), catalog.namedFiles().size]).toEqual([undefined, [], 0])
  })

  it('of a tenant that is there fails and changes nothing', () => {
    const { catalog } = newCatalog()
    const before = warm(catalog, 'acme')
    expect(() => begun(catalog, 'acme')).toThrow()
    expect([catalog.get(idOf('acme'))?.incarnation, catalog.intents()]).toEqual([before.incarnation, []])
  })
})

describe('an intent', () => {
  it('is one per tenant at a time', () => {
    const { catalog } = newCatalog()
    const { incarnation, file } = warm(catalog, 'acme')
    const replace: Intent = { tenantId: idOf('acme'), verb: 'import', ...newFileName(systemRandomId) }
    catalog.beginReplace(replace, 1)
    expect(() => catalog.beginDelete({ tenantId: idOf('acme'), verb: 'delete', incarnation, file }, 1)).toThrow()
    expect([catalog.get(idOf('acme'))?.state, catalog.intents()]).toEqual(['warm', [replace]])
  })

  it('names a file beside that of the row until the replacement is finished or undone', () => {
    const { catalog } = newCatalog()
    const old = warm(catalog, 'acme')
    const replace: Intent = { tenantId: idOf('acme'), verb: 'import', ...newFileName(systemRandomId) }
    catalog.beginReplace(replace, 1)
    expect([...catalog.namedFiles().keys()].sort()).toEqual([old.incarnation, replace.incarnation].sort())
    catalog.undoNew(replace)
    expect(catalog.namedFiles()).toEqual(new Map([[old.incarnation, old.file]]))
    catalog.beginReplace(replace, 1)
    catalog.finishNew(replace)
    expect(catalog.namedFiles()).toEqual(new Map([[replace.incarnation, replace.file]]))
  })

  it('to end must exist', () => {
    const { catalog } = newCatalog()
    const intent = warm(catalog, 'acme')
    expect(() => catalog.finishNew(intent)).toThrow('invariant broken')
    expect(() => catalog.finishDelete(intent, 1)).toThrow('invariant broken')
    expect(catalog.get(idOf('acme'))?.state).toBe('warm')
  })
})

describe('states', () => {
  it('suspension keeps its first time; resume lifts it and quarantine', () => {
    const { catalog } = newCatalog()
    const { incarnation } = warm(catalog, 'acme')
    catalog.suspend(idOf('acme'), 10)
    catalog.suspend(idOf('acme'), 20)
    catalog.quarantine(idOf('acme'), incarnation, 'x'.repeat(9_999))
    const record = catalog.get(idOf('acme'))
    expect([record?.suspendedAtMs, record?.quarantineReason?.length]).toEqual([10, 500])
    catalog.resume(idOf('acme'))
    expect(catalog.get(idOf('acme'))).toMatchObject({ suspendedAtMs: undefined, quarantineReason: undefined })
  })

  it('quarantine of an incarnation that is gone does not touch the new one', () => {
    const { catalog } = newCatalog()
    const old = warm(catalog, 'acme')
    const intent = { ...old, verb: 'delete' } as const
    catalog.beginDelete(intent, 1)
    catalog.finishDelete(intent, 2)
    warm(catalog, 'acme')
    catalog.quarantine(idOf('acme'), old.incarnation, 'late')
    expect(catalog.get(idOf('acme'))?.quarantineReason).toBeUndefined()
  })

  it('a reinstated import lifts quarantine and keeps suspension', () => {
    const { catalog } = newCatalog()
    const { incarnation } = warm(catalog, 'acme')
    catalog.suspend(idOf('acme'), 10)
    catalog.quarantine(idOf('acme'), incarnation, 'damaged')
    const replace: Intent = { tenantId: idOf('acme'), verb: 'import', ...newFileName(systemRandomId) }
    catalog.beginReplace(replace, 1)
    catalog.finishNew(replace)
    expect(catalog.get(idOf('acme'))).toMatchObject({ suspendedAtMs: 10, quarantineReason: undefined })
  })
})

describe('list()', () => {
  it('gives ids in order after a point, with a prefix taken literally, at most limit', () => {
    const { catalog } = newCatalog()
    for (const id of ['b', 'a', 'ab', 'a_b', 'a-b', 'axb', 'c']) warm(catalog, id)
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
  ])('refuses %s', (_what, sql) => {
    const { catalog, file } = newCatalog()
    begun(catalog, 'acme')
    expect(() => file.engine(sql.replaceAll("'?'", `'${systemRandomId()}'`)).get()).toThrow()
  })

  it('has a WAL that stays bounded over a long life', () => {
    const { catalog, path } = newCatalog()
    let walBytesMax = 0
    for (let n = 0; n < 400; n += 1) {
      catalog.undoNew(begun(catalog, `tenant-${n}`))
      walBytesMax = Math.max(walBytesMax, statSync(`${path}-wal`).size)
    }
    expect(walBytesMax).toBeGreaterThan(CHECKPOINT_WAL_BYTES / 4)
    expect(walBytesMax).toBeLessThan(CHECKPOINT_WAL_BYTES)
  })

  it('keeps a change that is committed although the disk is too full for the checkpoint behind it', () => {
    const room = new Room()
    const { catalog, path } = newCatalog(fullDriver(libsqlDriver, room))
    const walBytes = () => statSync(`${path}-wal`).size
    let number = 0
    while (!room.hasRefused) {
      room.endAfter(3) // two rows and their COMMIT; the next statement is a checkpoint, if there is one
      begun(catalog, `tenant-${++number}`)
    }
    expect([walBytes() >= CHECKPOINT_WAL_BYTES, catalog.count()]).toEqual([true, number])
    room.heal()
    warm(catalog, 'acme')
    expect(walBytes()).toBeLessThan(CHECKPOINT_WAL_BYTES)
  })

  it('is complete without its WAL after close()', async () => {
    const { catalog, path } = newCatalog()
    warm(catalog, 'acme')
    await catalog.close()
    expect(statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0).toBe(0)
  })
})
