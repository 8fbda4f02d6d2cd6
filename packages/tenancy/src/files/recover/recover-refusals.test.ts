import { readdirSync, rmSync } from 'node:fs'
import { TenaxError } from '@tenax/kernel'
import { beforeAll, describe, expect, test } from 'vitest'
import { ACME, altered } from '../../fixtures/archived-tenant.ts'
import { openTenancyAt } from '../../fixtures/settings.ts'
import { contentsOf, storeWith } from '../../fixtures/stored-chain-bed.ts'
import { directoryMaker, tenancyMaker } from '../../fixtures/test-bed.ts'
import { twoStoredLedgers } from '../../fixtures/two-stored-ledgers.ts'
import { leaveRoot } from '../../remote/ledger-root.ts'

const newDirectory = directoryMaker() // first, so that it is removed behind the tenancies in it
const open = tenancyMaker()
let whole: ReadonlyMap<string, Uint8Array>
let prefix: string

beforeAll(async () => {
  whole = await contentsOf((await twoStoredLedgers(open, newDirectory)).store)
  prefix = [...whole.keys()].find((key) => key.startsWith('ledgers/'))?.slice(0, 'ledgers/'.length + 21) ?? ''
})

const objectsOf = (epoch: number) => [...whole.keys()].filter((key) => key.startsWith(`${prefix}0000000${epoch}/`))

/** A start on an empty directory: what it says, what is in the directory afterwards, and whether the store was changed. */
async function refusal(blobs: ReadonlyMap<string, Uint8Array>) {
  const [store, dataPath] = [await storeWith(blobs), newDirectory()]
  const error = await openTenancyAt(dataPath, { store }).then(
    (tenancy) => tenancy.close().then(() => new TenaxError('internal', 'it has started')),
    (reason: TenaxError) => reason,
  )
  const isSame = textOf(await contentsOf(store)) === textOf(blobs)
  return { code: error.code, message: error.message, left: readdirSync(dataPath), isSame }
}

const textOf = (blobs: ReadonlyMap<string, Uint8Array>) =>
  [...blobs]
    .map(([key, bytes]) => `${key} ${Buffer.from(bytes).toString('base64')}`)
    .sort()
    .join('\n')

const nothingChanged = { left: ['host.lock'], isSame: true }

describe('what is missing is told by name, and nothing is changed', () => {
  const without = (...keys: string[]) => new Map([...whole].filter(([key]) => !keys.includes(key)))

  test('an object in the middle of a ledger, wherever there is more behind it than may be under way', async () => {
    const objects = objectsOf(1)
    expect(objects.length).toBeGreaterThan(6)
    for (const key of [objects[0], objects[3], objects.at(-2)] as string[]) {
      const said = await refusal(without(key))
      expect(said).toMatchObject({ code: 'ledger_damaged', message: expect.stringContaining(key), ...nothingChanged })
    }
  })

  test('the seal of a ledger that others go on behind', async () => {
    const seal = objectsOf(1).at(-1) ?? ''
    const said = await refusal(without(seal))
    expect(said).toMatchObject({ code: 'ledger_damaged', message: expect.stringContaining(seal), ...nothingChanged })
  })

  test('a whole ledger, the first or one that a seal names', async () => {
    const first = await refusal(without(...objectsOf(1)))
    const object = objectsOf(1)[0] ?? ''
    expect(first).toMatchObject({ code: 'ledger_damaged', message: expect.stringContaining(object), ...nothingChanged })
    const more = new Map(without(...objectsOf(2)))
    more.set(`${prefix}00000003/00000000.seg`, whole.get(objectsOf(2)[0] ?? '') ?? new Uint8Array())
    const second = await refusal(more)
    const name = expect.stringContaining(objectsOf(2)[0] ?? '')
    expect(second).toMatchObject({ code: 'ledger_damaged', message: name, ...nothingChanged })
  })

  test('what was under way when the host died is no loss', async () => {
    const objects = objectsOf(2)
    const store = await storeWith(without(objects.at(-2) ?? ''))
    const { events } = await open({ store })
    expect(events).toContainEqual(expect.objectContaining({ type: 'recovered_from_store', tenantCount: 3 }))
  })
})

describe('what is not as it was stored is told by name, and nothing is changed', () => {
  const changed = (key: string, change: (bytes: Buffer) => Uint8Array) =>
    new Map([...whole].map(([one, bytes]) => [one, one === key ? change(Buffer.from(bytes)) : bytes] as const))

  test('a bit of an object, its end, or another object in its place', async () => {
    const [, key = '', other = ''] = objectsOf(2)
    const flipped = await refusal(changed(key, (bytes) => bytes.fill((bytes[400] ?? 0) ^ 1, 400, 401)))
    expect(flipped).toMatchObject({ code: 'ledger_damaged', ...nothingChanged })
    expect(flipped.message).toMatch(/00000001\.seg of 00000002-\w+ has a wrong hash/)
    const short = await refusal(changed(key, (bytes) => bytes.subarray(0, -1)))
    expect(short).toMatchObject({ code: 'ledger_damaged', ...nothingChanged })
    const swapped = await refusal(changed(key, () => whole.get(other) ?? new Uint8Array()))
    expect(swapped).toMatchObject({ code: 'ledger_damaged', ...nothingChanged })
    expect(swapped.message).toMatch(/says that it is object 2/)
  })

  test('the root: no JSON, or of another data directory', async () => {
    const [root = ''] = [...whole.keys()].filter((key) => key.startsWith('roots/'))
    expect(await refusal(changed(root, () => Buffer.from('{')))).toMatchObject({
      code: 'ledger_damaged',
      message: expect.stringMatching(/the root of the stored ledgers of \w{20} is damaged/),
      ...nothingChanged,
    })
    const other = (first: string) => (first === 'x' ? 'y' : 'x')
    const foreign = (bytes: Buffer) =>
      Buffer.from(bytes.toString().replace(/(?<="dataId":")\w/, (first) => other(first)))
    const said = await refusal(changed(root, (bytes) => foreign(bytes)))
    expect(said).toMatchObject({ code: 'ledger_damaged', ...nothingChanged })
    expect(said.message).toMatch(/it names the data directory [xy]/)
  })
})

test('a store with the ledgers of several data directories says that one is to be named', async () => {
  const store = await storeWith(whole)
  const other = { dataId: '0'.repeat(20), shardCount: 2, first: { epoch: 1, nonce: 'n'.repeat(20) }, createdAtMs: 0 }
  await leaveRoot(store, other)
  const said = await refusal(await contentsOf(store))
  expect(said).toMatchObject({ code: 'config_invalid', ...nothingChanged })
  expect(said.message).toMatch(/several data directories/)
})

test('a store that is away ends the start: no new history begins beside the stored one', async () => {
  const store = altered({
    create: () => Promise.reject(new TenaxError('unavailable', 'no answer')),
    get: () => Promise.reject(new TenaxError('unavailable', 'no answer')),
  })
  store.list = () => ({
    [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new TenaxError('unavailable', 'no answer')) }),
  })
  const dataPath = newDirectory()
  await expect(openTenancyAt(dataPath, { store })).rejects.toMatchObject({ code: 'unavailable' })
  expect(readdirSync(dataPath)).toEqual(['host.lock'])
})

test('a chunk that is missing stops its tenant alone', async () => {
  const chunks = [...whole.keys()].filter((key) => key.startsWith(`tenants/${ACME}/`) && key.includes('/chunks/'))
  const store = await storeWith(new Map([...whole].filter(([key]) => key !== chunks[0])))
  const { events, tenancy } = await open({ store })
  expect(events).toContainEqual(
    expect.objectContaining({ type: 'recovered_from_store', materialisedCount: 1, stoppedCount: 1 }),
  )
  expect(tenancy.get(ACME).quarantineReason).toMatch(/not recovered from object storage: chunk \w+ is missing/)
})

test('a directory with data in it that has lost its tenax.json is not recovered over', async () => {
  const { dataPath, tenancy } = await open()
  await tenancy.close()
  rmSync(`${dataPath}/tenax.json`)
  const before = readdirSync(dataPath)
  const store = await storeWith(whole)
  await expect(openTenancyAt(dataPath, { store })).rejects.toMatchObject({ code: 'data_format_invalid' })
  expect(readdirSync(dataPath)).toEqual(before)
})
