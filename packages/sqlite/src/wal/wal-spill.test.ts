/** A defect of the engine's SQLite 3.47, which is why transactions do not spill, and that the capture proof sees it: decision 0012. */
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { InvariantError } from '@tenax/kernel'
import { describe, expect, it } from 'vitest'
import { directoryMaker } from '../fixtures/test-bed.ts'
import { numberOf, openLive, WalBed } from '../fixtures/wal-bed.ts'
import { proveCommits } from './capture.ts'

const newDirectory = directoryMaker()
const SCHEMA = [
  'CREATE TABLE t(a INTEGER PRIMARY KEY, b, seen INTEGER DEFAULT 1, isLow INTEGER DEFAULT 1 CHECK (isLow))',
  'INSERT INTO t(b) SELECT randomblob(900) FROM generate_series(1, 3000)',
  'CREATE TRIGGER mirror AFTER UPDATE OF isLow ON t BEGIN UPDATE t SET seen = 2 WHERE a = 3001 - new.a; END',
]
/** Each spills, changes pages again that it has spilled, though not the first one, and is undone. */
const UNDONE: [string, (bed: WalBed) => void][] = [
  [
    'a savepoint that is rolled back',
    (bed) =>
      bed.script(
        'SAVEPOINT s',
        'UPDATE t SET b = randomblob(900)',
        'UPDATE t SET b = randomblob(900) WHERE a > 1500',
        'ROLLBACK TO s',
        'RELEASE s',
      ),
  ],
  [
    'a statement that fails on its last rows',
    (bed) => expect(() => bed.script('UPDATE t SET b = randomblob(900), isLow = a < 2990')).toThrow('CHECK constraint'),
  ],
]

/** What a machine would find that lost power now: the LSN after SQLite's own recovery. */
function lsnAfterCrash(bed: WalBed): bigint {
  const copy = join(newDirectory(), 'crashed.db')
  for (const suffix of ['', '-wal']) copyFileSync(bed.path + suffix, copy + suffix)
  const connection = openLive(copy)
  const lsn = BigInt(numberOf(connection, 'SELECT lsn FROM tenax_meta'))
  connection.close()
  return lsn
}

describe.each(UNDONE)('%s after it spilled', (_, undo) => {
  it('makes the next COMMIT lose itself and all that follow in a crash, and its capture proof fails', () => {
    const bed = new WalBed(newDirectory(), SCHEMA)
    bed.commit("INSERT INTO t(b) VALUES ('first')")
    bed.script('BEGIN IMMEDIATE')
    undo(bed)
    bed.bump()
    bed.script('COMMIT')
    const committed = BigInt(numberOf(bed.connection, 'SELECT lsn FROM tenax_meta'))
    expect(committed).toBe(bed.lsn + 1n)
    // When this fails, the engine is mended, and decision 0012 can be taken again.
    expect(lsnAfterCrash(bed)).toBe(bed.lsn)
    expect(() => proveCommits(bed.reader.capture(bed.metaPage), bed.lsn)).toThrow(InvariantError)
    bed.close()
  })
})
