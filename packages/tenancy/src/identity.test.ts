import { join } from 'node:path'
import { parseIncarnation, systemClock } from '@tenax/kernel'
import { libsqlDriver, makeTemplate, SqliteFile, writeNewFile } from '@tenax/sqlite'
import { describe, expect, it } from 'vitest'
import { FILE_SETTINGS } from './fixtures/settings.ts'
import { directoryMaker } from './fixtures/test-bed.ts'
import { newLineage, readIdentity, readLsn, writeIdentity } from './identity.ts'
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

describe('readIdentity()', () => {
  it('knows a new file, and gives back what writeIdentity() has written as one commit', () => {
    const [file, self] = [newFile(), incarnation()]
    expect(readIdentity(file, self)).toEqual({ lineage: undefined, epoch: 0, lsn: 0n })
    const lineage = newLineage(systemRandomId)
    writeIdentity(file, { incarnation: self, lineage }, 3)
    expect(readIdentity(file, self)).toEqual({ lineage, epoch: 3, lsn: 1n })
    expect(readLsn(file)).toBe(1n)
  })

  it('refuses a file of another incarnation', () => {
    const file = newFile()
    writeIdentity(file, { incarnation: incarnation(), lineage: newLineage(systemRandomId) }, 1)
    expect(() => readIdentity(file, incarnation())).toThrow('invariant broken')
  })

  it('refuses a newer format by name', () => {
    const file = newFile('UPDATE tenax_meta SET format = 2')
    expect(() => readIdentity(file, incarnation())).toThrow(expect.objectContaining({ code: 'data_format_newer' }))
  })

  it.each(['DELETE FROM tenax_meta', "UPDATE tenax_meta SET incarnation = 'short'"])(
    'refuses a file after %s',
    (sql) => {
      expect(() => readIdentity(newFile(sql), incarnation())).toThrow('invariant broken')
    },
  )

  it('refuses a file that has an incarnation and no lineage', () => {
    const self = incarnation()
    const file = newFile(`UPDATE tenax_meta SET incarnation = '${self}'`)
    expect(() => readIdentity(file, self)).toThrow('a tenant file has a lineage')
  })
})

it('the schema of format 1 is pinned to the letter: it is compared with imported files', () => {
  expect(TENANT_SCHEMA).toMatchSnapshot()
})
