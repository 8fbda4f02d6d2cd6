import { expect, test } from 'vitest'
import { runKillChain } from './kill-chain.ts'

/** Any number is a seed: put it here and run the command that a failure prints. */
const SEEDS = [1]

/** A chain takes some 25 s alone; a busy machine runs it many times slower. */
const CHAIN_MS_MAX = 240_000

for (const seed of SEEDS) {
  test(
    `seed ${seed}: ten times kill -9 over 20 tenants, and every accepted run completes`,
    async () => {
      const { faults, acceptedCount, endedCount, runCount } = await runKillChain({ seed, killCount: 10 })
      const repeat = `npx vitest run --project fast packages/sim/src/runs/kill-chain.test.ts -t 'seed ${seed}:'`
      expect(faults.slice(0, 50).join('\n'), `repeat with: ${repeat}`).toBe('')
      expect(endedCount).toBeGreaterThan(0)
      expect(acceptedCount).toBeGreaterThan(endedCount)
      expect(runCount).toBeGreaterThanOrEqual(acceptedCount)
    },
    CHAIN_MS_MAX,
  )
}
