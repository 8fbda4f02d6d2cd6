import '../faults/watched-fs.ts'
import { test } from 'vitest'
import { runGateChain } from './gate-chain.ts'

/** Chains of the long tier: 1,200 power cuts. */
const SEEDS = Array.from({ length: 20 }, (_, index) => 101 + index)

for (const seed of SEEDS) {
  test(`seed ${seed}: power cuts take no row that the world was told of, and no recorded step runs again`, async ({
    expect,
  }) => {
    const { faults, cutCount } = await runGateChain({ seed, lifeCount: 5, cutsPerLife: 12 })
    const repeat = `npx vitest run --project long packages/sim/src/run-power/gate-chain.long.test.ts -t 'seed ${seed}:'`
    expect(faults.slice(0, 50).join('\n'), `repeat with: ${repeat}`).toBe('')
    expect(cutCount).toBe(60)
  })
}
