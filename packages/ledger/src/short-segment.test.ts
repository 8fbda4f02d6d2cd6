import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hash64 } from './core/hash.ts'
import { appendOneByOne, DIRECTORY, entryOf, openLedger, readAll, SMALL } from './fixtures/ledger-bed.ts'
import type { MemoryDisk } from './fixtures/memory-disk.ts'
import { forEachRecord } from './read-ledger.ts'

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1)
const pathOf = (id: number) => `${DIRECTORY}/${String(id).padStart(8, '0')}.seg`
/** A batch with one entry of one page; six of them fill a segment. */
const BATCH_BYTES = 80 + 8 + 108 + 4_100
const batchAt = (index: number) => 512 + index * BATCH_BYTES
const FILE_BYTES = SMALL.segmentBytesMax

/** A ledger of `count` entries as a killed process leaves it, each segment made from a spare. */
async function killedLedger(count: number): Promise<MemoryDisk> {
  const { ledger, disk } = await openLedger()
  for (const lsn of upTo(count)) {
    while (!ledger.hasSpare) await new Promise((resolve) => setImmediate(resolve))
    await appendOneByOne(ledger, 't', [lsn])
  }
  return disk.afterKill()
}

function shortened(disk: MemoryDisk, id: number, byteCount: number): MemoryDisk {
  const copy = disk.afterKill()
  copy.put(pathOf(id), disk.bytesOf(pathOf(id)).subarray(0, byteCount))
  return copy
}

const damagedAt = (id: number, offset: number, byteCount: number) =>
  expect.objectContaining({
    code: 'ledger_damaged',
    message: expect.stringContaining(
      `0000000${id}.seg is damaged at offset ${offset}: the file is ${byteCount} bytes long, and was at least `,
    ),
    hint: expect.stringContaining(`restore 0000000${id}.seg from a copy`),
    details: expect.objectContaining({ segment: `0000000${id}.seg`, offset }),
  })

describe('a last segment that was cut short', () => {
  const EDGES = [0, 1, 100, 511, 512, 513, 592, batchAt(1) - 1, batchAt(1), batchAt(2) + 1, batchAt(3), FILE_BYTES - 1]

  test.each([
    ['behind others', 9, 1],
    ['alone', 3, 0],
  ])('is damage at any length, %s: no commit goes without a word', async (_where, count, id) => {
    const disk = await killedLedger(count)
    await fc.assert(
      fc.asyncProperty(fc.nat(FILE_BYTES - 1), async (byteCount) => {
        const whole = Math.min(3, Math.floor((byteCount - 512) / BATCH_BYTES))
        const offset = byteCount < 512 ? 0 : batchAt(whole)
        await expect(readAll(shortened(disk, id, byteCount))).rejects.toEqual(damagedAt(id, offset, byteCount))
      }),
      { numRuns: 200, examples: EDGES.map((byteCount) => [byteCount]) },
    )
    expect((await readAll(disk)).end).toMatchObject({ state: 'open', lastSeq: count })
  })

  test('is damage though a segment without a header follows it', async () => {
    const disk = shortened(await killedLedger(6), 0, batchAt(4))
    disk.put(pathOf(1), Buffer.alloc(FILE_BYTES))
    await expect(readAll(disk)).rejects.toEqual(damagedAt(0, batchAt(4), batchAt(4)))
  })

  test('is no damage where an earlier recovery cut it before that', async () => {
    const disk = await killedLedger(9)
    for (const [offset, byteCount] of [
      [batchAt(1), batchAt(1)],
      [batchAt(1) + 100, batchAt(1) + 100],
      [100, 100],
      [0, 0],
    ] as const) {
      const cut = { segmentId: 1, offset }
      const read = (bytes: number) =>
        forEachRecord({ directory: DIRECTORY, files: shortened(disk, 1, bytes), cut }, () => undefined)
      expect(await read(byteCount)).toMatchObject({ lastSeq: byteCount < 512 ? 6 : 7 })
      if (byteCount === 0) continue
      await expect(read(byteCount - 1)).rejects.toMatchObject({ code: 'ledger_damaged' })
    }
  })

  test('is no damage behind its seal', async () => {
    const { ledger, disk } = await openLedger()
    await appendOneByOne(ledger, 't', [1])
    await ledger.close()
    const { place } = (await readAll(disk)).end
    expect((await readAll(shortened(disk, 0, place.offset))).end).toMatchObject({ state: 'sealed', lastSeq: 2 })
    await expect(readAll(shortened(disk, 0, place.offset - 1))).rejects.toEqual(
      damagedAt(0, batchAt(1), place.offset - 1),
    )
  })

  test('is a tear when its writer did not say how long it was', async () => {
    const disk = shortened(await killedLedger(3), 0, batchAt(2) + 1)
    const header = disk.bytesOf(pathOf(0))
    header.writeBigUInt64LE(0n, 96)
    header.writeBigUInt64LE(hash64(header.subarray(0, 504)), 504)
    expect((await readAll(disk)).end).toMatchObject({ state: 'torn', lastSeq: 2 })
  })
})

describe('a segment made from a spare', () => {
  test('has its whole length fsynced before it gets its name', async () => {
    const { ledger, disk } = await openLedger()
    await appendOneByOne(ledger, 't', [1])
    const verbs = disk.log.filter((line) => /1\.spare$/.test(line)).map((line) => line.split(' ')[0])
    expect(verbs).toEqual(['open', 'write', 'sync', 'rename'])
    expect(disk.bytesOf(pathOf(0)).readBigUInt64LE(96)).toBe(BigInt(FILE_BYTES))
  })
})

describe('a segment for which no spare was ready', () => {
  test('has its header, fsynced, before its name: shorter than that is damage, a torn batch is none', async () => {
    const { ledger, disk } = await openLedger()
    while (!ledger.hasSpare) await new Promise((resolve) => setImmediate(resolve))
    await appendOneByOne(ledger, 't', upTo(6))
    disk.failNext('open', 'ENOSPC', { path: /3\.spare$/ })
    await appendOneByOne(ledger, 't', upTo(12).slice(6))
    const from = disk.log.length
    await appendOneByOne(ledger, 't', [13])
    const verbs = disk.log.slice(from).filter((line) => /4\.spare|2\.seg|syncDirectory/.test(line))
    expect(verbs.map((line) => line.split(' ')[0])).toEqual([
      ...['open', 'write', 'sync', 'rename', 'syncDirectory'],
      ...['write', 'sync'],
    ])
    const killed = disk.afterKill()
    expect(killed.bytesOf(pathOf(2))).toHaveLength(batchAt(1))
    expect(killed.bytesOf(pathOf(2)).readBigUInt64LE(96)).toBe(512n)
    for (const byteCount of [0, 1, 511]) {
      await expect(readAll(shortened(killed, 2, byteCount))).rejects.toEqual(damagedAt(2, 0, byteCount))
    }
    for (const byteCount of [512, batchAt(1) - 1]) {
      expect((await readAll(shortened(killed, 2, byteCount))).end).toMatchObject({ lastSeq: 12 })
    }
  })

  test('leaves no file of its name when there is no room for its header', async () => {
    const { ledger, disk } = await openLedger()
    while (!ledger.hasSpare) await new Promise((resolve) => setImmediate(resolve))
    disk.capacityBytes = disk.usedBytes
    for (const lsn of upTo(13)) ledger.append(entryOf('t', lsn))
    while (ledger.state !== 'full') await new Promise((resolve) => setImmediate(resolve))
    expect((await disk.list(DIRECTORY)).toSorted()).toEqual(['00000000.seg', '00000001.seg'])
  })
})
