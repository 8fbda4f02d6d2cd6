import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { describeSegmentFiles, MemoryDisk } from './contract.ts'
import { fsSegmentFiles } from './drivers/fs.ts'
import { DATA_ID, entryOf, NONCE, wordsOf } from './fixtures/ledger-bed.ts'
import { Ledger } from './ledger.ts'
import { forEachRecord, type PlacedRecord } from './read-ledger.ts'

const scratch = mkdtempSync(join(tmpdir(), 'tenax-ledger-'))
let count = 0
const makeDirectory = () => join(scratch, String(++count), 'ledger')

afterAll(() => rmSync(scratch, { recursive: true }))

describeSegmentFiles('fs', () => ({ files: fsSegmentFiles, directory: makeDirectory() }))
describeSegmentFiles('memory', () => ({ files: new MemoryDisk(), directory: 'data' }))

describe('a ledger on a real disk', () => {
  test('is written and read with the settings that it has by default', async () => {
    const directory = makeDirectory()
    const fatal: Error[] = []
    const identity = { directory, epoch: 1, nonce: NONCE, dataId: DATA_ID, files: fsSegmentFiles }
    const ledger = await Ledger.create({ ...identity, onFatal: (error) => fatal.push(error) })
    for (let lsn = 1; lsn <= 40; lsn += 1) ledger.append(entryOf('t', lsn, 100))
    await ledger.durable(40)
    ledger.append(entryOf('u', 1, 2_000))
    await ledger.close()
    const records: PlacedRecord[] = []
    const end = await forEachRecord({ directory, files: fsSegmentFiles }, (placed) => void records.push(placed))
    expect([wordsOf(records).length, end.state, end.place.segmentId, fatal]).toEqual([42, 'sealed', 1, []])
    const large = records[40]?.record
    expect(large?.kind === 'entry' && large.pages.every((page, index) => page.bytes[7] === (7 + index) % 251)).toBe(
      true,
    )
  })
})
