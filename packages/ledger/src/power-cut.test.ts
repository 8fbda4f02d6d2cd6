import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { entryOf, openLedger, readAll } from './fixtures/ledger-bed.ts'
import { MemoryDisk } from './fixtures/memory-disk.ts'
import { liveRandomly, type RandomLife } from './fixtures/random-life.ts'
import { seeded } from './fixtures/seeded.ts'

const seeds = fc.integer({ min: 1, max: 2 ** 31 - 1 })

/** Everything acknowledged and not covered is there, and what is there is an unbroken run of what was appended. */
async function checkRecovered(life: RandomLife, disk: MemoryDisk): Promise<void> {
  const { records, end } = await readAll(disk)
  const found = new Set<number>()
  for (const [index, { seq, record }] of records.entries()) {
    expect(seq).toBe((records[0]?.seq ?? 0) + index)
    const appended = life.appended.get(seq)
    if (appended === undefined) expect(record.kind).toBe('watermark')
    else expect(record).toEqual(appended)
    found.add(seq)
  }
  expect(end.lastSeq).toBeGreaterThanOrEqual(life.acknowledgedSeq)
  expect([...life.needed].filter((seq) => !found.has(seq))).toEqual([])
  expect((await readAll(disk)).end).toEqual(end)
}

describe('a power cut', () => {
  for (const tears of ['prefix', 'sectors'] as const) {
    test(`leaves every acknowledged record and an unbroken run of them, whatever it tears (${tears})`, async () => {
      await fc.assert(
        fc.asyncProperty(seeds, fc.integer({ min: 1, max: 60 }), async (seed, steps) => {
          const life = await liveRandomly(seed, steps)
          await checkRecovered(life, life.disk.afterPowerCut({ random: seeded(seed + 1), tears }))
        }),
        { numRuns: 150 },
      )
    })
  }

  test('kill -9 leaves everything that was written, in order', async () => {
    await fc.assert(
      fc.asyncProperty(seeds, fc.integer({ min: 1, max: 60 }), async (seed, steps) => {
        const life = await liveRandomly(seed, steps)
        await checkRecovered(life, life.disk.afterKill())
      }),
      { numRuns: 50 },
    )
  })

  test('in the middle of create leaves no ledger or an empty one', async () => {
    await fc.assert(
      fc.asyncProperty(seeds, fc.nat(60), async (seed, ticks) => {
        const disk = new MemoryDisk()
        const opening = openLedger({ disk })
        for (let tick = 0; tick < ticks; tick += 1) await null
        const cut = disk.afterPowerCut({ random: seeded(seed), tears: 'sectors' })
        await opening
        expect((await readAll(cut)).records).toEqual([])
      }),
      { numRuns: 60 },
    )
  })
})

describe('a wrong bit', () => {
  test('anywhere before the last flush is found, and named by the place of its batch or segment', async () => {
    const { ledger, disk } = await openLedger()
    for (let lsn = 1; lsn <= 15; lsn += 1) await ledger.durable(ledger.append(entryOf('t', lsn)))
    const { records, end } = await readAll(disk)
    const last = records.at(-1)?.place ?? end.place
    const names = (await disk.list('data/ledgers/00000001-nonce000000000000001')).filter((name) => /seg$/.test(name))
    await fc.assert(
      fc.asyncProperty(fc.nat(2), fc.nat(27_000), fc.nat(7), async (id, offset, bit) => {
        const batchEnd =
          id === last.segmentId
            ? last.offset - 88
            : (records.findLast((each) => each.place.segmentId === id)?.place.offset ?? 0) + 4_208
        const copy = disk.afterKill()
        const bytes = copy.bytesOf(`data/ledgers/00000001-nonce000000000000001/${names[id]}`)
        const at = offset % batchEnd
        bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << bit), at)
        const error = await readAll(copy).catch((caught: unknown) => caught)
        expect(error).toMatchObject({ code: 'ledger_damaged' })
      }),
      { numRuns: 300 },
    )
  })
})
