import { describe, expect, test } from 'vitest'
import { hash64 } from './core/hash.ts'
import {
  appendOneByOne,
  checkpointOf,
  DATA_ID,
  DIRECTORY,
  entryOf,
  idOf,
  NONCE,
  openLedger,
  readAll,
  wordsOf,
} from './fixtures/ledger-bed.ts'
import { MemoryDisk } from './fixtures/memory-disk.ts'
import { forEachRecord } from './read-ledger.ts'

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1)
const pathOf = (id: number) => `${DIRECTORY}/${String(id).padStart(8, '0')}.seg`
/** A batch with one entry of one page. */
const BATCH_BYTES = 80 + 8 + 108 + 4_100
const batchAt = (index: number) => 512 + index * BATCH_BYTES
const damagedAt = (segment: string, offset: number) =>
  expect.objectContaining({ code: 'ledger_damaged', details: expect.objectContaining({ segment, offset }) })

/** A ledger of `count` entries, six in each segment, as a killed process leaves it. */
async function killedLedger(count: number): Promise<MemoryDisk> {
  const { ledger, disk } = await openLedger()
  await appendOneByOne(ledger, 't', upTo(count))
  return disk.afterKill()
}

const flip = (disk: MemoryDisk, id: number, offset: number) => {
  const bytes = disk.bytesOf(pathOf(id))
  bytes.writeUInt8(bytes.readUInt8(offset) ^ 0x10, offset)
}

describe('a tear', () => {
  test('in the last batch is cut there', async () => {
    const disk = await killedLedger(9)
    disk.bytesOf(pathOf(1)).fill(0, batchAt(2) + 1_000, batchAt(3))
    const { records, end } = await readAll(disk)
    expect(wordsOf(records)).toEqual(upTo(8).map((lsn) => `t ${lsn}`))
    expect(end).toMatchObject({ state: 'torn', place: { segmentId: 1, offset: batchAt(2) }, lastSeq: 8 })
  })

  test('is what a batch becomes that no later batch claims, though a later one of the same flush is whole', async () => {
    const { ledger, disk } = await openLedger()
    await appendOneByOne(ledger, 't', [1])
    await ledger.durable(
      upTo(4)
        .map((lsn) => ledger.append(entryOf('t', 1 + lsn)))
        .at(-1) ?? 0,
    )
    const killed = disk.afterKill()
    flip(killed, 0, batchAt(1) + 200)
    expect((await readAll(killed)).end).toMatchObject({ state: 'torn', place: { offset: batchAt(1) }, lastSeq: 1 })
  })

  test('is a last segment whose header is half-written, or all zeros', async () => {
    for (const bytes of [Buffer.concat([Buffer.alloc(200, 1)], 27_000), Buffer.alloc(27_000)]) {
      const disk = await killedLedger(6)
      disk.put(pathOf(1), bytes)
      const { end } = await readAll(disk)
      expect(end).toMatchObject({ lastSeq: 6, place: { segmentId: 0, offset: batchAt(6) } })
      expect(end.state).toBe(bytes.includes(1) ? 'torn' : 'open')
    }
  })

  test('is a directory without segments, and a first segment without a header', async () => {
    const disk = new MemoryDisk()
    expect((await readAll(disk)).end).toMatchObject({ state: 'open', lastSeq: 0, dataId: undefined })
    disk.put(pathOf(0), Buffer.concat([Buffer.alloc(100, 3)], 27_000))
    expect((await readAll(disk)).end).toMatchObject({ state: 'torn', place: { segmentId: 0, offset: 0 } })
  })

  test('leaves out an entry whose last part is missing', async () => {
    const { ledger, disk } = await openLedger()
    await appendOneByOne(ledger, 't', [1])
    const part = BATCH_BYTES + 4_100
    await ledger.durable(ledger.append(entryOf('t', 2, 4)))
    const killed = disk.afterKill()
    killed.bytesOf(pathOf(0)).fill(0, batchAt(1) + part)
    const { records, end } = await readAll(killed)
    expect([wordsOf(records), end.place.offset]).toEqual([['t 1'], batchAt(1) + part])
  })

  test('is cut where an earlier recovery cut it, whatever lies behind', async () => {
    const disk = await killedLedger(9)
    const records: number[] = []
    const cut = { segmentId: 1, offset: batchAt(1) }
    const end = await forEachRecord({ directory: DIRECTORY, files: disk, cut }, ({ seq }) => void records.push(seq))
    expect([records, end]).toMatchObject([upTo(7), { state: 'torn', place: cut }])
  })
})

describe('damage', () => {
  test('is any wrong bit before a durable end that a later batch claims: it names file and offset (F1)', async () => {
    const disk = await killedLedger(4)
    for (const offset of [
      batchAt(1),
      batchAt(1) + 20,
      batchAt(1) + 60,
      batchAt(1) + 79,
      batchAt(1) + 81,
      batchAt(2) - 1,
    ]) {
      const copy = disk.afterKill()
      flip(copy, 0, offset)
      await expect(readAll(copy)).rejects.toEqual(damagedAt('00000000.seg', batchAt(1)))
      await expect(readAll(copy)).rejects.toThrow(`00000000.seg is damaged at offset ${batchAt(1)}`)
    }
  })

  test('is a wrong bit that only a batch of a later segment claims', async () => {
    const disk = await killedLedger(7)
    flip(disk, 0, batchAt(5) + 500)
    await expect(readAll(disk)).rejects.toEqual(damagedAt('00000000.seg', batchAt(5)))
  })

  test('is a batch that was zeroed before a durable one', async () => {
    const disk = await killedLedger(4)
    disk.bytesOf(pathOf(0)).fill(0, batchAt(1), batchAt(2))
    await expect(readAll(disk)).rejects.toEqual(damagedAt('00000000.seg', batchAt(1)))
  })

  test('is not proven by bytes of a tenant that look like a batch', async () => {
    const { ledger, disk } = await openLedger()
    const { disk: other, ledger: foreign } = await openLedger({ nonce: idOf('other'), directory: 'other' })
    await appendOneByOne(foreign, 't', upTo(3))
    const fake = other.bytesOf('other/00000000.seg').subarray(batchAt(2), batchAt(2) + 2_000)
    const entry = entryOf('t', 1)
    entry.pages[0]?.bytes.set(fake)
    await ledger.durable(ledger.append(entry))
    flip(disk, 0, batchAt(1) - 1)
    expect((await readAll(disk)).end).toMatchObject({ state: 'torn', lastSeq: 0 })
  })

  test('is a missing segment above the watermark', async () => {
    const disk = await killedLedger(20)
    const first = disk.afterKill()
    await first.remove(pathOf(0))
    await expect(readAll(first)).rejects.toEqual(damagedAt('00000000.seg', 0))
    await disk.remove(pathOf(2))
    await expect(readAll(disk)).rejects.toEqual(damagedAt('00000002.seg', 0))
  })

  test('is not a gap that an interrupted trim leaves below the watermark', async () => {
    const { ledger, disk } = await openLedger()
    await appendOneByOne(ledger, 't', upTo(20))
    const before = disk.afterKill()
    await ledger.durable(ledger.append(checkpointOf('t', 20)))
    await ledger.trim()
    disk.put(pathOf(1), before.bytesOf(pathOf(1)))
    expect((await readAll(disk)).end).toMatchObject({ firstNeeded: 3, lastSeq: 22 })
  })

  test('is two segments that were swapped', async () => {
    const disk = await killedLedger(20)
    const [one, two] = [Buffer.from(disk.bytesOf(pathOf(1))), Buffer.from(disk.bytesOf(pathOf(2)))]
    disk.put(pathOf(1), two)
    disk.put(pathOf(2), one)
    await expect(readAll(disk)).rejects.toEqual(damagedAt('00000001.seg', 0))
  })

  test('is a segment of another ledger, or of another epoch of this one', async () => {
    for (const options of [{ nonce: idOf('other') }, { epoch: 2 }]) {
      const disk = await killedLedger(7)
      const { ledger, disk: other } = await openLedger(options)
      await appendOneByOne(ledger, 't', upTo(7))
      disk.put(pathOf(1), other.bytesOf(pathOf(1)))
      await expect(readAll(disk)).rejects.toEqual(damagedAt('00000001.seg', 0))
    }
  })

  test('is a whole ledger under a directory that names another', async () => {
    const { ledger, disk } = await openLedger({ nonce: idOf('other') })
    await appendOneByOne(ledger, 't', [1])
    await expect(readAll(disk)).rejects.toEqual(damagedAt('00000000.seg', 0))
  })

  test('is a wrong bit in the header of any segment that has batches to prove it', async () => {
    const disk = await killedLedger(9)
    const [first, last] = [disk.afterKill(), disk.afterKill()]
    flip(first, 0, 100)
    flip(last, 1, 30)
    await expect(readAll(first)).rejects.toEqual(damagedAt('00000000.seg', 0))
    await expect(readAll(last)).rejects.toEqual(damagedAt('00000000.seg', batchAt(6)))
  })

  test('is an older state of a segment in its place', async () => {
    const { ledger, disk } = await openLedger()
    await appendOneByOne(ledger, 't', upTo(3))
    const older = Buffer.from(disk.bytesOf(pathOf(0)))
    await appendOneByOne(ledger, 't', [4, 5, 6, 7])
    disk.put(pathOf(0), older)
    await expect(readAll(disk)).rejects.toEqual(damagedAt('00000000.seg', batchAt(3)))
  })
})

describe('a newer format', () => {
  test('is refused by name, and a wrong bit is not taken for one', async () => {
    const disk = await killedLedger(1)
    const header = disk.bytesOf(pathOf(0))
    header.writeUInt32LE(2, 8)
    await expect(readAll(disk)).rejects.toMatchObject({ code: 'ledger_damaged' })
    header.writeBigUInt64LE(hash64(header.subarray(0, 504)), 504)
    await expect(readAll(disk)).rejects.toMatchObject({ code: 'data_format_newer' })
  })
})

describe('what a ledger says about itself', () => {
  test('data id and cuts come from its headers', async () => {
    const cuts = [{ epoch: 7, nonce: NONCE, segmentId: 3, offset: 12_345 }]
    const { ledger, disk } = await openLedger({ cuts })
    await ledger.close()
    expect((await readAll(disk)).end).toMatchObject({ state: 'sealed', dataId: DATA_ID, cuts })
  })
})
