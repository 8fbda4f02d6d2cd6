import '../faults/watched-fs.ts'
import { expect, test } from 'vitest'
import { runGateChain } from './gate-chain.ts'

/** Any number is a seed: put it here and run the command that a failure prints. */
const SEEDS = [1]

/** A chain takes some seconds alone; a busy machine runs it many times slower. */
const CHAIN_MS_MAX = 240_000

for (const seed of SEEDS) {
  test(
    `seed ${seed}: power cuts take no row that the world was told of, and no recorded step runs again`,
    async () => {
      const { faults, ...counts } = await runGateChain({ seed, lifeCount: 4, cutsPerLife: 8 })
      const repeat = `npx vitest run --project fast packages/sim/src/run-power/gate-chain.test.ts -t 'seed ${seed}:'`
      expect(faults.slice(0, 50).join('\n'), `repeat with: ${repeat}`).toBe('')
      expect(counts.cutCount).toBe(32)
      expect(Math.min(counts.lineCount, counts.acceptedCount, counts.runCount)).toBeGreaterThan(0)
    },
    CHAIN_MS_MAX,
  )
}

for (const lie of ['disk', 'gate'] as const) {
  test(
    `power cuts show effects that have not waited for the disk (the ${lie} lies)`,
    async () => {
      const faults: string[] = []
      for (let seed = 1; seed <= 10 && faults.length === 0; seed += 1) {
        faults.push(...(await runGateChain({ seed, lifeCount: 4, cutsPerLife: 6, lie })).faults)
      }
      expect(faults).not.toEqual([])
    },
    CHAIN_MS_MAX,
  )
}
