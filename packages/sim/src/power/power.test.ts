import '../faults/watched-fs.ts'
import { expect, test } from 'vitest'
import { runPowerChain } from './power-chain.ts'

/** Any number is a seed: put it here and run the command that a failure prints. */
const SEEDS = [1, 2, 3, 4]

/** A chain takes some 3 s alone; a busy machine runs it many times slower. */
const CHAIN_MS_MAX = 240_000

for (const seed of SEEDS) {
  test(
    `seed ${seed}: power cuts take nothing that was acknowledged, and leave every file as its ledger says`,
    async () => {
      const { faults, lives, mainSyncCount } = await runPowerChain({ seed, roundCount: 10, tenantCount: 24 })
      const repeat = `npx vitest run --project fast packages/sim/src/power/power.test.ts -t 'seed ${seed}:'`
      expect(faults.join('\n'), `${lives.join(', ')}; repeat with: ${repeat}`).toBe('')
      expect(mainSyncCount).toBeGreaterThan(0)
    },
    CHAIN_MS_MAX,
  )
}

for (const lie of ['ledger', 'main files'] as const) {
  test(
    `power cuts show that somebody builds on an fsync of the ${lie} that has not happened`,
    async () => {
      const faults: string[] = []
      for (let seed = 1; seed <= 5 && faults.length === 0; seed += 1) {
        faults.push(...(await runPowerChain({ seed, roundCount: 6, tenantCount: 12, lie })).faults)
      }
      expect(faults).not.toEqual([])
    },
    CHAIN_MS_MAX,
  )
}
