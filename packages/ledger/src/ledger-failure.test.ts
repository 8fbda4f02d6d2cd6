import { ManualClock } from '@tenax/kernel'
import { describe, expect, test } from 'vitest'
import { appendOneByOne, entryOf, openLedger, readAll, wordsOf } from './fixtures/ledger-bed.ts'
import { MemoryDisk } from './fixtures/memory-disk.ts'

const turn = () => new Promise((resolve) => setImmediate(resolve))
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1)
const withCode = (code: string) => expect.objectContaining({ code })

describe('a failed fsync (F2)', () => {
  test('ends the epoch: every waiter rejects, append refuses, onFatal is called once, nothing is tried again', async () => {
    const { ledger, disk, fatal } = await openLedger()
    await appendOneByOne(ledger, 't', [1])
    disk.failNext('sync', 'EIO', { path: /\.seg$/ })
    const release = disk.stall('sync')
    const first = ledger.durable(ledger.append(entryOf('t', 2)))
    await turn()
    const second = ledger.durable(ledger.append(entryOf('t', 3)))
    release()
    const lost = { status: 'rejected', reason: withCode('outcome_unknown') }
    expect(await Promise.allSettled([first, second])).toEqual([lost, lost])
    await expect(ledger.durable(3)).rejects.toEqual(withCode('outcome_unknown'))
    expect(() => ledger.append(entryOf('t', 4))).toThrowError(withCode('unavailable'))
    expect(fatal).toEqual([withCode('internal')])
    expect([ledger.state, ledger.durableSeq, ledger.hasRoom(1)]).toEqual(['failed', 1, false])
    const { length } = disk.log
    ledger.retry()
    await turn()
    await expect(ledger.close()).rejects.toEqual(withCode('unavailable'))
    await expect(ledger.trim()).resolves.toBe(0)
    expect(disk.log).toHaveLength(length)
  })

  test('ends the epoch also when the disk is full: what a failed fsync has dropped cannot be written again', async () => {
    const { ledger, disk, fatal } = await openLedger()
    disk.failNext('sync', 'ENOSPC', { path: /\.seg$/ })
    await expect(ledger.durable(ledger.append(entryOf('t', 1)))).rejects.toEqual(withCode('outcome_unknown'))
    expect(fatal).toHaveLength(1)
  })

  test('a failed write that is no full disk ends the epoch too', async () => {
    const { ledger, disk, fatal } = await openLedger()
    disk.failNext('write', 'EIO', { path: /\.seg$/ })
    await expect(ledger.durable(ledger.append(entryOf('t', 1)))).rejects.toEqual(withCode('outcome_unknown'))
    expect([fatal.length, ledger.state]).toEqual([1, 'failed'])
  })

  test('a failed fsync of the directory of a new segment acknowledges nothing in it', async () => {
    const { ledger, disk, fatal } = await openLedger()
    disk.failNext('syncDirectory', 'EIO')
    const seqs = upTo(12).map((lsn) => ledger.append(entryOf('t', lsn)))
    await expect(ledger.durable(seqs.at(-1) ?? 0)).rejects.toEqual(withCode('outcome_unknown'))
    expect([fatal.length, ledger.durableSeq]).toEqual([1, 6])
  })

  test('that meets another one calls onFatal once', async () => {
    const { ledger, disk, fatal } = await openLedger()
    await appendOneByOne(ledger, 't', upTo(20))
    await ledger.durable(ledger.append({ kind: 'forget', incarnation: entryOf('t', 1).incarnation }))
    const release = disk.stall('remove')
    const trimming = ledger.trim()
    while (!disk.log.at(-1)?.startsWith('remove')) await turn()
    disk.failNext('syncDirectory', 'EIO')
    disk.failNext('sync', 'EIO', { path: /seg$/ })
    const waiting = ledger.durable(ledger.append(entryOf('t', 21)))
    await expect(waiting).rejects.toEqual(withCode('outcome_unknown'))
    release()
    await expect(trimming).rejects.toEqual(withCode('EIO'))
    expect(fatal).toHaveLength(1)
  })

  test('of a directory keeps a flush that is under way from being acknowledged', async () => {
    const { ledger, disk, durable } = await openLedger()
    await appendOneByOne(ledger, 't', upTo(20))
    await ledger.durable(ledger.append({ kind: 'forget', incarnation: entryOf('t', 1).incarnation }))
    const releaseRemove = disk.stall('remove')
    const trimming = ledger.trim()
    while (!disk.log.at(-1)?.startsWith('remove')) await turn()
    disk.failNext('syncDirectory', 'EIO')
    const releaseSync = disk.stall('sync')
    const waiting = ledger.durable(ledger.append(entryOf('t', 21)))
    const rejected = expect(waiting).rejects.toEqual(withCode('outcome_unknown'))
    while (!disk.log.at(-1)?.startsWith('sync ')) await turn()
    releaseRemove()
    await expect(trimming).rejects.toEqual(withCode('EIO'))
    releaseSync()
    await rejected
    await turn()
    expect([ledger.durableSeq, durable.at(-1)]).toEqual([22, 22])
  })

  test('a spare that cannot be synced is no failed fsync of the ledger', async () => {
    const { ledger, disk, fatal } = await openLedger()
    while (!ledger.hasSpare) await turn()
    disk.failNext('sync', 'EIO', { path: /\.spare$/ })
    await appendOneByOne(ledger, 't', upTo(30))
    expect([fatal, (await readAll(disk)).records.length]).toEqual([[], 30])
  })
})

describe('a full disk (F3)', () => {
  /** A ledger on a disk that has no byte left, its spare included. */
  async function openFull(clock = new ManualClock()) {
    const bed = await openLedger({ clock })
    while (!bed.ledger.hasSpare) await turn()
    bed.disk.capacityBytes = bed.disk.usedBytes
    let lsn = 0
    while (bed.ledger.state === 'open') {
      bed.ledger.append(entryOf('t', ++lsn))
      await turn()
      for (let turns = 0; turns < 5; turns += 1) await turn()
    }
    return { ...bed, lsn, clock }
  }

  test('uses the spare segment before it stops', async () => {
    const { ledger, disk } = await openFull()
    expect(ledger.state).toBe('full')
    expect(disk.log.filter((line) => /^rename .*spare/.test(line))).toHaveLength(2)
    expect(ledger.durableSeq).toBe(12)
  })

  test('a new spare lies ready after each new segment, while there is room', async () => {
    const { ledger } = await openLedger()
    for (const lsn of upTo(20)) {
      await appendOneByOne(ledger, 't', [lsn])
      while (!ledger.hasSpare) await turn()
    }
    expect(ledger.hasSpare).toBe(true)
  })

  test('keeps what was appended in order, and goes on when there is room and somebody asks', async () => {
    const { ledger, disk, lsn } = await openFull()
    const later = ledger.append(entryOf('u', 1))
    disk.capacityBytes += 200_000
    ledger.retry()
    await ledger.durable(later)
    expect(ledger.state).toBe('open')
    await ledger.close()
    const { records } = await readAll(disk)
    expect(wordsOf(records)).toEqual([...upTo(lsn).map((each) => `t ${each}`), 'u 1', 'seal'])
  })

  test('tries again by itself, after pauses that grow to a limit', async () => {
    const { ledger, disk, lsn, clock } = await openFull()
    const tries = () => disk.log.filter((line) => /^write /.test(line)).length
    const pauses: number[] = []
    for (let pauseMs = 0; pauses.length < 9; pauseMs += 100) {
      const before = tries()
      clock.advance(100)
      for (let turns = 0; turns < 5; turns += 1) await turn()
      if (tries() === before) continue
      pauses.push(pauseMs + 100)
      pauseMs = -100
    }
    expect(pauses.slice(0, 3)).toEqual([100, 200, 400])
    expect(pauses.slice(-2)).toEqual([5_000, 5_000])
    disk.capacityBytes += 200_000
    clock.advance(5_000)
    await ledger.durable(lsn)
    expect(ledger.state).toBe('open')
  })

  test('an append does not try the disk each time', async () => {
    const { ledger, disk } = await openFull()
    const { length } = disk.log
    ledger.append(entryOf('u', 1))
    await turn()
    expect(disk.log).toHaveLength(length)
  })

  test('leaves a torn batch behind that no reader minds', async () => {
    const disk = new MemoryDisk()
    const { ledger } = await openLedger({ disk })
    await appendOneByOne(ledger, 't', [1])
    disk.failNext('write', 'ENOSPC', { path: /\.seg$/ })
    const seq = ledger.append(entryOf('t', 2))
    while (ledger.state !== 'full') await turn()
    const torn = disk.bytesOf('data/ledgers/00000001-nonce000000000000001/00000000.seg')
    torn.fill(0x54, 512 + 80 + 4_216, 6_000)
    ledger.retry()
    await ledger.durable(seq)
    await appendOneByOne(ledger, 't', [3, 4])
    const { records } = await readAll(disk)
    expect(wordsOf(records)).toEqual(['t 1', 't 2', 't 3', 't 4'])
    expect(records.map(({ place }) => place.segmentId)).toEqual([0, 1, 1, 1])
  })

  test.each([
    ['its header', 300],
    ['its first batch', 600],
  ])('writes a new segment again from its start when %s had no room', async (_what, roomBytes) => {
    const { ledger, disk, lsn } = await openFull()
    disk.capacityBytes += roomBytes
    ledger.retry()
    for (let turns = 0; turns < 5; turns += 1) await turn()
    disk.capacityBytes += 200_000
    ledger.retry()
    await ledger.durable(lsn)
    await ledger.close()
    expect((await readAll(disk)).records).toHaveLength(lsn + 1)
  })

  test('close on a full disk says so, and can be repeated', async () => {
    const { ledger, disk, lsn } = await openFull()
    await expect(ledger.close()).rejects.toEqual(withCode('storage_full'))
    disk.capacityBytes += 200_000
    await ledger.close()
    expect((await readAll(disk)).end).toMatchObject({ state: 'sealed', lastSeq: lsn + 1 })
  })

  test('create on a full disk says so', async () => {
    const disk = new MemoryDisk()
    disk.capacityBytes = 100
    await expect(openLedger({ disk })).rejects.toEqual(withCode('storage_full'))
  })
})
