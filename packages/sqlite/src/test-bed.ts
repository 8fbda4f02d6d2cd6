/** Directories and tenant files for the tests of this package; removed when a test file ends. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import {
  type EngineDriver,
  libsqlDriver,
  makeTemplate,
  SqliteFile,
  type SqliteFileSettings,
  writeNewFile,
} from './index.ts'

/** Tables of the engine's own that every tenant file has, as the tests need them. */
export const ENGINE_SCHEMA = [
  'CREATE TABLE tenax_meta(id INTEGER PRIMARY KEY, format INTEGER, incarnation TEXT, lineage TEXT, lsn INTEGER) STRICT',
  'CREATE TABLE tenax_migration(name TEXT PRIMARY KEY, hash TEXT) STRICT, WITHOUT ROWID',
  "INSERT INTO tenax_meta VALUES (1, 1, 'incarnation', 'lineage', 7)",
  "INSERT INTO tenax_migration VALUES ('0001', 'hash')",
]

/** What the engine's tables and pragmas hold, and hold after whatever a tenant did. */
export const ENGINE_ROWS = {
  meta: [[1, 1, 'incarnation', 'lineage', 7]],
  migration: [['0001', 'hash']],
  pragmas: [
    ['journal_mode', 'wal'],
    ['synchronous', 2],
    ['wal_autocheckpoint', 0],
    ['trusted_schema', 0],
    ['cell_size_check', 1],
    ['mmap_size', 0],
    ['writable_schema', 0],
    ['query_only', 0],
    ['max_page_count', 262_144],
  ],
} as const

/** Settings that leave room. */
export const TEST_SETTINGS: SqliteFileSettings = {
  queryTimeoutMs: 5_000,
  pageCountMax: 262_144,
  cacheKib: 128,
  reply: { rowsMax: 10_000, bytesMax: 16 * 1024 * 1024 },
}

/** A maker of new directories below one that goes when the test file ends. */
export function directoryMaker(): () => string {
  const root = mkdtempSync(join(tmpdir(), 'tenax-sqlite-'))
  afterAll(() => rmSync(root, { recursive: true, force: true }))
  return () => mkdtempSync(join(root, 'd-'))
}

/** What {@link fileMaker} varies. */
export interface NewFileOptions extends Partial<SqliteFileSettings> {
  readonly driver?: EngineDriver
  readonly nowMs?: () => number
}

/** A maker of tenant files, each new and open, with the engine's tables in it; closed when the test file ends. */
export function fileMaker(): (options?: NewFileOptions) => SqliteFile {
  const newDirectory = directoryMaker()
  const templates = new Map<EngineDriver, Uint8Array>()
  const files: SqliteFile[] = []
  afterAll(() => {
    for (const file of files) file.close()
  })
  return ({ driver = libsqlDriver, nowMs = () => performance.now(), ...settings } = {}) => {
    const directory = newDirectory()
    const template = templates.get(driver) ?? makeTemplate(driver, join(directory, 'scratch.db'), ENGINE_SCHEMA)
    templates.set(driver, template)
    const path = join(directory, 'tenant.db')
    writeNewFile(path, template)
    const file = SqliteFile.open(path, { driver, settings: { ...TEST_SETTINGS, ...settings }, nowMs })
    files.push(file)
    return file
  }
}
