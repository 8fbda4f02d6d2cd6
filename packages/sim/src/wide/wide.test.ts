import { afterAll, beforeAll, expect, test } from 'vitest'
import { scratchMemory } from '../scratch.ts'
import { makeWideBase, runWideChain } from './wide-chain.ts'

/** Any number is a seed: put it here and run the command that a failure prints. */
const SEEDS = [1, 2, 3, 4, 5, 6]

/** A chain takes some 8 s alone; a busy machine runs it many times slower. */
const CHAIN_MS_MAX = 240_000

const base = scratchMemory()
beforeAll(() => makeWideBase(base.path))
afterAll(() => base[Symbol.dispose]())

for (const seed of SEEDS) {
  test(
    `seed ${seed}: ten times kill -9 over 200 tenants takes nothing that was acknowledged`,
    async () => {
      const { faults, acknowledgedCount } = await runWideChain({ basePath: base.path, seed, killCount: 10 })
      const repeat = `npx vitest run --project fast packages/sim/src/wide/wide.test.ts -t 'seed ${seed}:'`
      expect(faults.join('\n'), `repeat with: ${repeat}`).toBe('')
      expect(acknowledgedCount).toBeGreaterThan(0)
    },
    CHAIN_MS_MAX,
  )
}
