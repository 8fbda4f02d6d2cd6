import { MemoryStore } from '@tenax/blobstore'
import { ManualClock, TenaxError } from '@tenax/kernel'
import { describeSegmentSink } from '@tenax/ledger/contract'
import { expect, test } from 'vitest'
import { storeSink } from './store-sink.ts'

const LEDGER = { dataId: 'data0000000000000001', epoch: 7 }

describeSegmentSink('over a store', () => storeSink(new MemoryStore(new ManualClock()), LEDGER))

test('two ledgers of one store, and two data directories, do not see each other', async () => {
  const store = new MemoryStore(new ManualClock())
  const others = [
    { ...LEDGER, epoch: 8 },
    { ...LEDGER, dataId: 'data0000000000000002' },
  ]
  await storeSink(store, LEDGER).create(42, Buffer.from('mine'))
  for (const other of others) expect(await storeSink(store, other).read(42)).toBeUndefined()
  const keys: string[] = []
  for await (const { key } of store.list('')) keys.push(key)
  expect(keys).toEqual(['ledgers/data0000000000000001/00000007/00000042.seg'])
})

test.each(['unavailable', 'outcome_unknown'] as const)(
  'what a store does not know is passed on as it is: %s',
  async (code) => {
    const store = new MemoryStore(new ManualClock())
    const failure = new TenaxError(code, 'no answer')
    store.create = () => Promise.reject(failure)
    store.get = () => Promise.reject(failure)
    const sink = storeSink(store, LEDGER)
    await expect(sink.create(1, Buffer.from('a'))).rejects.toBe(failure)
    await expect(sink.read(1)).rejects.toBe(failure)
  },
)
