import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '@tenax/kernel'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { libsqlDriver } from './drivers/libsql.ts'
import { SqliteFile } from './file.ts'
import { makeTemplate, rebuildInto, writeNewFile } from './new-file.ts'
import { isVectorShadow, mendVectorMetadata, vectorIndexes } from './vector-index.ts'

const VECTORS = [
  'CREATE TABLE m (id INTEGER PRIMARY KEY, e F32_BLOB(3))',
  'CREATE INDEX mi ON m (libsql_vector_idx(e))',
  "INSERT INTO m (e) VALUES (vector32('[1,2,3]')), (vector32('[9,9,9]'))",
]
const NEAREST = "SELECT id FROM vector_top_k('mi', vector32('[9,9,8]'), 1)"
const settings = {
  queryTimeoutMs: 5000,
  pageCountMax: 10_000,
  cacheKib: 128,
  reply: { rowsMax: 100, bytesMax: 100_000 },
}
let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tenax-vector-'))
})

afterEach(() => rmSync(directory, { recursive: true }))

function openVectors(): SqliteFile {
  const path = join(directory, 'a.db')
  writeNewFile(path, makeTemplate(libsqlDriver, join(directory, 'scratch'), VECTORS))
  return SqliteFile.open(path, { driver: libsqlDriver, settings, nowMs: () => systemClock.monotonicMs() })
}

test('VACUUM of a file with a vector index leaves it sound, and the index answers', async () => {
  const file = openVectors()
  await file.vacuum()
  expect(file.engine('PRAGMA integrity_check').get()).toEqual(['ok'])
  expect(file.engine(NEAREST).get()).toEqual([2n])
  file.close()
})

test('opening mends what a crash between VACUUM and its mending left', () => {
  const file = openVectors()
  file.engine('VACUUM').get()
  expect(file.engine('PRAGMA integrity_check').get()).not.toEqual(['ok'])
  file.engine('PRAGMA wal_checkpoint(TRUNCATE)').get()
  const { path } = file
  file.close()
  const again = SqliteFile.open(path, { driver: libsqlDriver, settings, nowMs: () => systemClock.monotonicMs() })
  expect(again.engine('PRAGMA integrity_check').get()).toEqual(['ok'])
  again.close()
})

test('a rebuilt file has its vector indexes made anew, whatever their shadow tables held', async () => {
  const source = libsqlDriver.open(join(directory, 'stranger.db'))
  for (const sql of VECTORS) source.prepare(sql).get()
  source.prepare('UPDATE mi_shadow SET data = randomblob(length(data))').get()
  const path = join(directory, 'rebuilt.db')
  await rebuildInto(source, libsqlDriver, { path, finish: () => undefined })
  const rebuilt = libsqlDriver.open(path)
  expect(rebuilt.prepare('PRAGMA integrity_check').get()).toEqual(['ok'])
  expect(rebuilt.prepare(NEAREST).get()).toEqual([2n])
  for (const connection of [source, rebuilt]) connection.close()
})

test('a file without vector indexes is left alone', () => {
  const connection = libsqlDriver.open(join(directory, 'plain.db'))
  connection.prepare('CREATE TABLE a (b)').get()
  mendVectorMetadata(connection)
  expect(vectorIndexes(connection)).toEqual([])
  expect(isVectorShadow('a_shadow', [])).toBe(false)
  connection.close()
})

test('the shadow names of a vector index are its own, and nobody else’s', () => {
  const indexes = [{ name: 'mi', sql: '' }]
  expect(
    ['mi_shadow', 'mi_shadow_idx', 'libsql_vector_meta_shadow'].every((name) => isVectorShadow(name, indexes)),
  ).toBe(true)
  expect(isVectorShadow('eye_shadow', indexes)).toBe(false)
})
