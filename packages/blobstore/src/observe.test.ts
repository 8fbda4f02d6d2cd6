import { ManualClock } from '@tenax/kernel'
import { expect, test } from 'vitest'
import { unavailable } from './blob-errors.ts'
import { describeBlobStore } from './contract.ts'
import { bytesOf, codeOf, entriesOf, keysOf } from './fixtures/contract-store.ts'
import { withVerbs } from './fixtures/unfit-stores.ts'
import { MemoryStore } from './memory-store.ts'
import { observeStore, type StoreCall, StoreCounts } from './observe.ts'

const clock = new ManualClock()
describeBlobStore('memory, observed', async () =>
  observeStore(new MemoryStore(clock), { clock, onCall: () => undefined }),
)

test('each call is told with its outcome, bytes and time', async () => {
  const calls: StoreCall[] = []
  const memory = new MemoryStore(clock)
  const slow = withVerbs(memory, {
    get: async (key) => {
      clock.advance(7)
      return memory.get(key)
    },
    put: () => Promise.reject(unavailable('away')),
  })
  const store = observeStore(slow, { clock, onCall: (call) => calls.push(call) })
  await store.create('a', bytesOf('four'))
  await codeOf(store.create('a', bytesOf('again')))
  await store.get('a')
  await codeOf(store.put('a', bytesOf('x')))
  await expect(store.delete('a', { signal: AbortSignal.abort('enough') })).rejects.toBe('enough')
  expect(calls).toEqual([
    { verb: 'create', outcome: 'ok', lengthBytes: 4, durationMs: 0 },
    { verb: 'create', outcome: 'blob_exists', lengthBytes: 5, durationMs: 0 },
    { verb: 'get', outcome: 'ok', lengthBytes: 4, durationMs: 7 },
    { verb: 'put', outcome: 'unavailable', lengthBytes: 1, durationMs: 0 },
    { verb: 'delete', outcome: 'aborted', lengthBytes: 0, durationMs: 0 },
  ])
})

test('a list is told once, also when its reader ends early', async () => {
  const calls: StoreCall[] = []
  const store = observeStore(new MemoryStore(clock), { clock, onCall: (call) => calls.push(call) })
  for (const key of ['a', 'b']) await store.create(key, bytesOf('x'))
  calls.length = 0
  for await (const { key } of store.list('')) if (key === 'a') break
  expect(await keysOf(store)).toEqual(['a', 'b'])
  await store.close()
  expect(await codeOf(entriesOf(store))).toBe('unavailable')
  expect(calls.map(({ verb, outcome }) => `${verb} ${outcome}`)).toEqual(['list ok', 'list ok', 'list unavailable'])
})

test('counts are sums by verb and outcome, and bytes of what succeeded', async () => {
  const counts = new StoreCounts()
  const store = observeStore(new MemoryStore(clock), { clock, onCall: (call) => counts.add(call) })
  expect(counts.of('get')).toEqual({ callCount: 0, byOutcome: new Map(), lengthBytes: 0, durationMs: 0 })
  await store.create('a', bytesOf('four'))
  await store.create('b', bytesOf('eight'))
  await codeOf(store.create('a', bytesOf('not this')))
  expect(counts.of('create')).toEqual({
    callCount: 3,
    byOutcome: new Map([
      ['ok', 2],
      ['blob_exists', 1],
    ]),
    lengthBytes: 9,
    durationMs: 0,
  })
})
