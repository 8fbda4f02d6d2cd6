import { afterAll, beforeAll, expect, test } from 'vitest'
import { KILL_POINTS } from '../faults/point-clock.ts'
import { scratchMemory } from '../scratch.ts'
import { type Death, makeKillBase, runKillChain } from './kill-chain.ts'

/** Together 1,040 kills; seeds go on from where the fast tier's end. */
const CHAIN_COUNT = 40
const KILL_COUNT = 26
const FIRST_SEED = 101
const KILLS_MIN = 1_000

const base = scratchMemory()
const deaths: Death[] = []
beforeAll(() => makeKillBase(base.path))
afterAll(() => base[Symbol.dispose]())

for (let seed = FIRST_SEED; seed < FIRST_SEED + CHAIN_COUNT; seed += 1) {
  test.concurrent(`seed ${seed}: kill -9 at ${KILL_COUNT} points over 200 tenants takes nothing that was promised, and leaves every file as its ledger says`, async ({
    expect,
  }) => {
    const result = await runKillChain({ basePath: base.path, seed, killCount: KILL_COUNT })
    deaths.push(...result.deaths)
    const repeat = `npx vitest run --project long packages/sim/src/kills/kills.long.test.ts -t 'seed ${seed}:'`
    expect(result.faults.join('\n'), `died ${result.deaths.join(', ')}; repeat with: ${repeat}`).toBe('')
  })
}

test('all chains together died at every kind of point', () => {
  const counts = new Map<Death, number>()
  for (const death of deaths) counts.set(death, (counts.get(death) ?? 0) + 1)
  const told = [...counts].map(([death, count]) => `${death} ${count}`).join(', ')
  expect(KILL_POINTS.filter((point) => (counts.get(point) ?? 0) === 0)).toEqual([])
  expect(deaths.length - (counts.get('spent') ?? 0), told).toBeGreaterThanOrEqual(KILLS_MIN)
  process.stdout.write(`died ${told}\n`)
})
