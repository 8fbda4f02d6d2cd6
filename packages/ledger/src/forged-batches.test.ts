import { describe, expect, test } from 'vitest'
import { controlBytes, encodeControl, encodePart } from './core/batch-body.ts'
import { partBytes } from './core/entry-part.ts'
import type { ControlRecord } from './core/record.ts'
import { forgeBatch } from './fixtures/forge.ts'
import { appendOneByOne, entryOf, openLedger, readAll } from './fixtures/ledger-bed.ts'
import type { MemoryDisk } from './fixtures/memory-disk.ts'

async function ledgerOfTwo(): Promise<MemoryDisk> {
  const { ledger, disk } = await openLedger()
  await appendOneByOne(ledger, 't', [1, 2])
  return disk
}

function control(record: ControlRecord): Buffer {
  const bytes = Buffer.alloc(controlBytes(record))
  encodeControl(bytes, record)
  return bytes
}

function part(index: number, first: number): Buffer {
  const bytes = Buffer.alloc(partBytes(1))
  encodePart(bytes, entryOf('u', 1, 3), { index, first, count: 1 })
  return bytes
}

const watermark = control({ kind: 'watermark', firstNeeded: 0 })

describe('a batch with right hashes', () => {
  test('that is right in all else is read', async () => {
    const disk = await ledgerOfTwo()
    await forgeBatch(disk, watermark)
    expect((await readAll(disk)).end).toMatchObject({ lastSeq: 3 })
  })

  test.each([
    ['another number', { number: 4 }, 'batch 4 stands where batch 3 belongs'],
    ['another hash before it', { previousHash: 1n }, 'batch 3 stands where batch 3 belongs'],
    ['another epoch', { epoch: 2 }, 'belongs to'],
    ['another segment', { segmentId: 3 }, 'belongs to 00000003.seg'],
    ['a durable end behind itself', { durableEnd: { segmentId: 0, offset: 20_000 } }, 'durable'],
    ['another record count', { recordCount: 2 }, 'has 1 records and says 2'],
    ['a gap in the numbers of records', { firstSeq: 9 }, 'records before this batch are missing'],
  ])('and %s is damage', async (_, changes, message) => {
    const disk = await ledgerOfTwo()
    await forgeBatch(disk, watermark, changes)
    await expect(readAll(disk)).rejects.toMatchObject({
      code: 'ledger_damaged',
      message: expect.stringContaining(message),
    })
  })

  test.each([
    ['a part without the parts before it', [part(1, 1)]],
    ['a part that is left out', [part(0, 0), part(2, 2)]],
    ['a record inside an entry', [part(0, 0), watermark]],
    ['an entry without all its pages', [part(0, 2)]],
    ['a record behind the seal', [control({ kind: 'seal', successor: undefined }), watermark]],
  ])('and %s is damage', async (_, records) => {
    const disk = await ledgerOfTwo()
    await forgeBatch(disk, Buffer.concat(records), { recordCount: records.length })
    await expect(readAll(disk)).rejects.toMatchObject({ code: 'ledger_damaged' })
  })

  test('and a kind of record that this version does not know is a newer format', async () => {
    const disk = await ledgerOfTwo()
    await forgeBatch(disk, Buffer.from([99, 0, 0, 0, 0, 0, 0, 0]))
    await expect(readAll(disk)).rejects.toMatchObject({ code: 'data_format_newer' })
  })
})
