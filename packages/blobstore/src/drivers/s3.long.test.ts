import { randomUUID } from 'node:crypto'
import { isTenaxError, systemClock } from '@tenax/kernel'
import { beforeAll, describe, expect, test } from 'vitest'
import type { BlobStore } from '../blob-store.ts'
import { describeBlobStore, testS3 } from '../contract.ts'
import { createOrRead } from '../create-or-read.ts'
import { bytesOf, codeOf, keysOf, textAt } from '../fixtures/contract-store.ts'
import { startCuttingProxy } from '../fixtures/cutting-proxy.ts'
import { countedIds } from '../fixtures/random-ids.ts'
import { probeStore } from '../probe.ts'
import { openS3Store } from './s3.ts'
import type { S3Settings } from './s3-settings.ts'

const s3 = testS3()
const randomId = countedIds('id')
const RACER_COUNT = 64
const RACE_COUNT = 10

describe.skipIf(s3.isSkipped)(`a real server${s3.note}`, () => {
  let settings: S3Settings
  let count = 0
  beforeAll(async () => {
    settings = await s3.makeBucket(`tenax-test-${randomUUID()}`)
    return () => s3.removeBucket(settings)
  })
  const open = (changes: Partial<S3Settings> = {}) =>
    openS3Store({ settings: { ...settings, ...changes }, randomId, clock: systemClock })
  const openNew = () => open({ prefix: `store/${count++}` })

  describeBlobStore('s3', openNew)

  test('it passes the trial of a store', async () => {
    const store = await openNew()
    await probeStore(store, { randomId })
    expect(await keysOf(store)).toEqual([])
    await store.close()
  })

  test(`of ${RACER_COUNT} creates from two stores at once one succeeds, ${RACE_COUNT} times`, async () => {
    const stores = [await open({ prefix: 'race' }), await open({ prefix: 'race' })]
    const names = Array.from({ length: RACER_COUNT }, (_, index) => `racer ${index}`)
    for (let race = 0; race < RACE_COUNT; race++) {
      const creates = names.map((name, index) => stores[index % 2]?.create(`r/${race}`, bytesOf(name)))
      const codes = await Promise.all(creates.map((create) => codeOf(Promise.resolve(create))))
      expect(codes.filter((code) => code !== 'blob_exists')).toEqual(['ok'])
      for (const store of stores) expect(await textAt(store, `r/${race}`)).toBe(names[codes.indexOf('ok')])
    }
    for (const store of stores) await store.close()
  })

  test('whoever asks until he knows owns his blobs, although every fifth answer is lost', async () => {
    const proxy = await startCuttingProxy(settings.endpoint, 5)
    const store = await open({ endpoint: proxy.endpoint, prefix: 'cut' })
    const keys = Array.from({ length: 200 }, (_, index) => `k/${index}`)
    const ends = await Promise.all(keys.map((key) => askUntilKnown(store, key)))
    proxy.stop()
    expect(new Set(ends.map(({ owner }) => owner))).toEqual(new Set(['me']))
    expect(ends.some(({ unknownCount }) => unknownCount > 0)).toBe(true)
    const direct = await open({ prefix: 'cut' })
    for (const key of keys) expect(await textAt(direct, key)).toBe(`nonce of ${key}`)
    for (const each of [store, direct]) await each.close()
  })

  test('prefixes keep stores of one bucket apart, and an empty one sees all', async () => {
    const [one, two, all] = [await open({ prefix: 'p/1' }), await open({ prefix: 'p/10' }), await open()]
    await one.create('a', bytesOf('one'))
    await two.create('a', bytesOf('two'))
    expect([await keysOf(one), await keysOf(two), await keysOf(all, 'p/')]).toEqual([['a'], ['a'], ['p/1/a', 'p/10/a']])
    await one.delete('a')
    expect(await textAt(two, 'a')).toBe('two')
    for (const store of [one, two, all]) await store.close()
  })

  test.each<[string, Partial<S3Settings>, string]>([
    ['a bucket that is not there', { bucket: 'tenax-test-none' }, 'NoSuchBucket'],
    ['a wrong secret', { secretAccessKey: 'wrong' }, 'SignatureDoesNotMatch'],
    ['a key of nobody', { accessKeyId: 'nobody' }, 'InvalidAccessKeyId'],
  ])('every verb is unavailable, and says why, with %s', async (_name, changes, reason) => {
    const store = await open(changes)
    const verbs = [
      () => store.get('a'),
      () => store.create('a', bytesOf('x')),
      () => store.put('a', bytesOf('x')),
      () => store.delete('a'),
      () => keysOf(store),
    ]
    for (const verb of verbs) await expect(verb()).rejects.toMatchObject({ code: 'unavailable', details: { reason } })
    await store.close()
  })
})

/** Creates a blob until it is known whose it is. */
async function askUntilKnown(store: BlobStore, key: string): Promise<{ owner: string; unknownCount: number }> {
  for (let unknownCount = 0; ; unknownCount++) {
    try {
      const { owner } = await createOrRead(store, { key, bytes: bytesOf(`nonce of ${key}`) })
      return { owner, unknownCount }
    } catch (error) {
      if (!isTenaxError(error, 'outcome_unknown') && !isTenaxError(error, 'unavailable')) throw error
    }
  }
}
