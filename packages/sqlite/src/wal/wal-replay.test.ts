import { describe, expect, it } from 'vitest'
import { directoryMaker } from '../fixtures/test-bed.ts'
import { WalBed } from '../fixtures/wal-bed.ts'
import { checkHistories } from '../fixtures/wal-history.ts'

const newDirectory = directoryMaker()
const TABLE = 'CREATE TABLE t(a INTEGER PRIMARY KEY, b)'
const insert = (count: number, bytes: number): string =>
  `INSERT INTO t(b) SELECT randomblob(${bytes}) FROM generate_series(1, ${count})`

describe('captured pages, redone onto an old copy, are the file', () => {
  const withRows = (count: number, bytes: number): WalBed => {
    const bed = new WalBed(newDirectory(), [TABLE])
    bed.commit(insert(count, bytes))
    return bed
  }

  it('after CREATE INDEX over 100,000 rows', async () => {
    const bed = withRows(100_000, 20)
    const capture = bed.commit('CREATE INDEX t_b ON t(b)')
    expect(capture.pageCount).toBeGreaterThan(500)
    expect(await bed.isReplayed()).toBe(true)
    bed.close()
  })

  it('after VACUUM, which is a commit of its own', async () => {
    const bed = withRows(3_000, 1_000)
    bed.commit('DELETE FROM t WHERE a % 3 > 0')
    const before = bed.databasePages
    bed.script('VACUUM')
    bed.bump()
    expect(bed.capture().commits).toHaveLength(2)
    expect(bed.databasePages).toBeLessThan(before)
    expect(await bed.isReplayed()).toBe(true)
    bed.close()
  })

  it('after growth by thousands of pages, one by one and at once', async () => {
    const bed = withRows(2_000, 3_900)
    for (let count = 0; count < 50; count += 1) bed.commit(insert(1, 3_900))
    expect(bed.databasePages).toBeGreaterThan(2_050)
    expect(await bed.isReplayed()).toBe(true)
    bed.close()
  })

  it('after incremental vacuum, in steps and to the end', async () => {
    const bed = withRows(1_000, 3_900)
    bed.commit('DELETE FROM t WHERE a > 20')
    for (let count = 0; count < 5; count += 1) bed.commit('PRAGMA incremental_vacuum(7)')
    bed.commit('PRAGMA incremental_vacuum')
    expect(bed.databasePages).toBeLessThan(60)
    expect(await bed.isReplayed()).toBe(true)
    bed.close()
  })

  it('after a cut and growth again over the pages that were cut off', async () => {
    const bed = withRows(500, 3_900)
    bed.commit('DELETE FROM t', 'PRAGMA incremental_vacuum')
    bed.commit(insert(200, 3_900))
    expect(await bed.isReplayed()).toBe(true)
    bed.close()
  })

  it('after checkpoints in between, when the log was begun anew each time', async () => {
    const bed = withRows(100, 900)
    for (const mode of ['TRUNCATE', 'RESTART', 'PASSIVE', 'RESTART'] as const) {
      bed.checkpoint(mode)
      bed.commit(insert(30, 900), 'DELETE FROM t WHERE a % 7 = 0')
    }
    expect(await bed.isReplayed()).toBe(true)
    bed.close()
  })

  it('after any transactions, savepoints, rollbacks, checkpoints and maintenance', () =>
    checkHistories(newDirectory, 30))
})
