/** What every connection to a tenant file is set to, and the proof that it is. */
import { assert } from '@tenax/kernel'
import type { EngineConnection } from './driver.ts'
import { HEAP_BYTES_MAX, PAGE_BYTES } from './limits.ts'

/** Sets each pragma and reads it back. Throws InvariantError when the engine did not take one. */
export function applyPragmas(connection: EngineConnection, settings: { pageCountMax: number; cacheKib: number }): void {
  const read = (name: string): unknown => connection.prepare(`PRAGMA ${name}`).get()?.[0]
  const set = (name: string, value: string | number, expected: unknown): void => {
    connection.prepare(`PRAGMA ${name} = ${value}`).get()
    const actual = read(name)
    assert(actual === expected, `pragma ${name} is ${String(expected)}, not ${String(actual)}`)
  }
  // Reading the journal mode opens the file, runs SQLite's own recovery, and finds a foreign format.
  assert(read('journal_mode') === 'wal', 'a tenant file is in WAL mode')
  assert(read('page_size') === BigInt(PAGE_BYTES), `a tenant file has ${PAGE_BYTES}-byte pages`)
  assert(read('auto_vacuum') === 2n, 'a tenant file has auto_vacuum=INCREMENTAL')
  set('synchronous', 'FULL', 2n)
  set('wal_autocheckpoint', 0, 0n)
  set('foreign_keys', 'ON', 1n)
  set('trusted_schema', 'OFF', 0n)
  set('cell_size_check', 'ON', 1n)
  set('mmap_size', 0, 0n)
  set('temp_store', 'MEMORY', 2n)
  set('cache_size', -settings.cacheKib, BigInt(-settings.cacheKib))
  const pages = Math.max(settings.pageCountMax, Number(read('page_count')))
  set('max_page_count', pages, BigInt(pages))
  set('hard_heap_limit', HEAP_BYTES_MAX, BigInt(HEAP_BYTES_MAX))
}
