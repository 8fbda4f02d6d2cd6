import { closeSync, openSync, readSync, rmSync, statSync, writeSync } from 'node:fs'
import { InvariantError } from '@tenax/kernel'
import { describe, expect, it } from 'vitest'
import { directoryMaker } from '../fixtures/test-bed.ts'
import { FIRST_LSN, WalBed } from '../fixtures/wal-bed.ts'
import { proveCommits } from './capture.ts'
import { FRAME_BYTES, WAL_HEADER_BYTES } from './wal-format.ts'
import { WalReader } from './wal-reader.ts'

const newDirectory = directoryMaker()
const TABLE = 'CREATE TABLE t(a INTEGER PRIMARY KEY, b)'
const newBed = (): WalBed => new WalBed(newDirectory(), [TABLE])
const walBytes = (bed: WalBed): number => statSync(`${bed.path}-wal`).size
const insert = (count: number, bytes: number): string =>
  `INSERT INTO t(b) SELECT randomblob(${bytes}) FROM generate_series(1, ${count})`

describe('WalReader', () => {
  it('captures one commit with the pages that it changed, and their last images', async () => {
    const bed = newBed()
    const capture = bed.commit("INSERT INTO t(b) VALUES ('x')")
    expect(capture.commits).toEqual([{ frameCount: 2, databasePages: bed.databasePages, lsn: FIRST_LSN + 1n }])
    expect([...capture.pages].map((page) => page.number)).toContain(bed.metaPage)
    expect(capture).toMatchObject({ pageCount: 2, frameCount: 2, restartCount: 0, isUnlinked: false })
    expect(capture.walBytes).toBe(walBytes(bed))
    expect(await bed.isReplayed()).toBe(true)
    bed.close()
  })

  it('captures nothing when nothing was committed', () => {
    const bed = newBed()
    expect(bed.reader.capture(bed.metaPage)).toBeUndefined()
    bed.commit(insert(1, 10))
    expect(bed.reader.capture(bed.metaPage)).toBeUndefined()
    bed.script('BEGIN', insert(1, 10), 'ROLLBACK')
    expect(bed.reader.capture(bed.metaPage)).toBeUndefined()
    bed.close()
  })

  it('joins commits that were not captured one by one, and says where each ends', () => {
    const bed = newBed()
    for (let count = 0; count < 3; count += 1) {
      bed.script('BEGIN', insert(1, 10))
      bed.bump()
      bed.script('COMMIT')
    }
    const capture = bed.capture()
    expect(capture.commits.map((commit) => commit.lsn)).toEqual([8n, 9n, 10n])
    expect(capture.frameCount).toBe(6)
    expect(capture.pageCount).toBe(2)
    bed.close()
  })

  it('follows a log that is begun anew in place and keeps its length', async () => {
    const bed = newBed()
    bed.commit(insert(10, 1000))
    const before = walBytes(bed)
    bed.checkpoint('RESTART')
    const capture = bed.commit("INSERT INTO t(b) VALUES ('after')")
    expect(walBytes(bed)).toBe(before)
    expect(capture.restartCount).toBe(1)
    expect(capture.walBytes).toBe(WAL_HEADER_BYTES + capture.frameCount * FRAME_BYTES)
    expect(await bed.isReplayed()).toBe(true)
    bed.close()
  })

  it('follows a log that a checkpoint cut to 0 bytes', async () => {
    const bed = newBed()
    bed.commit(insert(10, 1000))
    bed.checkpoint()
    expect(walBytes(bed)).toBe(0)
    expect(bed.reader.capture(bed.metaPage)).toBeUndefined()
    bed.checkpoint()
    expect(bed.commit(insert(1, 10)).restartCount).toBe(2)
    expect(await bed.isReplayed()).toBe(true)
    bed.close()
  })

  it('passes over a transaction of 20 MB that spilled into the log and rolled back', async () => {
    const bed = newBed()
    bed.commit(insert(1, 10))
    bed.script('BEGIN', insert(5_000, 4_000), 'UPDATE tenax_meta SET lsn = 99', 'ROLLBACK')
    expect(walBytes(bed)).toBeGreaterThan(20_000_000)
    expect(bed.reader.capture(bed.metaPage)).toBeUndefined()
    const capture = bed.commit(insert(1, 10))
    expect(capture.walBytes).toBe(WAL_HEADER_BYTES + 4 * FRAME_BYTES)
    expect(await bed.isReplayed()).toBe(true)
    bed.close()
  })

  it('leaves out pages that a transaction spilled and cut off again', async () => {
    const bed = newBed()
    const cut = ['DELETE FROM t', 'PRAGMA incremental_vacuum']
    const capture = bed.commit(insert(500, 4_000), ...cut)
    expect(capture.frameCount).toBeGreaterThan(400)
    expect(Math.max(...[...capture.pages].map((page) => page.number))).toBeLessThanOrEqual(capture.databasePages)
    expect(await bed.isReplayed()).toBe(true)
    bed.close()
  })

  it('leaves out pages that an earlier commit of the same capture wrote and a later one cut off', async () => {
    const bed = newBed()
    for (const statements of [[insert(50, 4_000)], ['DELETE FROM t WHERE a > 5', 'PRAGMA incremental_vacuum']]) {
      bed.script('BEGIN', ...statements)
      bed.bump()
      bed.script('COMMIT')
    }
    const capture = bed.capture()
    expect(capture.commits).toHaveLength(2)
    expect(capture.commits[0]?.databasePages).toBeGreaterThan(capture.databasePages)
    expect(capture.pageCount).toBe([...capture.pages].filter((page) => page.number <= capture.databasePages).length)
    expect(await bed.isReplayed()).toBe(true)
    bed.close()
  })

  it('reads a large commit in turns, with other readers at work in between', async () => {
    const [bed, other] = [newBed(), newBed()]
    bed.script('BEGIN', insert(2_000, 4_000))
    bed.bump()
    bed.script('COMMIT')
    let turns = 0
    const capture = await bed.reader.captureInTurns(bed.metaPage, async () => {
      turns += 1
      other.commit(insert(1, 10))
    })
    expect(turns).toBeGreaterThan(20)
    expect(proveCommits(capture, bed.lsn)).toEqual({ lsn: bed.lsn + 1n, withoutBump: [] })
    if (capture !== undefined) bed.keep(capture)
    expect(await bed.isReplayed()).toBe(true)
    expect(await other.isReplayed()).toBe(true)
    bed.close()
    other.close()
  })

  it('refuses to give pages of a log that was begun anew meanwhile', () => {
    const bed = newBed()
    const capture = bed.commit(insert(500, 4_000))
    bed.checkpoint('RESTART')
    bed.commit(insert(1, 10))
    expect(() => [...capture.pages]).toThrow(InvariantError)
    bed.close()
  })
})

describe('capture proof', () => {
  /** Turns one bit of the log at byte `offset`, behind everybody's back. */
  const flipBit = (bed: WalBed, offset: number): void => {
    const descriptor = openSync(`${bed.path}-wal`, 'r+')
    const byte = Buffer.alloc(1)
    readSync(descriptor, byte, 0, 1, offset)
    writeSync(descriptor, Buffer.from([(byte[0] ?? 0) ^ 0x10]), 0, 1, offset)
    closeSync(descriptor)
  }

  it.each([
    ['page number', 0],
    ['salt', 9],
    ['checksum, first half,', 17],
    ['checksum, second half,', 21],
    ['first word of the page', 24],
    ['last byte of the page', FRAME_BYTES - 1],
  ])('a flipped bit in the %s of a frame ends the chain, and the proof fails', (_, offset) => {
    const bed = newBed()
    bed.commit(insert(1, 10))
    const end = walBytes(bed)
    bed.script('BEGIN', insert(1, 10))
    bed.bump()
    bed.script('COMMIT')
    flipBit(bed, end + offset)
    const capture = bed.reader.capture(bed.metaPage)
    expect(capture).toBeUndefined()
    expect(() => proveCommits(capture, bed.lsn)).toThrow(InvariantError)
    bed.close()
  })

  it('a flipped bit in the header of a new log is an invariant broken', () => {
    const bed = newBed()
    bed.script('UPDATE tenax_meta SET lsn = lsn + 1')
    flipBit(bed, 17)
    expect(() => bed.reader.capture(bed.metaPage)).toThrow('the header of the log')
    bed.close()
  })

  it('a commit that grows the database by pages that it does not hold is refused', () => {
    const bed = newBed()
    bed.bump()
    const mistaken = WalReader.open(bed.path, bed.databasePages - 1)
    expect(() => mistaken.capture(bed.metaPage)).toThrow(`page ${bed.databasePages} is in the commit`)
    mistaken.close()
    bed.close()
  })

  it('a jump of the LSN is refused, and so is a step back', () => {
    const bed = newBed()
    bed.script('UPDATE tenax_meta SET lsn = lsn + 2')
    const capture = bed.reader.capture(bed.metaPage)
    expect(() => proveCommits(capture, FIRST_LSN)).toThrow('the LSN after 7 is 8, not 9')
    expect(() => proveCommits(capture, 9n + 1n)).toThrow(InvariantError)
    bed.close()
  })

  it('VACUUM is a commit without a bump, and joins the bump that follows', async () => {
    const bed = newBed()
    bed.commit(insert(300, 4_000))
    bed.commit('DELETE FROM t WHERE a > 10')
    bed.script('VACUUM')
    bed.bump()
    const capture = bed.reader.capture(bed.metaPage)
    const proved = proveCommits(capture, bed.lsn)
    expect(proved.lsn).toBe(bed.lsn + 1n)
    expect(proved.withoutBump).toEqual([capture?.commits[0]])
    expect(capture?.commits[0]?.lsn).toBe(bed.lsn)
    if (capture !== undefined) bed.keep(capture)
    expect(await bed.isReplayed()).toBe(true)
    bed.close()
  })

  it('a log that lost its name is reported', () => {
    const bed = newBed()
    bed.commit(insert(1, 10))
    rmSync(`${bed.path}-wal`)
    expect(bed.commit(insert(1, 10)).isUnlinked).toBe(true)
    bed.reader.close()
    bed.connection.close()
  })
})
