import { isTenaxError, ManualClock, systemClock } from '@tenax/kernel'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { BlobStore } from './blob-store.ts'
import { describeBlobStore } from './contract.ts'
import { createOrRead } from './create-or-read.ts'
import { type FaultChances, FaultyStore } from './faults.ts'
import { bytesOf, codeOf, keysOf, textAt } from './fixtures/contract-store.ts'
import { seededRandom } from './fixtures/seeded-random.ts'
import { MemoryStore } from './memory-store.ts'

const clock = new ManualClock()

/** A store that does `chances`, over one in memory. */
function faulty(chances: FaultChances, seed = 1): { store: FaultyStore; memory: MemoryStore } {
  const memory = new MemoryStore(clock)
  return { memory, store: new FaultyStore(memory, { chances, clock, random: seededRandom(seed) }) }
}

describeBlobStore('memory, without faults', async () => faulty({}).store)

describeBlobStore('memory, with calls that overtake each other', async () => {
  const options = { chances: {}, delayMsMax: 2, clock: systemClock, random: seededRandom(7) }
  return new FaultyStore(new MemoryStore(systemClock), options)
})

describe.each<[keyof FaultChances, readonly string[], boolean]>([
  ['refused', ['unavailable', 'overloaded', 'storage_full'], false],
  ['lostBefore', ['outcome_unknown'], false],
  ['late', ['outcome_unknown'], false],
  ['lostAfter', ['outcome_unknown'], true],
  ['takenByOneself', ['blob_exists'], true],
])('%s', (fault, codes, isDone) => {
  test(`a create says ${codes}, and ${isDone ? 'was done' : 'was not done'}`, async () => {
    const { store, memory } = faulty({ [fault]: 1 })
    expect(codes).toContain(await codeOf(store.create('a', bytesOf('x'))))
    expect(await textAt(memory, 'a')).toBe(isDone ? 'x' : undefined)
  })
})

test('what is late is done when it is settled, also after its caller has gone on', async () => {
  const { store, memory } = faulty({ late: 1 })
  await memory.create('old', bytesOf('x'))
  expect([await codeOf(store.delete('old')), await codeOf(store.create('a', bytesOf('late')))]).toEqual([
    'outcome_unknown',
    'outcome_unknown',
  ])
  await memory.create('a', bytesOf('first'))
  expect([store.lateCount, await keysOf(memory)]).toEqual([2, ['a', 'old']])
  await store.settle()
  expect([store.lateCount, await keysOf(memory), await textAt(memory, 'a')]).toEqual([0, ['a'], 'first'])
})

test('a stale list leaves out entries, and a get has them all the same', async () => {
  const { store } = faulty({ staleEntry: 0.5 })
  for (let index = 0; index < 40; index++) await store.put(`a/${index}`, bytesOf('x'))
  const listed = await keysOf(store)
  expect(listed.length).toBeGreaterThan(5)
  expect(listed.length).toBeLessThan(35)
  for (let index = 0; index < 40; index++) expect(await textAt(store, `a/${index}`)).toBe('x')
})

test('the same seed makes the same faults', async () => {
  const codesOf = async (seed: number) => {
    const { store } = faulty({ refused: 0.2, lostBefore: 0.2, lostAfter: 0.2, late: 0.2 }, seed)
    const codes: string[] = []
    for (let index = 0; index < 50; index++) codes.push(await codeOf(store.put('a', bytesOf('x'))))
    return codes
  }
  expect(await codesOf(5)).toEqual(await codesOf(5))
  expect(await codesOf(5)).not.toEqual(await codesOf(6))
  expect(new Set(await codesOf(5)).size).toBeGreaterThan(3)
})

/** Asks until it is known whose the blob is. */
async function ownerOf(store: BlobStore, key: string, text: string): Promise<string> {
  for (;;) {
    try {
      const outcome = await createOrRead(store, { key, bytes: bytesOf(text) })
      return outcome.owner
    } catch (error) {
      if (!isTenaxError(error)) throw error
    }
  }
}

test('whatever goes wrong, one of those who ask until they know owns each key, and its bytes are there', async () => {
  const chance = fc.double({ min: 0, max: 0.18, noNaN: true })
  const chances = fc.record({
    refused: chance,
    lostBefore: chance,
    lostAfter: chance,
    late: chance,
    takenByOneself: chance,
  })
  await fc.assert(
    fc.asyncProperty(chances, fc.integer(), async (odds, seed) => {
      const memory = new MemoryStore(clock)
      const hosts = [1, 2, 3].map((host) => ({
        name: `host ${host}`,
        store: new FaultyStore(memory, { chances: odds, clock, random: seededRandom(seed + host) }),
      }))
      for (const key of ['k/1', 'k/2', 'k/3']) {
        const owners = await Promise.all(hosts.map(({ name, store }) => ownerOf(store, key, name)))
        for (const { store } of hosts) await store.settle()
        expect(owners.filter((owner) => owner === 'me')).toHaveLength(1)
        expect(await textAt(memory, key)).toBe(hosts[owners.indexOf('me')]?.name)
      }
    }),
  )
})
