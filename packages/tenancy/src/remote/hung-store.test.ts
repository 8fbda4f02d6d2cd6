/** A store whose calls never end, whatever they are told: a directory on a dead network is such. */
import { readdirSync } from 'node:fs'
import { type BlobStore, MemoryStore } from '@tenax/blobstore'
import { ManualClock, systemClock, TenaxError } from '@tenax/kernel'
import { expect, it } from 'vitest'
import { openTenancyAt } from '../fixtures/settings.ts'
import { codeOf, directoryMaker, until } from '../fixtures/test-bed.ts'
import { SHIP_APPROACH_MS, STORE_CALL_MS_MAX } from '../limits.ts'

const newDirectory = directoryMaker()

/** It hears no signal; `calls` are those that hang until the store is known to be away. */
function hungStore() {
  const calls: string[] = []
  const away = Promise.withResolvers<never>()
  away.promise.catch(() => undefined)
  const hang = (verb: string) => (key: string) => {
    calls.push(`${verb} ${key}`)
    return away.promise
  }
  const verbs = { get: hang('get'), put: hang('put'), create: hang('create'), delete: hang('delete') }
  const list = (prefix: string) => ({ [Symbol.asyncIterator]: () => ({ next: () => hang('list')(prefix) }) })
  const store: BlobStore = { name: 'hung', ...verbs, list, close: () => Promise.resolve() }
  return { store, calls, giveUp: () => away.reject(new TenaxError('unavailable', 'the mount is gone')) }
}

it('costs a start the time that it waits for the end of what is stored, and no more', async () => {
  const dataPath = newDirectory()
  await (await openTenancyAt(dataPath, { store: new MemoryStore(systemClock) })).close()
  const [clock, { store, calls, giveUp }, events] = [new ManualClock(), hungStore(), [] as string[]]
  const opening = openTenancyAt(dataPath, { store, clock }, ({ type }) => events.push(type))
  await until(() => calls.some((call) => call.startsWith('get roots/')))
  clock.advance(SHIP_APPROACH_MS)
  await until(() => events.includes('shipping_waits'))
  giveUp()
  await (await opening).close()
})

it('ends the start on an empty directory, with nothing in it', async () => {
  const [clock, { store, calls }, dataPath] = [new ManualClock(), hungStore(), newDirectory()]
  const opening = codeOf(openTenancyAt(dataPath, { store, clock }))
  await until(() => calls.length > 0)
  clock.advance(STORE_CALL_MS_MAX)
  expect(await opening).toBe('unavailable')
  expect(calls).toEqual(['list roots/'])
  expect(readdirSync(dataPath)).toEqual(['host.lock'])
})
