import { describe, expect, test } from 'vitest'
import { checkpointOf, DATA_ID, NONCE } from '../fixtures/ledger-bed.ts'
import { seeded } from '../fixtures/seeded.ts'
import { openShipping, turns } from '../fixtures/ship-bed.ts'
import { recover, SUCCESSOR } from '../fixtures/stored-bed.ts'
import { type StoredAt, walkStored } from './walk-stored.ts'

const numbersTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1)

test('what nobody waits for is stored together after shipEveryMs; an idle ledger asks for nothing and has no timer', async () => {
  const { clock, sink, shipper, commit } = await openShipping(seeded(1))
  for (let count = 0; count < 5; count += 1) await commit()
  clock.advance(999)
  await turns(20)
  expect([sink.callCount, shipper.stats().lagMs]).toEqual([0, 999])
  clock.advance(1)
  await turns(20)
  expect([sink.callCount, sink.stored.ids, shipper.storedSeq]).toEqual([1, [0], 5])
  expect(shipper.stats()).toMatchObject({ lagMs: 0, putCount: 1, backlogBytes: 0, unacknowledgedCount: 0 })
  expect([clock.pending, shipper.neededFrom]).toEqual([0, undefined])
})

test('a lone commit that somebody waits for leaves at once, and a busy ledger fills the next object meanwhile', async () => {
  const { sink, shipper, commit } = await openShipping(seeded(2), { putsMax: 1 })
  const waits: Promise<void>[] = []
  for (let count = 0; count < 20; count += 1) waits.push(shipper.stored(await commit()))
  await Promise.all(waits)
  expect(shipper.storedSeq).toBe(20)
  expect([sink.callCount < 20, sink.underWayCountMax]).toEqual([true, 1])
})

test('an object that is stored while a lower id is missing acknowledges nothing', async () => {
  const { sink, shipper, commit, clock } = await openShipping(() => 0)
  const create = sink.create.bind(sink)
  let isHeld = true
  sink.create = async (id, bytes) => {
    while (id === 0 && isHeld) await turns(1)
    return create(id, bytes)
  }
  const acknowledged: number[] = []
  const waits = [1, 2].map(async () => {
    const seq = await commit()
    await shipper.stored(seq)
    acknowledged.push(seq)
  })
  await turns(10)
  const third = commit().then((seq) => shipper.stored(seq))
  await turns(20, clock)
  expect([sink.stored.ids.includes(1), sink.stored.ids.includes(0), acknowledged]).toEqual([true, false, []])
  isHeld = false
  await Promise.all([...waits, third])
  expect(acknowledged).toEqual([1, 2])
})

test('with the store down memory stays bounded, segments stay on the disk, and all is stored when it comes back', async () => {
  const settings = { memoryBytesMax: 30_000, objectBytesMax: 20_000, backlogBytesMax: 100_000 }
  const { clock, sink, shipper, ledger, disk, commit } = await openShipping(seeded(4), settings)
  sink.isDown = true
  for (let lsn = 1; lsn <= 40; lsn += 1) {
    await commit()
    await turns(1, clock)
    ledger.append(checkpointOf('a', lsn))
    expect(shipper.stats().memoryBytes).toBeLessThanOrEqual(30_000)
  }
  await ledger.trim()
  expect([shipper.hasRoom, await disk.list(`data/ledgers/00000001-nonce000000000000001`)]).toEqual([
    false,
    expect.arrayContaining(['00000000.seg']),
  ])
  const callCount = sink.callCount
  await turns(600, clock)
  expect(sink.callCount - callCount).toBeLessThanOrEqual(4 * 16) // a minute in steps of 10 s, and what leads there
  sink.isDown = false
  await turns(600, clock)
  expect(shipper.stats()).toMatchObject({ lagMs: 0, backlogBytes: 0, memoryBytes: 0 })
  expect([shipper.hasRoom, await ledger.trim()]).toEqual([true, expect.any(Number)])
  await turns(200, clock)
  expect(ledger.pinnedBy().segmentId).toBeGreaterThan(3)
  expect((await recover(sink.stored)).lsns).toEqual(numbersTo(40))
})

test('a seal ends the writer: nothing behind it is acknowledged, and the owner is told once', async () => {
  const { clock, sink, shipper, fenced, commit } = await openShipping(seeded(5))
  await shipper.stored(await commit())
  await recover(sink.stored)
  const codes: unknown[] = []
  for (let count = 0; count < 2; count += 1) {
    await shipper.stored(await commit()).catch((error: { code: string }) => codes.push(error.code))
  }
  expect(codes).toEqual(['outcome_unknown', 'outcome_unknown'])
  await turns(20, clock)
  expect(fenced).toMatchObject([{ code: 'ledger_fenced', message: expect.stringContaining(SUCCESSOR.nonce) }])
  await expect(shipper.stored(await commit())).rejects.toMatchObject({ code: 'outcome_unknown' })
})

describe('under faults: 503, 409, lost replies, late arrivals, a store that is away', () => {
  test.each(numbersTo(25))(
    'no acknowledged commit is lost, ids and records have no gap, and it ends by itself (seed %i)',
    async (seed) => {
      const random = seeded(seed)
      const settings = { memoryBytesMax: 20_000, objectBytesMax: 10_000 }
      const { clock, sink, shipper, fenced, commit } = await openShipping(random, settings)
      sink.faultShare = 0.4
      const acknowledged: number[] = []
      const isZombie = seed % 3 === 0
      let recovered: { lsns: readonly number[] } | undefined
      for (let step = 0; step < 40; step += 1) {
        const seq = await commit()
        if (random() < 0.5)
          shipper.stored(seq).then(
            () => acknowledged.push(seq),
            () => undefined,
          )
        if (random() < 0.1) sink.isDown = !sink.isDown
        await turns(Math.floor(random() * 5), clock)
        expect([shipper.stats().memoryBytes <= 20_000, sink.underWayCountMax <= 4]).toEqual([true, true])
        if (isZombie && step === 20) recovered = await recover(sink.stored)
      }
      sink.isDown = false
      sink.faultShare = 0.1
      await turns(800, clock)
      recovered ??= await recover(sink.stored)
      expect(recovered.lsns).toEqual(numbersTo(recovered.lsns.length))
      expect(Math.max(0, ...acknowledged)).toBeLessThanOrEqual(recovered.lsns.length)
      expect(acknowledged).toEqual(acknowledged.toSorted((a, b) => a - b))
      expect([fenced.length, isZombie ? 40 : recovered.lsns.length]).toEqual([isZombie ? 1 : 0, 40])
    },
  )
})

test('nothing leaves before it has begun, and what waits since then leaves at once', async () => {
  const { clock, sink, shipper, commit } = await openShipping(seeded(6), {}, { isBegun: false })
  const stored = shipper.stored(await commit())
  await turns(50, clock)
  expect([sink.callCount, shipper.neededFrom, shipper.stats().lagMs > 0]).toEqual([0, 0, true])
  shipper.begin()
  await stored
  expect(sink.stored.ids).toEqual([0])
})

test('a walk that begins where the writer says that the next object stands finds the rest of it', async () => {
  const seen: StoredAt[] = []
  const { sink, shipper, commit } = await openShipping(seeded(7), { putsMax: 1 }, { onStored: (at) => seen.push(at) })
  for (let count = 0; count < 6; count += 1) await shipper.stored(await commit())
  expect(seen.map(({ id, lastSeq }) => [id, lastSeq])).toEqual(numbersTo(6).map((id) => [id, id]))
  const walk = { sink: sink.stored, dataId: DATA_ID, epoch: 1, nonce: NONCE, successor: SUCCESSOR, from: seen[3] }
  const records = walkStored(walk)
  const lsns: unknown[] = []
  let step = await records.next()
  for (; !step.done; step = await records.next()) {
    if (step.value.record.kind === 'entry') lsns.push(step.value.record.lsn)
  }
  expect([lsns, step.value]).toEqual([[5, 6], expect.objectContaining({ isMine: true, sealId: 6, lastSeq: 6 })])
})

test('a flush stores what is left, and does not wait for a store that fails', async () => {
  const { sink, shipper, commit } = await openShipping(() => 0)
  await commit()
  const flushed = shipper.flush()
  await commit() // what comes meanwhile is not waited for
  expect([await flushed, shipper.storedSeq >= 1]).toEqual([true, true])
  expect(await shipper.flush()).toBe(true)
  sink.isDown = true
  await commit()
  expect([await shipper.flush(), await shipper.flush()]).toEqual([false, false])
  expect(shipper.storedSeq).toBe(2)
})
