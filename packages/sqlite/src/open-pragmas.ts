/** What every connection to a tenant file is set to, and the proof that it is. */
import { assert } from '@tenax/kernel'
import type { EngineConnection } from './driver.ts'
import { HEAP_BYTES_MAX, PAGE_BYTES, TRANSACTION_PAGES_MAX } from './limits.ts'

/** What a tenant file is, and what its connection is set to. Read back in one statement. */
const FILE_PRAGMAS = ['journal_mode', 'page_size', 'auto_vacuum'] as const
const CONNECTION_PRAGMAS = [
  'synchronous',
  'foreign_keys',
  'trusted_schema',
  'cell_size_check',
  'temp_store',
  'cache_size',
  'max_page_count',
  'hard_heap_limit',
] as const

/** These have no table-valued function. */
const OTHER_PRAGMAS = ['wal_autocheckpoint', 'mmap_size', 'cache_spill'] as const

/**
 * A transaction keeps what it changes in memory, up to the limit. Beyond it SQLite spills, which says that the limit is passed;
 * such a transaction is never committed (decision 0021).
 */
export const SPILL_AT_LIMIT = `PRAGMA cache_spill = ${TRANSACTION_PAGES_MAX}`

/** For what commits by itself, and so cannot be kept from committing what was spilled. */
export const SPILL_NEVER = 'PRAGMA cache_spill = OFF'

const READ_FILE = selectOf([...FILE_PRAGMAS, 'page_count'])
const READ_CONNECTION = selectOf(CONNECTION_PRAGMAS)

function selectOf(names: readonly string[]): string {
  return `SELECT ${names.map((name) => `(SELECT * FROM pragma_${name})`).join(', ')}`
}

/**
 * What makes commits durable: `full` syncs the WAL in each, `off` leaves it to a ledger, which then decides when the file
 * is checkpointed (LEDGER K1).
 */
export type Synchronous = 'full' | 'off'

/** What a connection is set to beside the constants. */
export interface PragmaSettings {
  readonly pageCountMax: number
  readonly cacheKib: number
  readonly synchronous: Synchronous
}

/** Sets the pragmas and reads them back. Throws InvariantError when the engine did not take one. */
export function applyPragmas(connection: EngineConnection, settings: PragmaSettings): void {
  // The first read opens the file, runs SQLite's own recovery, and finds a foreign format.
  const [journalMode, pageBytes, autoVacuum, pageCount] = connection.prepare(READ_FILE).get() ?? []
  expectPragmas(FILE_PRAGMAS, [journalMode, pageBytes, autoVacuum], ['wal', BigInt(PAGE_BYTES), 2n])
  const pagesMax = Math.max(settings.pageCountMax, Number(pageCount))
  connection.script(
    `PRAGMA synchronous = ${settings.synchronous}; PRAGMA wal_autocheckpoint = 0; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;
     PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -${settings.cacheKib};
     ${SPILL_AT_LIMIT}; PRAGMA max_page_count = ${pagesMax}; PRAGMA hard_heap_limit = ${HEAP_BYTES_MAX}`,
  )
  const synchronous = settings.synchronous === 'full' ? 2n : 0n
  const expected = [synchronous, 1n, 0n, 1n, 2n, BigInt(-settings.cacheKib), BigInt(pagesMax), BigInt(HEAP_BYTES_MAX)]
  expectPragmas(CONNECTION_PRAGMAS, connection.prepare(READ_CONNECTION).get() ?? [], expected)
  const others = OTHER_PRAGMAS.map((name) => connection.prepare(`PRAGMA ${name}`).get()?.[0])
  expectPragmas(OTHER_PRAGMAS, others, [0n, 0n, BigInt(TRANSACTION_PAGES_MAX)])
}

function expectPragmas(names: readonly string[], actual: readonly unknown[], expected: readonly unknown[]): void {
  for (const [index, name] of names.entries()) {
    const [is, should] = [actual[index], expected[index]]
    assert(is === should, `pragma ${name} is ${String(should)}, not ${String(is)}`)
  }
}
