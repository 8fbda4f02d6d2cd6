import { afterAll, beforeAll, expect, test } from 'vitest'
import { scratchMemory } from '../scratch.ts'
import { makeKillBase, runKillChain } from './kill-chain.ts'

/** Any number is a seed: put it here and run the command that a failure prints. Every third has lifecycle verbs. */
const SEEDS = [1, 2, 3, 4]
/** Together 64 kills, each of a process of its own. */
const KILL_COUNT = 16

/** A chain takes some 12 s alone; a busy machine runs it many times slower. */
const CHAIN_MS_MAX = 240_000

const base = scratchMemory()
beforeAll(() => makeKillBase(base.path))
afterAll(() => base[Symbol.dispose]())

for (const seed of SEEDS) {
  test(
    `seed ${seed}: kill -9 at ${KILL_COUNT} points over 200 tenants takes nothing that was promised, and leaves every file as its ledger says`,
    async () => {
      const { faults, acknowledgedCount, deaths } = await runKillChain({
        basePath: base.path,
        seed,
        killCount: KILL_COUNT,
      })
      const repeat = `npx vitest run --project fast packages/sim/src/kills/kills.test.ts -t 'seed ${seed}:'`
      expect(faults.join('\n'), `died ${deaths.join(', ')}; repeat with: ${repeat}`).toBe('')
      expect(deaths).toHaveLength(KILL_COUNT)
      expect(deaths).not.toContain('spent')
      expect(acknowledgedCount).toBeGreaterThan(0)
    },
    CHAIN_MS_MAX,
  )
}

for (const lie of ['fsync', 'acknowledgement'] as const) {
  test(
    `kills show an ${lie} that was told and has not happened`,
    async () => {
      const { faults } = await runKillChain({ basePath: base.path, seed: 1, killCount: KILL_COUNT, lie })
      expect(faults).not.toEqual([])
    },
    CHAIN_MS_MAX,
  )
}
