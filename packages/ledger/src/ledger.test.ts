import { isTenaxError } from '@tenax/kernel'
import { describe, expect, test } from 'vitest'
import {
  appendOneByOne,
  checkpointOf,
  DIRECTORY,
  entryOf,
  idOf,
  openLedger,
  readAll,
  SMALL,
  wordsOf,
} from './fixtures/ledger-bed.ts'
import type { MemoryDisk } from './fixtures/memory-disk.ts'

const code = (expected: string) => (error: unknown) => isTenaxError(error) && error.code === expected
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1)
const syncs = (disk: MemoryDisk) => disk.log.filter((line) => /^sync .*\.seg/.test(line)).length

describe('a ledger', () => {
  test('gives back what was appended, in order, with dense numbers', async () => {
    const { ledger, disk } = await openLedger()
    expect([ledger.append(entryOf('t', 1)), ledger.append(checkpointOf('t', 1))]).toEqual([1, 2])
    await ledger.durable(ledger.append(entryOf('u', 9, 3)))
    const { records, end } = await readAll(disk.afterKill())
    expect(records.map(({ record, seq }) => ({ record, seq }))).toEqual([
      { record: entryOf('t', 1), seq: 1 },
      { record: checkpointOf('t', 1), seq: 2 },
      { record: entryOf('u', 9, 3), seq: 3 },
    ])
    expect(end).toMatchObject({ state: 'open', lastSeq: 3 })
  })

  test('goes on over many segments', async () => {
    const { ledger, disk } = await openLedger()
    await appendOneByOne(ledger, 't', upTo(20))
    await ledger.close()
    const { records, end } = await readAll(disk)
    expect(wordsOf(records)).toEqual([...upTo(20).map((lsn) => `t ${lsn}`), 'seal'])
    expect(end).toMatchObject({ state: 'sealed', lastSeq: 21, firstNeeded: 0 })
    expect(await disk.list(DIRECTORY)).toHaveLength(4)
  })

  test('begins in a directory without a ledger only', async () => {
    const { disk } = await openLedger()
    await expect(openLedger({ disk })).rejects.toSatisfy(code('data_in_use'))
  })

  test('refuses settings that contradict one another', async () => {
    const settings = { ...SMALL, segmentBytesMax: SMALL.batchBytesMax }
    await expect(openLedger({ settings })).rejects.toSatisfy(code('config_invalid'))
    await expect(openLedger({ settings: { batchBytesMax: 4_000 } })).rejects.toSatisfy(code('config_invalid'))
  })

  test('refuses a torn page before anything of its entry is written', async () => {
    const { ledger, disk } = await openLedger()
    const good = entryOf('t', 1, 5)
    const bad = { ...good, pages: [...good.pages.slice(0, 4), { number: 5, bytes: new Uint8Array(100) }] }
    expect(() => ledger.append(bad)).toThrow('4,096')
    await appendOneByOne(ledger, 't', [1])
    expect(wordsOf((await readAll(disk)).records)).toEqual(['t 1'])
  })
})

describe('append', () => {
  test('copies the pages: the caller may write over them at once', async () => {
    const { ledger, disk } = await openLedger()
    const entry = entryOf('t', 1, 3)
    const seq = ledger.append(entry)
    for (const page of entry.pages) page.bytes.fill(255)
    await ledger.durable(seq)
    expect((await readAll(disk)).records[0]?.record).toEqual(entryOf('t', 1, 3))
  })

  test('cuts an entry that is longer than a batch into parts', async () => {
    const { ledger, disk } = await openLedger()
    await ledger.durable(ledger.append(entryOf('t', 1, 17)))
    await ledger.durable(ledger.append(entryOf('t', 2)))
    const { records } = await readAll(disk)
    expect(records.map(({ record }) => record)).toEqual([entryOf('t', 1, 17), entryOf('t', 2)])
  })

  test('an entry without pages is one record', async () => {
    const { ledger, disk } = await openLedger()
    await ledger.durable(ledger.append(entryOf('t', 1, 0)))
    expect((await readAll(disk)).records[0]?.record).toEqual(entryOf('t', 1, 0))
  })

  test('whatever gathers while a flush is under way shares the next fsync', async () => {
    const { ledger, disk } = await openLedger()
    const release = disk.stall('sync')
    const first = ledger.append(entryOf('t', 1))
    await new Promise((resolve) => setImmediate(resolve))
    const others = ['a', 'b', 'c', 'd'].map((name) => ledger.append(entryOf(name, 1)))
    const before = syncs(disk)
    release()
    await Promise.all([first, ...others].map((seq) => ledger.durable(seq)))
    expect(syncs(disk) - before).toBe(1)
  })
})

describe('durable', () => {
  test('waits for the fsync', async () => {
    const { ledger, disk } = await openLedger()
    const release = disk.stall('sync')
    let isDurable = false
    const waiting = ledger.durable(ledger.append(entryOf('t', 1))).then(() => {
      isDurable = true
    })
    while (!disk.log.at(-1)?.startsWith('sync')) await new Promise((resolve) => setImmediate(resolve))
    expect([isDurable, ledger.durableSeq]).toEqual([false, 0])
    release()
    await waiting
    expect([isDurable, ledger.durableSeq]).toEqual([true, 1])
  })

  test('resolves in the order of the records, over batches and segments', async () => {
    const { ledger, durable } = await openLedger()
    const seqs = upTo(20).map((lsn) => ledger.append(entryOf('t', lsn)))
    const order: number[] = []
    await Promise.all(seqs.toReversed().map((seq) => ledger.durable(seq).then(() => order.push(seq))))
    const batches = order.map((seq) => Math.ceil(seq / 2))
    expect(batches).toEqual(batches.toSorted((a, b) => a - b))
    expect(durable).toEqual(durable.toSorted((a, b) => a - b))
    expect(durable.at(-1)).toBe(20)
  })

  test('comes for whoever appends in any moment after the last answer, be the flush just about to end', async () => {
    const { ledger } = await openLedger()
    for (let ticks = 0; ticks < 40; ticks += 1) {
      await ledger.durable(ledger.append(entryOf('t', ticks + 1)))
      for (let tick = 0; tick < ticks; tick += 1) await null
    }
    expect(ledger.durableSeq).toBe(40)
  })

  test('answers thousands of waiters of one batch with one promise', async () => {
    const { ledger } = await openLedger()
    const seq = ledger.append(entryOf('t', 1))
    const waiting = new Set(upTo(5_000).map(() => ledger.durable(seq)))
    expect(waiting.size).toBe(1)
    await Promise.all(waiting)
  })

  test('refuses a number that nobody has appended', async () => {
    const { ledger } = await openLedger()
    expect(() => ledger.durable(1)).toThrow('appended')
  })
})

describe('a full buffer', () => {
  test('refuses with overloaded, keeps what it has, and takes more when the disk has caught up', async () => {
    const { ledger, disk } = await openLedger()
    const release = disk.stall('sync')
    let count = 0
    while (ledger.hasRoom(ledger.entryBytes(1))) ledger.append(entryOf('t', ++count))
    expect(ledger.bufferedBytes).toBeLessThanOrEqual(SMALL.bufferBytesMax)
    expect(() => ledger.append(entryOf('t', count + 1))).toThrowError(expect.objectContaining({ code: 'overloaded' }))
    release()
    await ledger.durable(count)
    expect([ledger.bufferedBytes, ledger.hasRoom(ledger.entryBytes(1))]).toEqual([0, true])
    await appendOneByOne(ledger, 't', [count + 1])
    expect((await readAll(disk)).records).toHaveLength(count + 1)
  })

  test('takes the entry that was promised room, and not what was not', async () => {
    const { ledger, disk } = await openLedger()
    const release = disk.stall('sync')
    const room = ledger.reserve(ledger.entryBytes(2))
    let count = 0
    while (ledger.hasRoom(ledger.entryBytes(1))) ledger.append(entryOf('t', ++count))
    expect(ledger.append(entryOf('u', 1, 2), room)).toBe(count + 1)
    expect(() => ledger.append(entryOf('u', 2, 2), room)).toThrowError(expect.objectContaining({ code: 'overloaded' }))
    release()
    await ledger.durable(count + 1)
  })

  test('room that is given back is there for others', async () => {
    const { ledger } = await openLedger()
    const room = ledger.reserve(SMALL.bufferBytesMax)
    expect(ledger.hasRoom(1)).toBe(false)
    room?.release()
    room?.release()
    expect(ledger.hasRoom(SMALL.bufferBytesMax)).toBe(true)
    expect(ledger.reserve(SMALL.bufferBytesMax + 1)).toBeUndefined()
  })

  test('still takes checkpoints, which are what frees a full disk', async () => {
    const { ledger, disk } = await openLedger()
    const release = disk.stall('sync')
    let count = 0
    while (ledger.hasRoom(ledger.entryBytes(1))) ledger.append(entryOf('t', ++count))
    const seq = ledger.append(checkpointOf('t', 1))
    release()
    await ledger.durable(seq)
  })
})

describe('close', () => {
  test('flushes, seals, removes the spare, and refuses what comes later', async () => {
    const { ledger, disk } = await openLedger()
    ledger.append(entryOf('t', 1))
    const closing = ledger.close({ epoch: 2, nonce: idOf('next') })
    expect(() => ledger.append(entryOf('t', 2))).toThrowError(expect.objectContaining({ code: 'unavailable' }))
    await Promise.all([closing, ledger.close()])
    expect(ledger.state).toBe('closed')
    expect(await disk.list(DIRECTORY)).toEqual(['00000000.seg'])
    const { records, end } = await readAll(disk)
    expect(wordsOf(records)).toEqual(['t 1', 'seal'])
    expect(end).toMatchObject({ state: 'sealed', successor: { epoch: 2, nonce: idOf('next') } })
  })
})
