import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { fsSegmentFiles } from './drivers/fs.ts'
import { liveGolden } from './fixtures/golden-life.ts'
import { checkpointOf, entryOf, idOf, wordsOf } from './fixtures/ledger-bed.ts'
import { MemoryDisk } from './fixtures/memory-disk.ts'
import { forEachRecord, type PlacedRecord } from './read-ledger.ts'

// These files are released bytes. Whoever changes the format adds a directory beside them and never makes them again.
const NAME = `00000007-${idOf('golden')}`
const goldenAt = (format: string) => `${import.meta.dirname}/fixtures/golden/${format}/${NAME}`
/** What this version writes. The headers of `format-1` do not say yet how long their files were. */
const WRITTEN = goldenAt('format-1-lengths')

describe.each(['format-1', 'format-1-lengths'])('the golden ledger of %s', (format) => {
  test('is read as it was written', async () => {
    const records: PlacedRecord[] = []
    const end = await forEachRecord(
      { directory: goldenAt(format), files: fsSegmentFiles },
      (placed) => void records.push(placed),
    )
    expect(wordsOf(records)).toEqual([
      'a 7',
      'checkpoint',
      'forget',
      'watermark',
      'a 8',
      'b 1',
      `c ${2 ** 40}`,
      'a 9',
      'checkpoint',
      'seal',
    ])
    expect(records[0]).toMatchObject({ seq: 7, record: entryOf('a', 7), place: { segmentId: 1, offset: 592 } })
    expect(records[1]?.record).toEqual(checkpointOf('a', 6))
    expect(records[4]?.record).toEqual(entryOf('a', 8, 4))
    const odd = { lineage: idOf('b'), checksum: 2n ** 64n - 1n, flags: 0xdeadbeef, cipher: 1, keyId: 2 }
    expect(records[6]?.record).toEqual({ ...entryOf('c', 2 ** 40), ...odd })
    expect(end).toEqual({
      state: 'sealed',
      place: { segmentId: 2, offset: expect.any(Number) },
      lastSeq: 16,
      firstNeeded: 1,
      dataId: idOf('data'),
      cuts: [{ epoch: 6, nonce: idOf('before'), segmentId: 3, offset: 4_711 }],
      successor: { epoch: 8, nonce: idOf('after') },
    })
  })
})

describe('the golden ledger', () => {
  test('is what this version still writes, byte for byte', async () => {
    const disk = new MemoryDisk()
    await liveGolden(disk, NAME)
    for (const name of readdirSync(WRITTEN)) {
      expect(Buffer.compare(disk.bytesOf(`${NAME}/${name}`), readFileSync(`${WRITTEN}/${name}`))).toBe(0)
    }
    expect((await disk.list(NAME)).toSorted()).toEqual(readdirSync(WRITTEN).toSorted())
  })
})
