import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { directoryMaker } from '../fixtures/test-bed.ts'
import { numberOf, openLive } from '../fixtures/wal-bed.ts'
import { libsqlDriver, makeTemplate } from '../index.ts'
import { PAGE_BYTES } from '../limits.ts'
import { readMetaLsn } from './meta-lsn.ts'

const directory = directoryMaker()()
const path = join(directory, 'meta.db')
const schema =
  'CREATE TABLE tenax_meta(id INTEGER PRIMARY KEY CHECK (id = 1), format INTEGER, incarnation TEXT, lineage TEXT, lsn INTEGER, more ANY) STRICT'
writeFileSync(path, makeTemplate(libsqlDriver, join(directory, 'scratch.db'), [schema]))
const connection = openLive(path)
const root = numberOf(connection, "SELECT rootpage FROM sqlite_schema WHERE name = 'tenax_meta'")
afterAll(() => connection.close())

type Row = readonly [format: bigint, incarnation: string, lineage: string, lsn: bigint | null, more: Buffer | null]

/** The page that SQLite makes of a row, after all that was there before. */
function pageOf(rows: readonly Row[], firstId = 1): Buffer {
  connection.script('DELETE FROM tenax_meta; PRAGMA ignore_check_constraints = ON')
  const insert = connection.prepare('INSERT OR REPLACE INTO tenax_meta VALUES (?, ?, ?, ?, ?, ?)')
  for (const [index, row] of rows.entries()) insert.get([BigInt(firstId + index), ...row])
  connection.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()
  return readFileSync(path).subarray((root - 1) * PAGE_BYTES, root * PAGE_BYTES)
}

const lsns = fc.oneof(
  fc.constantFrom(0n, 1n, 127n, 128n, 32_767n, 32_768n, 8_388_607n, 8_388_608n, 2n ** 31n - 1n, 2n ** 31n),
  fc.constantFrom(2n ** 47n - 1n, 2n ** 47n, 2n ** 53n, 2n ** 63n - 1n),
  fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
)
const names = fc.string({ maxLength: 300 }).map((text) => text.replaceAll('\0', ''))
const rows: fc.Arbitrary<Row> = fc.tuple(
  lsns,
  names,
  names,
  lsns,
  fc.oneof(
    fc.constant(null),
    fc.uint8Array({ maxLength: 1_000 }).map((bytes): Buffer => Buffer.from(bytes)),
  ),
)

describe('readMetaLsn', () => {
  it('reads what SQLite wrote, whatever the other columns hold', () => {
    fc.assert(
      fc.property(rows, (row) => {
        expect(readMetaLsn(pageOf([row]))).toBe(row[3])
      }),
      { numRuns: 300 },
    )
  })

  it.each<[string, readonly Row[], number]>([
    ['no row', [], 1],
    [
      'two rows',
      [
        [1n, 'a', 'b', 1n, null],
        [1n, 'a', 'b', 2n, null],
      ],
      1,
    ],
    ['a row with another id', [[1n, 'a', 'b', 1n, null]], 2],
    ['no LSN', [[1n, 'a', 'b', null, null]], 1],
  ])('answers undefined for a page with %s', (_, content, firstId) => {
    expect(readMetaLsn(pageOf(content, firstId))).toBeUndefined()
  })

  it('answers something or undefined for any bytes, and never throws', () => {
    const sound = pageOf([[1n, 'incarnation', 'lineage', 77n, null]])
    const edits = fc.array(fc.tuple(fc.nat(PAGE_BYTES - 1), fc.nat(255)), { maxLength: 8 })
    const nearEnds = fc.array(fc.tuple(fc.oneof(fc.nat(16), fc.integer({ min: 4_000, max: 4_095 })), fc.nat(255)))
    fc.assert(
      fc.property(fc.oneof(edits, nearEnds), (changes) => {
        const page = Buffer.from(sound)
        for (const [at, byte] of changes) page[at] = byte
        const lsn = readMetaLsn(page)
        expect(lsn === undefined || (lsn >= -(2n ** 63n) && lsn < 2n ** 63n)).toBe(true)
      }),
      { numRuns: 2_000 },
    )
    expect(readMetaLsn(Buffer.alloc(0))).toBeUndefined()
    expect(readMetaLsn(Buffer.alloc(PAGE_BYTES, 0xff))).toBeUndefined()
  })
})
