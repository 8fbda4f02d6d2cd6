import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { isTenaxError, ManualClock, MIB_BYTES, TenaxError } from '@tenax/kernel'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import type { BlobStore } from '../blob-store.ts'
import { describeBlobStore } from '../contract.ts'
import { createOrRead } from '../create-or-read.ts'
import { bytesOf, codeOf, entriesOf, keysOf, textAt } from '../fixtures/contract-store.ts'
import { FakeS3, type Fault } from '../fixtures/fake-s3.ts'
import { countedIds } from '../fixtures/random-ids.ts'
import {
  BLOB_BYTES_MAX,
  S3_CALLS_MAX,
  S3_MS_PER_MIB,
  S3_PAUSES_MS,
  S3_PREFIX_BYTES_MAX,
  S3_TRIES_MAX,
  S3_TRY_MS,
} from '../limits.ts'
import { probeStore } from '../probe.ts'
import { openS3Store } from './s3.ts'
import type { S3Settings } from './s3-settings.ts'

const fake = new FakeS3()
const randomId = countedIds('id')
const clock = new ManualClock()
const settings = await fake.start()
afterAll(() => fake.stop())

/** How long was waited between tries. */
let pausesMs: number[] = []
const pause = async (delayMs: number) => void pausesMs.push(delayMs)
const open = (changes: Partial<S3Settings> = {}) =>
  openS3Store({ settings: { ...settings, ...changes }, randomId, clock, pause })

let store: BlobStore
beforeEach(async () => {
  fake.objects.clear()
  fake.faults.length = 0
  fake.asked.length = 0
  pausesMs = []
  store = await open()
})

let storeCount = 0
describeBlobStore('s3 of a fake server', () => open({ prefix: `store/${storeCount++}` }))

const times = (count: number, fault: Fault) => Array.from({ length: count }, () => fault)
const x = bytesOf('x')
const WRITES: readonly [string, (store: BlobStore) => Promise<void>][] = [
  ['create', (store) => store.create('a', x)],
  ['put', (store) => store.put('a', x)],
  ['delete', (store) => store.delete('a')],
]
const READS: readonly [string, (store: BlobStore) => Promise<unknown>][] = [
  ['get', (store) => store.get('there')],
  ['list', (store) => keysOf(store)],
]

describe.each([409, 429, 500, 503])('an answer %i', (answer) => {
  test.each([...WRITES, ...READS])('is asked again by %s', async (_name, verb) => {
    fake.objects.set('there', { bytes: Buffer.from('x'), nonce: undefined })
    fake.faults.push(...times(S3_TRIES_MAX - 1, { answer }))
    await verb(store)
    expect([fake.asked.length, pausesMs]).toEqual([S3_TRIES_MAX, S3_PAUSES_MS])
  })

  test.each(WRITES)('that does not end leaves %s unknown, when it may have been done', async (_name, verb) => {
    fake.faults.push(...times(S3_TRIES_MAX, { answer }))
    expect(await codeOf(verb(store))).toBe(answer === 429 ? 'unavailable' : 'outcome_unknown')
    expect(fake.asked).toHaveLength(S3_TRIES_MAX)
  })

  test.each(READS)('that does not end makes %s unavailable', async (_name, verb) => {
    fake.faults.push(...times(S3_TRIES_MAX, { answer }))
    expect(await codeOf(verb(store))).toBe('unavailable')
  })
})

describe.each<[string, Fault]>([
  ['lost before the deed', { cut: 'before' }],
  ['lost after the deed', { cut: 'after' }],
  ['of a gateway', { answer: 504, code: 'GatewayTimeout' }],
])('an answer %s', (_fault, fault) => {
  test.each(WRITES)('leaves %s unknown, and it is not asked again', async (_name, verb) => {
    fake.faults.push(fault)
    expect(await codeOf(verb(store))).toBe('outcome_unknown')
    expect(fake.asked).toHaveLength(1)
  })

  test.each(READS)('is asked again by %s', async (_name, verb) => {
    fake.objects.set('there', { bytes: Buffer.from('x'), nonce: undefined })
    fake.faults.push(...times(S3_TRIES_MAX - 1, fault))
    await verb(store)
    expect(fake.asked).toHaveLength(S3_TRIES_MAX)
  })
})

describe('a create that failed after it was done', () => {
  const isDone = { answer: 500, isDone: true }

  test('succeeds, since the nonce of the blob is its own', async () => {
    fake.faults.push(isDone)
    await store.create('a', x)
    expect(fake.asked).toEqual(['PUT a', 'PUT a', 'HEAD a'])
    expect(await textAt(store, 'a')).toBe('x')
  })

  test('is told from one with the same bytes that came in between', async () => {
    fake.objects.set('a', { bytes: Buffer.from('x'), nonce: 'of another' })
    fake.faults.push({ answer: 500 })
    expect(await codeOf(store.create('a', x))).toBe('blob_exists')
  })

  test('is unknown when nobody says whose the blob is', async () => {
    fake.faults.push(isDone, undefined, ...times(S3_TRIES_MAX, { answer: 503 }))
    expect(await codeOf(store.create('a', x))).toBe('outcome_unknown')
  })

  test('is unknown when it is refused then', async () => {
    fake.faults.push(isDone, { answer: 403, code: 'AccessDenied' })
    expect(await codeOf(store.create('a', x))).toBe('outcome_unknown')
  })

  test('does not make the store unfit', async () => {
    fake.faults.push(...times(S3_TRIES_MAX - 1, isDone))
    await probeStore(store, { randomId })
  })
})

test('createOrRead() tells what became of a create whose answer was lost', async () => {
  const request = { key: 'a', bytes: bytesOf('mine') }
  fake.faults.push({ cut: 'after' })
  expect(await codeOf(createOrRead(store, request))).toBe('outcome_unknown')
  expect(await createOrRead(store, request)).toEqual({ owner: 'me' })
})

describe('a refusal', () => {
  test.each([...WRITES, ...READS])('ends %s at once, and says why', async (_name, verb) => {
    fake.faults.push({ answer: 403, code: 'AccessDenied' })
    await expect(verb(store)).rejects.toMatchObject({ code: 'unavailable', details: { reason: 'AccessDenied' } })
    expect(fake.asked).toHaveLength(1)
  })

  test('for want of room is storage_full', async () => {
    fake.faults.push({ answer: 403, code: 'QuotaExceeded' })
    expect(await codeOf(store.put('a', x))).toBe('storage_full')
  })

  test('for the clock is asked again', async () => {
    fake.faults.push({ answer: 403, code: 'RequestTimeTooSkewed' })
    await store.put('a', x)
    expect(await textAt(store, 'a')).toBe('x')
  })

  test('for want of the bucket is no missing blob', async () => {
    fake.faults.push({ answer: 404, code: 'NoSuchBucket' }, { answer: 404, code: 'NoSuchBucket' })
    expect([await codeOf(store.get('a')), await codeOf(store.delete('a'))]).toEqual(['unavailable', 'unavailable'])
  })
})

describe('a body', () => {
  test('that is cut short is asked for again', async () => {
    fake.objects.set('a', { bytes: Buffer.from('whole'), nonce: undefined })
    fake.faults.push({ cut: 'within' })
    expect(await textAt(store, 'a')).toBe('whole')
  })

  test('over the limit is refused before it is read', async () => {
    fake.objects.set('a', { bytes: Buffer.alloc(BLOB_BYTES_MAX + 1), nonce: undefined })
    expect(await codeOf(store.get('a'))).toBe('payload_too_large')
    expect(await codeOf(store.get('a', { range: { offset: 0, length: BLOB_BYTES_MAX + 1 } }))).toBe('payload_too_large')
    expect((await store.get('a', { range: { offset: 0, length: 3 } })).length).toBe(3)
  })
})

test('a server that nobody can reach is unavailable, also for a write', async () => {
  const away = await open({ endpoint: 'http://127.0.0.1:1' })
  for (const [, verb] of [...WRITES, ...READS]) expect(await codeOf(verb(away))).toBe('unavailable')
  expect(pausesMs).toHaveLength(5 * S3_PAUSES_MS.length)
})

describe('silence', () => {
  test.each([...WRITES, ...READS])('of its whole time ends %s, which is not asked again', async (name, verb) => {
    fake.onSilence = () => clock.advance(S3_TRY_MS + (BLOB_BYTES_MAX / MIB_BYTES) * S3_MS_PER_MIB)
    fake.faults.push({ silent: true })
    const isWrite = WRITES.some(([write]) => write === name)
    expect(await codeOf(verb(store))).toBe(isWrite ? 'outcome_unknown' : 'unavailable')
    expect([fake.asked.length, clock.pending]).toEqual([1, 0])
  })

  test.each(READS)('that ends with its connection after the time of a short try ends %s', async (_name, verb) => {
    fake.onSilence = () => clock.advance(S3_TRY_MS)
    fake.faults.push({ silent: true, isCut: true })
    expect(await codeOf(verb(store))).toBe('unavailable')
    expect(fake.asked).toHaveLength(1)
  })

  test('ends when the caller gives up', async () => {
    const reason = new Error('enough')
    for (const [verb, expected] of [
      [(signal: AbortSignal) => store.get('a', { signal }), reason],
      [(signal: AbortSignal) => entriesOf(store, { signal }), reason],
      [(signal: AbortSignal) => store.create('a', x, { signal }), 'outcome_unknown'],
      [(signal: AbortSignal) => store.delete('a', { signal }), 'outcome_unknown'],
    ] as const) {
      const giving = new AbortController()
      fake.onSilence = () => giving.abort(reason)
      fake.faults.push({ silent: true })
      const error = await verb(giving.signal).catch((error: unknown) => error)
      expect(error instanceof TenaxError ? error.code : error).toBe(expected)
    }
    expect(fake.asked).toHaveLength(4)
  })
})

test('a store that lists without order is unfit, whoever lists', async () => {
  for (const key of ['a', 'b']) await store.put(key, x)
  fake.isUnordered = true
  const listing = keysOf(store)
  await expect(listing).rejects.toMatchObject({ code: 'store_unfit', details: { reason: 'list_order' } })
  fake.isUnordered = false
})

test('large blobs, too, share the connections of a store, and there are never more than its limit', async () => {
  const before = fake.connectionCount
  const rounds = [1, 2, 3, 4]
  for (const round of rounds) await store.put(`a/${round}`, Buffer.alloc(3 * MIB_BYTES))
  expect(fake.connectionCount - before).toBeLessThan(rounds.length)
  const burst = Array.from({ length: 3 * S3_CALLS_MAX }, (_, index) => store.put(`b/${index}`, x))
  await Promise.all(burst)
  expect(fake.connectionCount - before).toBeLessThanOrEqual(S3_CALLS_MAX)
})

describe('settings', () => {
  test.each<[string, Partial<S3Settings>]>([
    ['endpoint', { endpoint: 'localhost:9000' }],
    ['endpoint', { endpoint: 'http://host/path' }],
    ['endpoint', { endpoint: 'http://key:secret@host' }],
    ['endpoint', { endpoint: 'file:///etc' }],
    ['endpoint', { endpoint: '' }],
    ['region', { region: 'EU west' }],
    ['bucket', { bucket: 'a/b' }],
    ['bucket', { bucket: '' }],
    ['prefix', { prefix: 'a/' }],
    ['prefix', { prefix: '../a' }],
    ['accessKeyId', { accessKeyId: '' }],
    ['secretAccessKey', { secretAccessKey: 'a\nb' }],
  ])('a wrong %s is refused: %j', async (setting, changes) => {
    await expect(open(changes)).rejects.toMatchObject({ code: 'config_invalid', details: { setting } })
  })

  test('a refusal never tells the secret', async () => {
    const error = await open({ secretAccessKey: 'very secret' }).catch((error: unknown) => error)
    expect(isTenaxError(error) && JSON.stringify([error.message, error.hint, error.details])).not.toContain('very')
  })

  test('nothing is taken from the environment', async () => {
    const worker = fileURLToPath(new URL('../fixtures/s3-env-worker.ts', import.meta.url))
    const args = [worker, settings.endpoint, settings.region, settings.bucket]
    const env = {
      AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
      AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:1',
      AWS_REGION: 'elsewhere',
      AWS_ACCESS_KEY_ID: 'other',
      AWS_SECRET_ACCESS_KEY: 'other',
      AWS_PROFILE: 'none',
      AWS_USE_FIPS_ENDPOINT: 'true',
      AWS_USE_DUALSTACK_ENDPOINT: 'true',
      AWS_S3_USE_ARN_REGION: 'perhaps',
      AWS_MAX_ATTEMPTS: 'many',
      AWS_RETRY_MODE: 'legacy',
      AWS_DEFAULTS_MODE: 'nonsense',
      AWS_AUTH_SCHEME_PREFERENCE: 'bearer',
      AWS_REQUEST_CHECKSUM_CALCULATION: 'nonsense',
      AWS_RESPONSE_CHECKSUM_VALIDATION: 'nonsense',
    }
    const { stdout } = await promisify(execFile)(process.execPath, args, { env })
    expect([stdout, fake.asked]).toEqual(['a', ['PUT a', 'GET ']])
  })

  test('the longest prefix and the longest key fit into one name', () => {
    expect(S3_PREFIX_BYTES_MAX + 1 + 512).toBe(1_024)
  })
})
