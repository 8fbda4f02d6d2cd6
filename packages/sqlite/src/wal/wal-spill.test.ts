/** A defect of the engine's SQLite 3.47, which is why transactions do not spill, and that the capture proof sees it: decision 0012. */
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { InvariantError } from '@tenax/kernel'
import { describe, expect, it } from 'vitest'
import { directoryMaker } from '../fixtures/test-bed.ts'
import { UNDONE, UNDONE_SCHEMA, undo } from '../fixtures/undone.ts'
import { numberOf, openLive, WalBed } from '../fixtures/wal-bed.ts'
import { proveCommits } from './capture.ts'

const newDirectory = directoryMaker()
/** What a machine would find that lost power now: the LSN after SQLite's own recovery. */
function lsnAfterCrash(bed: WalBed): bigint {
  const copy = join(newDirectory(), 'crashed.db')
  for (const suffix of ['', '-wal']) copyFileSync(bed.path + suffix, copy + suffix)
  const connection = openLive(copy)
  const lsn = BigInt(numberOf(connection, 'SELECT lsn FROM tenax_meta'))
  connection.close()
  return lsn
}

describe.each(UNDONE)('$what after it spilled', (one) => {
  it('makes the next COMMIT lose itself and all that follow in a crash, and its capture proof fails', () => {
    const bed = new WalBed(newDirectory(), UNDONE_SCHEMA)
    bed.commit("INSERT INTO t(b) VALUES ('first')")
    bed.script('BEGIN IMMEDIATE')
    undo(one, (statements) => bed.script(...statements))
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
