import { TenaxError } from '@tenax/kernel'
import { describe, expect, test } from 'vitest'
import { NONCE } from '../fixtures/ledger-bed.ts'
import { MemorySink } from '../fixtures/memory-sink.ts'
import { seeded } from '../fixtures/seeded.ts'
import { recover, SUCCESSOR, storeObjects } from '../fixtures/stored-bed.ts'
import type { StoredHeader } from './stored-object.ts'

const OTHER = { epoch: 2, nonce: 'recoverer00000000002' }

test('walkStored yields the records in order and puts its seal behind the last object', async () => {
  const sink = new MemorySink()
  await storeObjects(sink, 3)
  expect(await recover(sink)).toEqual({
    lsns: [1, 2, 3],
    end: { successor: SUCCESSOR, isMine: true, sealId: 3, lastSeq: 3, predecessors: [] },
  })
  expect(sink.ids).toEqual([0, 1, 2, 3])
})

test('a ledger of which nothing was stored is sealed at its first id, also when nobody knows its nonce', async () => {
  const sink = new MemorySink()
  expect((await recover(sink, SUCCESSOR, undefined)).end).toMatchObject({ isMine: true, sealId: 0, lastSeq: 0 })
  expect((await recover(sink, OTHER, NONCE)).end).toMatchObject({ isMine: false, successor: SUCCESSOR })
})

test('a recovery that is cut off anywhere and begun again by the same one ends the same', async () => {
  for (let failAt = 0; failAt < 8; failAt += 1) {
    const sink = new MemorySink()
    await storeObjects(sink, 3)
    let calls = 0
    const call = <T>(run: () => Promise<T>): Promise<T> => {
      calls += 1
      return calls - 1 === failAt ? Promise.reject(new TenaxError('unavailable', 'cut off')) : run()
    }
    const failing = {
      create: (id: number, bytes: Uint8Array) => call(() => sink.create(id, bytes)),
      read: (id: number) => call(() => sink.read(id)),
    }
    const first = await recover(failing).catch((error: unknown) => error)
    expect(first instanceof TenaxError).toBe(failAt < 7)
    expect(await recover(sink)).toMatchObject({ lsns: [1, 2, 3], end: { isMine: true, sealId: 3 } })
  }
})

test('a seal whose reply was lost is read back and known as its own', async () => {
  const sink = new MemorySink()
  await storeObjects(sink, 1)
  const losing = {
    read: (id: number) => sink.read(id),
    create: async (id: number, bytes: Uint8Array) => {
      await sink.create(id, bytes)
      throw new TenaxError('outcome_unknown', 'the reply was lost')
    },
  }
  expect((await recover(losing)).end).toMatchObject({ isMine: true, sealId: 1 })
})

test('of two who recover at once one seal stands, and the other is told whose, whatever the order of their calls', async () => {
  for (let seed = 0; seed < 30; seed += 1) {
    const sink = new MemorySink()
    await storeObjects(sink, 3)
    const random = seeded(seed)
    const late = {
      read: async (id: number) => {
        for (let ticks = random() * 8; ticks > 0; ticks -= 1) await null
        return sink.read(id)
      },
      create: async (id: number, bytes: Uint8Array) => {
        for (let ticks = random() * 8; ticks > 0; ticks -= 1) await null
        return sink.create(id, bytes)
      },
    }
    const [one, other] = await Promise.all([recover(late, SUCCESSOR), recover(late, OTHER)])
    expect([one.lsns, other.lsns]).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ])
    expect(one.end.isMine).not.toBe(other.end.isMine)
    expect(one.end.successor).toEqual(other.end.successor)
  }
})

test('what a zombie stores behind the seal is void', async () => {
  const sink = new MemorySink()
  await storeObjects(sink, 2)
  await recover(sink)
  const late = new MemorySink()
  await storeObjects(late, 4)
  expect(await sink.create(2, (await late.read(2)) ?? Buffer.alloc(0))).toBe('exists')
  expect(await sink.create(3, (await late.read(3)) ?? Buffer.alloc(0))).toBe('created')
  expect(await recover(sink, OTHER)).toMatchObject({ lsns: [1, 2], end: { isMine: false, sealId: 2 } })
})

describe('walkStored refuses by name', () => {
  const lies: readonly (readonly [Partial<StoredHeader>, RegExp])[] = [
    [{ dataId: 'other000000000000000' }, /belongs to the data directory other/],
    [{ epoch: 9 }, /belongs to epoch 9/],
    [{ nonce: 'foreign0000000000000' }, /belongs to the ledger foreign/],
    [{ id: 7 }, /says that it is object 7/],
    [{ previousHash: 1n }, /does not follow the object before it/],
    [{ firstBatch: 5 }, /leaves out what comes before it/],
    [{ firstSeq: 5 }, /leaves out what comes before it/],
    [{ lastSeq: 9 }, /has other records than it says/],
  ]
  test.each(lies)('%o', async (lie, message) => {
    const sink = new MemorySink()
    await storeObjects(sink, 2, lie)
    const error = await recover(sink).catch((failure: unknown) => failure)
    expect(error).toMatchObject({ code: 'ledger_damaged', message: expect.stringMatching(message) })
    expect(sink.ids).toEqual([0, 1])
  })
})
