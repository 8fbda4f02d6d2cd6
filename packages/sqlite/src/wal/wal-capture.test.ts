/** What a journal relies on when it hands captured pages on without copies, and when VACUUM moves `tenax_meta`. */
import { rmSync, writeFileSync } from 'node:fs'
import { InvariantError } from '@tenax/kernel'
import { expect, it } from 'vitest'
import { directoryMaker } from '../fixtures/test-bed.ts'
import { FIRST_LSN, WalBed } from '../fixtures/wal-bed.ts'
import { BLOCK_FRAMES_MAX } from './frame-block.ts'

const newDirectory = directoryMaker()
const TABLE = 'CREATE TABLE t(a INTEGER PRIMARY KEY, b)'
const insert = (count: number): string => `INSERT INTO t(b) SELECT randomblob(3000) FROM generate_series(1, ${count})`

it.each([1, BLOCK_FRAMES_MAX * 3])(
  'the pages of a commit of %i rows are good together, not only one by one',
  (count) => {
    const bed = new WalBed(newDirectory(), [TABLE])
    const capture = bed.commit(insert(count))
    const together = [...capture.pages].map(({ number, bytes }) => ({ number, bytes }))
    for (const { number, bytes } of together) expect(Buffer.from(bytes)).toEqual(bed.pages.get(number))
    expect(together).toHaveLength(capture.pageCount)
    bed.close()
  },
)

it('a capture says whether it holds the first page, without which no root can have moved', () => {
  const bed = new WalBed(newDirectory(), [TABLE])
  expect(bed.commit(insert(20)).hasFirstPage).toBe(true) // the database grew
  expect(bed.commit('UPDATE t SET b = 7 WHERE a = 1').hasFirstPage).toBe(false)
  expect(bed.commit('CREATE TABLE further(x)').hasFirstPage).toBe(true)
  bed.close()
})

it('a capture with the wrong page of tenax_meta can be made again with the right one', () => {
  const bed = new WalBed(newDirectory(), [TABLE, 'CREATE TABLE gone(a)', 'DROP TABLE gone'])
  const metaPage = bed.metaPage
  bed.script('VACUUM')
  bed.bump()
  const wrong = bed.reader.capture(metaPage + 1_000)
  expect(wrong).toMatchObject({ hasFirstPage: true, restartCount: 0 })
  expect(wrong?.commits.map(({ lsn }) => lsn)).toEqual([undefined, undefined])
  const again = bed.reader.captureAgain(bed.metaPage)
  expect(again?.commits.map(({ lsn }) => lsn)).toEqual([FIRST_LSN, FIRST_LSN + 1n])
  expect(again?.pageCount).toBe(wrong?.pageCount)
  expect(bed.reader.capture(bed.metaPage)).toBeUndefined()
  bed.close()
})

it('a reader that rests goes on where it was, also when the log was cut meanwhile', async () => {
  const bed = new WalBed(newDirectory(), [TABLE])
  bed.commit(insert(1))
  bed.reader.rest()
  bed.reader.rest()
  bed.commit(insert(2))
  bed.reader.rest()
  bed.checkpoint()
  bed.commit(insert(3))
  expect(await bed.isReplayed()).toBe(true)
  bed.close()
})

it('a reader that rests refuses a log that lost its name, or that another file took the name of', () => {
  const bed = new WalBed(newDirectory(), [TABLE])
  bed.commit(insert(1))
  bed.reader.rest()
  rmSync(`${bed.path}-wal`)
  expect(() => bed.commit(insert(1))).toThrow(new InvariantError('the live log has its name'))
  writeFileSync(`${bed.path}-wal`, '')
  expect(() => bed.capture()).toThrow(new InvariantError('the live log has its name'))
  bed.connection.close()
})
