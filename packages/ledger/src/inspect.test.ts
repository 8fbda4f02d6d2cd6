import { describe, expect, test } from 'vitest'
import { appendOneByOne, checkpointOf, DIRECTORY, entryOf, idOf, openLedger } from './fixtures/ledger-bed.ts'
import type { MemoryDisk } from './fixtures/memory-disk.ts'
import { type InspectedRecord, inspectLedger, verifyLedger } from './inspect.ts'

async function closedLedger(): Promise<MemoryDisk> {
  const { ledger, disk } = await openLedger()
  await appendOneByOne(ledger, 't', [1, 2])
  ledger.append(entryOf('u', 5, 3))
  ledger.append(checkpointOf('t', 2))
  await ledger.close()
  return disk
}

describe('inspectLedger', () => {
  test('names tenant, LSN, time, size and place of each record', async () => {
    const disk = await closedLedger()
    const found: InspectedRecord[] = []
    for await (const each of inspectLedger({ directory: DIRECTORY, files: disk })) found.push(each)
    expect(found.map(({ kind, lsn, pageCount }) => [kind, lsn, pageCount])).toEqual([
      ['entry', 1, 1],
      ['entry', 2, 1],
      ['entry', 5, 3],
      ['checkpoint', 2, 0],
      ['seal', undefined, 0],
    ])
    expect(found[0]).toMatchObject({ seq: 1, segment: '00000000.seg', offset: 592, incarnation: idOf('t') })
    expect([found[2]?.pageBytes, found[3]?.timeMs]).toEqual([12_288, 1_700_000_000_000])
  })
})

describe('verifyLedger', () => {
  test('counts what a whole ledger holds', async () => {
    const disk = await closedLedger()
    expect(await verifyLedger({ directory: DIRECTORY, files: disk })).toMatchObject({
      recordCount: 5,
      entryCount: 3,
      pageCount: 5,
      tenantCount: 2,
      end: { state: 'sealed' },
      fault: undefined,
    })
  })

  test('names the first place that is wrong, and what could be read before', async () => {
    const disk = await closedLedger()
    const bytes = disk.bytesOf(`${DIRECTORY}/00000000.seg`)
    bytes.writeUInt8(bytes.readUInt8(6_000) ^ 1, 6_000)
    expect(await verifyLedger({ directory: DIRECTORY, files: disk })).toMatchObject({
      entryCount: 1,
      end: undefined,
      fault: { code: 'ledger_damaged', place: { segmentId: 0, offset: 512 + 4_296 } },
    })
  })

  test('a failing disk is no fault of the ledger', async () => {
    const disk = await closedLedger()
    disk.failNext('read', 'EIO')
    await expect(verifyLedger({ directory: DIRECTORY, files: disk })).rejects.toMatchObject({ code: 'EIO' })
  })
})
