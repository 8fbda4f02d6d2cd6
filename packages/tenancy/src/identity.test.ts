import { join } from 'node:path'
import { parseIncarnation, systemClock } from '@tenax/kernel'
import { libsqlDriver, makeTemplate, SqliteFile, writeNewFile } from '@tenax/sqlite'
import { describe, expect, it } from 'vitest'
import { FILE_SETTINGS } from './fixtures/settings.ts'
import { directoryMaker } from './fixtures/test-bed.ts'
import { identify, readLsn } from './identity.ts'
import { systemRandomId } from './system-ids.ts'
import { TENANT_SCHEMA } from './tenant-schema.ts'

const newDirectory = directoryMaker()

function newFile(...statements: string[]): SqliteFile {
  const directory = newDirectory()
  const path = join(directory, 'tenant.db')
  writeNewFile(path, makeTemplate(libsqlDriver, join(directory, 'scratch.db'), [...TENANT_SCHEMA, ...statements]))
  return SqliteFile.open(path, {
    driver: libsqlDriver,
    settings: FILE_SETTINGS,
    nowMs: () => systemClock.monotonicMs(),
  })
}

function incarnation() {
  const parsed = parseIncarnation(systemRandomId())
  if (parsed === undefined) throw new Error('a random id is an incarnation')
  return parsed
}

describe('identify()', () => {
  it('gives a new file its identity as its first commit, once', () => {
    const [file, self] = [newFile(), incarnation()]
    const first = identify(file, self, systemRandomId)
    expect([first.incarnation, first.lineage.length, readLsn(file)]).toEqual([self, 20, 1n])
    expect(identify(file, self, systemRandomId)).toEqual(first)
    expect(readLsn(file)).toBe(1n)
  })

  it('refuses a file of another incarnation', () => {
    const file = newFile()
    identify(file, incarnation(), systemRandomId)
    expect(() => identify(file, incarnation(), systemRandomId)).toThrow('invariant broken')
  })

  it('refuses a newer format by name', () => {
    const file = newFile('UPDATE tenax_meta SET format = 2')
    expect(() => identify(file, incarnation(), systemRandomId)).toThrow(
      expect.objectContaining({ code: 'data_format_newer' }),
    )
  })

  it.each(['DELETE FROM tenax_meta', "UPDATE tenax_meta SET incarnation = 'short'"])(
    'refuses a file after %s',
    (sql) => {
      expect(() => identify(newFile(sql), incarnation(), systemRandomId)).toThrow('invariant broken')
    },
  )

  it('refuses a file that has an incarnation and no lineage', () => {
    const self = incarnation()
    const file = newFile(`UPDATE tenax_meta SET incarnation = '${self}'`)
    expect(() => identify(file, self, systemRandomId)).toThrow('a tenant file has a lineage')
  })
})

it('the schema of format 1 is pinned to the letter: it is compared with imported files', () => {
  expect(TENANT_SCHEMA).toMatchSnapshot()
})
