import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { InvariantError } from '@tenax/kernel'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { directoryMaker } from '../fixtures/test-bed.ts'
import { checkpointed, FIRST_LSN, numberOf, openLive, WalBed } from '../fixtures/wal-bed.ts'
import { PAGE_BYTES } from '../limits.ts'
import { proveCommits } from './capture.ts'
import { type RedoLog, writeRedoWal } from './redo-wal.ts'
import { FRAME_BYTES, LOCK_PAGE_NUMBER, WAL_HEADER_BYTES } from './wal-format.ts'
import { WalReader } from './wal-reader.ts'

const newDirectory = directoryMaker()
const TABLE = 'CREATE TABLE t(a INTEGER PRIMARY KEY, b)'
const SALTS = [0x01234567, 0xfedcba98] as const
const SECTOR_BYTES = 512

/** A file with growth, changes and a cut behind it. */
function newBed(): WalBed {
  const bed = new WalBed(newDirectory(), [
    TABLE,
    'INSERT INTO t(b) SELECT randomblob(900) FROM generate_series(1, 200)',
  ])
  bed.commit('INSERT INTO t(b) SELECT randomblob(900) FROM generate_series(1, 100)')
  bed.commit('UPDATE t SET b = randomblob(1200) WHERE a % 5 = 0', 'CREATE INDEX t_b ON t(b)')
  bed.commit('DELETE FROM t WHERE a > 250', 'PRAGMA incremental_vacuum')
  return bed
}

const redoOf = (bed: WalBed): RedoLog => ({
  pages: [...bed.pages].map(([number, bytes]) => ({ number, bytes })),
  databasePages: bed.databasePages,
  salts: SALTS,
})

describe('writeRedoWal', () => {
  it('redoes a main file of which any sectors were written meanwhile, byte by byte', async () => {
    const bed = newBed()
    const after = bed.contents()
    await fc.assert(
      fc.asyncProperty(fc.infiniteStream(fc.boolean()), fc.nat(after.length - 1), async (coins, endAt) => {
        const torn = (base: Buffer): Buffer => {
          const main = Buffer.alloc(Math.max(base.length, endAt))
          base.copy(main)
          for (let at = 0; at < main.length; at += SECTOR_BYTES) {
            if (coins.next().value) after.copy(main, at, at, Math.min(at + SECTOR_BYTES, main.length))
          }
          return main
        }
        expect((await bed.replayed(torn)).equals(after)).toBe(true)
      }),
      { numRuns: 25 },
    )
    bed.close()
  })

  it('redoes a main file whose changed pages hold anything, the first one included', async () => {
    const bed = newBed()
    const garbled = (base: Buffer): Buffer => {
      const main = Buffer.concat([base, Buffer.alloc(200 * PAGE_BYTES)])
      for (const number of bed.pages.keys()) main.fill(0xa5, (number - 1) * PAGE_BYTES, number * PAGE_BYTES)
      return main
    }
    expect(bed.pages.has(1)).toBe(true)
    expect(await bed.isReplayed(garbled)).toBe(true)
    bed.close()
  })

  it.each([2, 100, 5_000, 1_000_000])('redoes a main file of %i bytes, cut or grown', async (byteCount) => {
    const bed = new WalBed(newDirectory(), [TABLE])
    bed.commit('INSERT INTO t(b) SELECT randomblob(900) FROM generate_series(1, 300)')
    bed.script('VACUUM')
    bed.bump()
    bed.capture()
    const resized = (base: Buffer): Buffer => Buffer.concat([base, Buffer.alloc(byteCount)]).subarray(0, byteCount)
    expect(bed.pages.size).toBe(bed.databasePages)
    expect(await bed.isReplayed(resized)).toBe(true)
    bed.close()
  })

  it('cuts the main file at the size that the log says', async () => {
    const bed = newBed()
    const longer = (base: Buffer): Buffer => Buffer.concat([base, Buffer.alloc(500 * PAGE_BYTES, 1)])
    const redone = await bed.replayed(longer)
    expect(redone.length).toBe(bed.databasePages * PAGE_BYTES)
    expect(redone.equals(bed.contents())).toBe(true)
    bed.close()
  })

  it('writes a log that the reader reads as one commit', async () => {
    const bed = newBed()
    const path = join(newDirectory(), 'redo.db')
    writeFileSync(path, bed.contents())
    await writeRedoWal(path, redoOf(bed))
    const connection = openLive(path)
    const reader = WalReader.open(path, numberOf(connection, 'PRAGMA page_count'))
    const capture = reader.capture(bed.metaPage)
    expect(capture?.commits).toHaveLength(1)
    expect(proveCommits(capture, bed.lsn - 1n).lsn).toBe(FIRST_LSN + 3n)
    for (const { number, bytes } of capture?.pages ?? []) expect(bed.pages.get(number)?.equals(bytes)).toBe(true)
    connection.script('UPDATE tenax_meta SET lsn = lsn + 1')
    expect(proveCommits(reader.capture(bed.metaPage), bed.lsn).lsn).toBe(bed.lsn + 1n)
    reader.close()
    connection.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()
    connection.close()
    bed.close()
  })

  it('takes its pages one at a time, from memory that is used again', async () => {
    const bed = new WalBed(newDirectory(), [TABLE])
    bed.commit('INSERT INTO t(b) SELECT randomblob(3900) FROM generate_series(1, 5000)')
    const path = join(newDirectory(), 'streamed.db')
    writeFileSync(path, Buffer.alloc(PAGE_BYTES))
    let given = 0
    async function* stream() {
      const bytes = Buffer.alloc(PAGE_BYTES)
      for (let number = 1; number <= bed.databasePages; number += 1) {
        all.copy(bytes, 0, (number - 1) * PAGE_BYTES)
        given += 1
        yield { number, bytes }
      }
    }
    const all = bed.contents()
    await writeRedoWal(path, { pages: stream(), databasePages: bed.databasePages, salts: SALTS })
    expect(given).toBe(bed.databasePages)
    expect(statSync(`${path}-wal`).size).toBe(WAL_HEADER_BYTES + given * FRAME_BYTES)
    expect(checkpointed(path).equals(all)).toBe(true)
    bed.close()
  })

  it('a part of a log, whatever its length, changes nothing', async () => {
    const bed = newBed()
    const whole = join(newDirectory(), 'whole.db')
    const base = bed.contents()
    bed.commit('UPDATE t SET b = 1')
    writeFileSync(whole, base)
    await writeRedoWal(whole, redoOf(bed))
    const log = readFileSync(`${whole}-wal`)
    for (const end of [0, 31, WAL_HEADER_BYTES, WAL_HEADER_BYTES + FRAME_BYTES, log.length - 1]) {
      const path = join(newDirectory(), 'part.db')
      writeFileSync(path, base)
      writeFileSync(`${path}-wal`, log.subarray(0, end))
      expect(checkpointed(path).equals(base), `${end} bytes`).toBe(true)
    }
    bed.close()
  })

  it.each<[string, Partial<RedoLog>]>([
    ['no page', { pages: [] }],
    ['a page beyond the database', { pages: [{ number: 4, bytes: Buffer.alloc(PAGE_BYTES) }] }],
    ['page 0', { pages: [{ number: 0, bytes: Buffer.alloc(PAGE_BYTES) }] }],
    ['half a page', { pages: [{ number: 1, bytes: Buffer.alloc(PAGE_BYTES / 2) }] }],
    [
      'the lock page',
      { pages: [{ number: LOCK_PAGE_NUMBER, bytes: Buffer.alloc(PAGE_BYTES) }], databasePages: LOCK_PAGE_NUMBER + 1 },
    ],
  ])('refuses %s, and leaves no log', async (_, redo) => {
    const path = join(newDirectory(), 'refused.db')
    writeFileSync(path, Buffer.alloc(PAGE_BYTES))
    await expect(writeRedoWal(path, { pages: [], databasePages: 3, salts: SALTS, ...redo })).rejects.toThrow(
      InvariantError,
    )
    expect(existsSync(`${path}-wal`)).toBe(false)
  })

  it.each(['-wal', '-shm'])('refuses a file beside which a %s lies', async (suffix) => {
    const path = join(newDirectory(), 'live.db')
    writeFileSync(path, Buffer.alloc(PAGE_BYTES))
    writeFileSync(path + suffix, '')
    const pages = [{ number: 1, bytes: Buffer.alloc(PAGE_BYTES) }]
    await expect(writeRedoWal(path, { pages, databasePages: 1, salts: SALTS })).rejects.toThrow(InvariantError)
  })

  it.each([0, 1])('refuses a main file of %i bytes, beside which SQLite would delete the log', async (byteCount) => {
    const path = join(newDirectory(), 'empty.db')
    writeFileSync(path, Buffer.alloc(byteCount))
    const pages = [{ number: 1, bytes: Buffer.alloc(PAGE_BYTES) }]
    await expect(writeRedoWal(path, { pages, databasePages: 1, salts: SALTS })).rejects.toThrow('not empty')
  })
})
