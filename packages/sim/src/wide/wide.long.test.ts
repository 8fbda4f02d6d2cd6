import { afterAll, beforeAll, test } from 'vitest'
import { scratchMemory } from '../scratch.ts'
import { makeWideBase, runWideChain } from './wide-chain.ts'

/** 400 kills in the long tier, beside those of `crash` and `points`; seeds go on from where the fast tier's end. */
const CHAIN_COUNT = 12
const FIRST_SEED = 101

const base = scratchMemory()
beforeAll(() => makeWideBase(base.path))
afterAll(() => base[Symbol.dispose]())

for (let seed = FIRST_SEED; seed < FIRST_SEED + CHAIN_COUNT; seed += 1) {
  test.concurrent(`seed ${seed}: ten times kill -9 over 200 tenants takes nothing that was acknowledged`, async ({
    expect,
  }) => {
    const { faults } = await runWideChain({ basePath: base.path, seed, killCount: 10 })
    const repeat = `npx vitest run --project long packages/sim/src/wide/wide.long.test.ts -t 'seed ${seed}:'`
    expect(faults.join('\n'), `repeat with: ${repeat}`).toBe('')
  })
}
