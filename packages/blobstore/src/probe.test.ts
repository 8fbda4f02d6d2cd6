import { isTenaxError, ManualClock } from '@tenax/kernel'
import { expect, test } from 'vitest'
import { unavailable } from './blob-errors.ts'
import type { BlobStore } from './blob-store.ts'
import { bytesOf, keysOf } from './fixtures/contract-store.ts'
import { countedIds } from './fixtures/random-ids.ts'
import { checkThenWrite, withoutCondition, withVerbs } from './fixtures/unfit-stores.ts'
import { MemoryStore } from './memory-store.ts'
import { probeStore } from './probe.ts'

const randomId = countedIds('probe')
const memory = () => new MemoryStore(new ManualClock())

async function reasonOf(store: BlobStore): Promise<unknown> {
  try {
    await probeStore(store, { randomId })
    return 'fit'
  } catch (error) {
    return isTenaxError(error, 'store_unfit') ? error.details['reason'] : error
  }
}

test('a store that keeps its promises passes, and nothing is left', async () => {
  const store = memory()
  await store.create('a', bytesOf('here'))
  expect(await reasonOf(store)).toBe('fit')
  expect(await keysOf(store)).toEqual(['a'])
})

test.each<[string, string, (store: MemoryStore) => BlobStore]>([
  ['does not know the condition', 'race', withoutCondition],
  ['looks first and writes then', 'race', checkThenWrite],
  [
    'lets a later create replace',
    'second_create',
    (store) => {
      const taken = new Map<string, number>()
      return withVerbs(store, {
        create: async (key, bytes) => {
          const count = (taken.get(key) ?? 0) + 1
          taken.set(key, count)
          if (count <= 16) return store.create(key, bytes)
          store.damage(key, bytes)
        },
      })
    },
  ],
  ['gives other bytes', 'bytes', (store) => withVerbs(store, { get: async () => bytesOf('racer 99') })],
  ['lists nothing', 'list', (store) => withVerbs(store, { list: () => memory().list('') })],
])('a store that %s is refused: %s', async (_name, reason, make) => {
  const store = memory()
  expect(await reasonOf(make(store))).toBe(reason)
  expect(await keysOf(store)).toEqual([])
})

test('a store that keeps what was deleted is refused', async () => {
  const store = memory()
  expect(await reasonOf(withVerbs(store, { delete: async () => undefined }))).toBe('delete')
})

test('a store that is away is not called unfit', async () => {
  const away = unavailable('away')
  expect(await reasonOf(withVerbs(memory(), { create: () => Promise.reject(away) }))).toBe(away)
})
