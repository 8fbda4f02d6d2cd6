import { InvariantError, ManualClock } from '@tenax/kernel'
import { expect, test } from 'vitest'
import { describeBlobStore } from './contract.ts'
import { bytesOf, codeOf, entriesOf, keysOf, textAt } from './fixtures/contract-store.ts'
import { MemoryStore } from './memory-store.ts'

describeBlobStore('memory', async () => new MemoryStore(new ManualClock()))

test('put refuses other bytes under a key than are there, unless they were damaged', async () => {
  const store = new MemoryStore(new ManualClock())
  await store.put('chunks/1', bytesOf('right'))
  await expect(store.put('chunks/1', bytesOf('wrong'))).rejects.toBeInstanceOf(InvariantError)
  store.damage('chunks/1', bytesOf('wrong'))
  expect(await textAt(store, 'chunks/1')).toBe('wrong')
  await store.put('chunks/1', bytesOf('right'))
  expect(await textAt(store, 'chunks/1')).toBe('right')
})

test('keys that continue each other are refused, until the other one is gone', async () => {
  const store = new MemoryStore(new ManualClock())
  await store.create('a/b/c', bytesOf('x'))
  for (const key of ['a', 'a/b', 'a/b/c/d'])
    expect(await codeOf(store.create(key, bytesOf('x')))).toBe('argument_invalid')
  await store.delete('a/b/c')
  await store.create('a/b', bytesOf('x'))
  expect(await keysOf(store)).toEqual(['a/b'])
})

test('storedAtMs is the time of the clock', async () => {
  const clock = new ManualClock(1_700_000_000_000)
  const store = new MemoryStore(clock)
  clock.advance(1_234)
  await store.create('a', bytesOf('x'))
  expect((await entriesOf(store)).map(({ storedAtMs }) => storedAtMs)).toEqual([1_700_000_001_234])
})
