import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { BlobStore } from '@tenax/blobstore'
import { isTenaxError, systemClock, TenaxError } from '@tenax/kernel'
import { libsqlDriver } from '@tenax/sqlite'
import { beforeAll, expect, test } from 'vitest'
import { bytesOf } from '../../fixtures/ledger-files.ts'
import { FILE_SETTINGS, openTenancyAt } from '../../fixtures/settings.ts'
import { contentsOf, storeWith } from '../../fixtures/stored-chain-bed.ts'
import { codeOf, directoryMaker, tenancyMaker } from '../../fixtures/test-bed.ts'
import { STILL, type TwoStoredLedgers, twoStoredLedgers } from '../../fixtures/two-stored-ledgers.ts'
import { walkChain } from '../../remote/stored-chain.ts'
import { systemRandomId } from '../../system-ids.ts'
import { Layout } from '../layout.ts'
import { readStoredPosition } from '../stored-position.ts'
import { recoverDirectory } from './open-or-recover.ts'

const newDirectory = directoryMaker() // first, so that it is removed behind the tenancies in it
const open = tenancyMaker()
let stored: TwoStoredLedgers
let blobs: ReadonlyMap<string, Uint8Array>
let undisturbed: ReadonlyMap<string, string>

/** What is in a recovered directory, but for the place that its chain goes on from. */
const filesOf = (path: string) => bytesOf(path, ['shards', 'recovered.json'])

function recover(path: string, store: BlobStore, onStep?: (step: string) => void) {
  return recoverDirectory({
    ...{ path, store, driver: libsqlDriver, clock: systemClock, randomId: systemRandomId, pid: process.pid },
    ...{ fileSettings: FILE_SETTINGS, dataId: undefined },
    ...(onStep === undefined ? {} : { onStep }),
  })
}

beforeAll(async () => {
  stored = await twoStoredLedgers(open, newDirectory)
  blobs = await contentsOf(stored.store)
  const path = newDirectory()
  await recover(path, await storeWith(blobs))
  undisturbed = filesOf(path)
  expect([...undisturbed.keys()].filter((name) => name.endsWith('.db'))).toHaveLength(4)
})

/** `store`, of which the call number `at` fails: before it does anything, or behind it. */
function failingAt(store: BlobStore, { at, isDone }: { at: number; isDone: boolean }) {
  let callCount = 0
  const tried = async <T>(call: () => Promise<T>): Promise<T> => {
    callCount += 1
    if (callCount !== at) return call()
    if (!isDone) throw new TenaxError('unavailable', 'no answer')
    await call()
    throw new TenaxError('outcome_unknown', 'no answer')
  }
  const failing: BlobStore = {
    ...{ name: store.name, put: (...args) => store.put(...args), delete: (...args) => store.delete(...args) },
    get: (...args) => tried(() => store.get(...args)),
    create: (...args) => tried(() => store.create(...args)),
    list: (...args) => store.list(...args),
    close: () => store.close(),
  }
  return { failing, calls: () => callCount }
}

test.each([false, true])(
  'a store that fails at any call leaves nothing, and the next try brings all of it (done: %s)',
  async (isDone) => {
    const codes = new Set<string>()
    for (let at = isDone ? 2 : 1, isOver = false; !isOver; at += 3) {
      const [path, store] = [newDirectory(), await storeWith(blobs)]
      const { failing, calls } = failingAt(store, { at, isDone })
      const code = await codeOf(recover(path, failing))
      isOver = calls() < at
      if (code !== 'ok') {
        codes.add(code)
        expect(readdirSync(path)).toEqual(['host.lock'])
        await recover(path, store)
      }
      expect(filesOf(path)).toEqual(undisturbed)
    }
    expect([...codes]).toEqual([isDone ? 'outcome_unknown' : 'unavailable'])
  },
)

test('a crash at any step leaves a directory that the next start finishes, or begins again behind the seal of the first', async () => {
  const [path, store] = [newDirectory(), await storeWith(blobs)]
  const left: { step: string; copy: string; blobs: Promise<Map<string, Uint8Array>> }[] = []
  await recover(path, store, (step) => {
    const copy = newDirectory()
    cpSync(path, copy, { recursive: true })
    left.push({ step, copy, blobs: contentsOf(store) })
  })
  const moved = ['ledgers', 'recovered.json', 'shards', 'tenax.json'].map((name) => `moved ${name}`)
  const inOrder = ['walked', 'catalogs', 'tenants', 'built', 'renamed', ...moved]
  expect(left.map(({ step }) => step).toSorted()).toEqual(inOrder.toSorted())
  expect(left.at(-1)?.step).toBe('moved tenax.json')
  for (const { step, copy, blobs: then } of left) {
    const again = await recover(copy, await storeWith(await then)).catch((error: unknown) => error)
    const isFinished = step === 'renamed' || step.startsWith('moved')
    if (isFinished) expect([step, isTenaxError(again, 'data_format_invalid')]).toEqual([step, true])
    else expect([step, again]).toEqual([step, expect.objectContaining({ epoch: 3, tenantCount: 3 })])
    expect([step, filesOf(copy)]).toEqual([step, undisturbed])
    expect(readdirSync(copy)).toEqual(readdirSync(path))
    const position = readStoredPosition(new Layout(copy).storedPosition)
    expect(position?.open?.epoch).toBe(isFinished ? 2 : 3)
    expect(position?.own.map(({ epoch }) => epoch)).toEqual([isFinished ? 3 : 4])
  }
})

test('a start goes on from wherever a crash has left a recovery', async () => {
  const [path, store] = [newDirectory(), await storeWith(blobs)]
  const copies = new Map<string, string>()
  await recover(path, store, (step) => {
    copies.set(step, newDirectory())
    cpSync(path, copies.get(step) ?? '', { recursive: true })
  })
  for (const step of ['catalogs', 'renamed', 'moved shards']) {
    const { tenancy, sql } = await open({
      dataPath: copies.get(step) ?? '',
      store: await storeWith(await contentsOf(store)),
    })
    for (const [id, notes] of stored.notes) {
      expect(await sql(id, 'SELECT text FROM note ORDER BY rowid')).toEqual(notes.map((note) => [note]))
    }
    await tenancy.close()
  }
})

test('the list of a recovery that comes back after a power cut takes nothing back', async () => {
  const [dataPath, store] = [newDirectory(), await storeWith(blobs)]
  await recover(dataPath, store)
  const { recoveredRows } = new Layout(dataPath)
  const list = readFileSync(recoveredRows)
  const first = await open({ dataPath, store })
  expect(first.tenancy.get(STILL).state).toBe('archived')
  await first.sql(STILL, "INSERT INTO note VALUES ('later')")
  await first.tenancy.close()
  expect(existsSync(recoveredRows)).toBe(false)
  writeFileSync(recoveredRows, list)
  const second = await open({ dataPath, store })
  expect(await second.sql(STILL, 'SELECT text FROM note')).toEqual([['still'], ['later']])
  await second.tenancy.close()
  expect(existsSync(recoveredRows)).toBe(false)
})

test('of two recoveries at once each is whole, and one has the last seal; the other cannot go on', async () => {
  const store = await storeWith(blobs)
  const paths = [newDirectory(), newDirectory()]
  const recoveries = await Promise.all(paths.map((path) => recover(path, store)))
  expect(recoveries.map(({ epoch }) => epoch).toSorted()).toEqual([2, 3])
  for (const path of paths) expect(filesOf(path)).toEqual(undisturbed)
  const ends = paths.map(async (path) => {
    const { open: from, own } = readStoredPosition(new Layout(path).storedPosition) ?? { own: [] }
    if (from === undefined) throw new Error('a recovered directory knows where its chain goes on')
    const isFollowed = ({ nonce }: { nonce: string }) => own.some((one) => one.nonce === nonce)
    const successor = (epoch: number) => ({ epoch: epoch + 1, nonce: systemRandomId() })
    const walk = walkChain({ store, dataId: stored.dataId, from, successor, isFollowed })
    for (let step = await walk.next(); !step.done; step = await walk.next());
  })
  const codes = await Promise.all(ends.map((end) => codeOf(end)))
  expect(codes.toSorted()).toEqual(['ledger_fenced', 'ok'])
})

test('two recoveries into one directory: the second is told who has it', async () => {
  const [path, store] = [newDirectory(), await storeWith(blobs)]
  const first = recover(path, store)
  await expect(openTenancyAt(path, { store })).rejects.toMatchObject({ code: 'data_in_use' })
  await first
})
