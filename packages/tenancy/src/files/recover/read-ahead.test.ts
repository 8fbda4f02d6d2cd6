import { MemoryStore } from '@tenax/blobstore'
import { systemClock } from '@tenax/kernel'
import { expect, test } from 'vitest'
import { codeOf } from '../../fixtures/test-bed.ts'
import { RECOVERY_READS_AHEAD } from '../../limits.ts'
import { readAhead } from './read-ahead.ts'
import { objectKey } from './stored-inventory.ts'

const DATA = 'data0000000000000001'
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString()
const keyOf = (id: number) => objectKey(DATA, { epoch: 7, id })

/** A store with `count` objects of epoch 7, and what was asked of it. */
async function storeOf(count: number) {
  const store = new MemoryStore(systemClock)
  for (let id = 0; id < count; id += 1) await store.create(keyOf(id), Buffer.from(String(id)))
  const asked: string[] = []
  const get = store.get.bind(store)
  const create = store.create.bind(store)
  store.get = (key, options) => {
    asked.push(`get ${key}`)
    return get(key, options)
  }
  store.create = (key, bytes, options) => {
    asked.push(`create ${key}`)
    return create(key, bytes, options)
  }
  return { store, asked }
}

test('each object is fetched once, some before they are asked for; none behind those that are known', async () => {
  const { store, asked } = await storeOf(50)
  const ahead = readAhead(store, DATA, new Map([[7, 40]]))
  await ahead.get(keyOf(0))
  expect(asked).toHaveLength(RECOVERY_READS_AHEAD + 1)
  for (let id = 1; id < 40; id += 1) expect(text(await ahead.get(keyOf(id)))).toBe(String(id))
  expect(asked).toEqual(Array.from({ length: 40 }, (_, id) => `get ${keyOf(id)}`))
})

test('a seal is only tried where nothing is known to be', async () => {
  const { store, asked } = await storeOf(3)
  const ahead = readAhead(store, DATA, new Map([[7, 3]]))
  expect(await codeOf(ahead.create(keyOf(2), Buffer.from('seal')))).toBe('blob_exists')
  expect(asked).toEqual([])
  await ahead.create(keyOf(3), Buffer.from('seal'))
  await ahead.create(objectKey(DATA, { epoch: 8, id: 0 }), Buffer.from('seal'))
  expect(asked).toEqual([`create ${keyOf(3)}`, `create ${objectKey(DATA, { epoch: 8, id: 0 })}`])
})

test('an object that could not be fetched ahead fails who comes to it, and is fetched again for the next', async () => {
  const { store } = await storeOf(3)
  const get = store.get.bind(store)
  let isDown = true
  store.get = (key, options) => (isDown && key === keyOf(2) ? Promise.reject(new Error('down')) : get(key, options))
  const ahead = readAhead(store, DATA, new Map([[7, 3]]))
  expect(text(await ahead.get(keyOf(0)))).toBe('0')
  isDown = false
  await expect(ahead.get(keyOf(2))).rejects.toThrow('down')
  expect(text(await ahead.get(keyOf(2)))).toBe('2')
})
