import './main-syncs.ts'
import { test } from 'vitest'
import { runPowerChain } from './power-chain.ts'

/** Rounds of the long tier: 1,000 cuts, and some with many tenants. Their seeds go on from where the fast tier's end. */
const CHAINS = [
  ...Array.from({ length: 100 }, (_, index) => ({ seed: 101 + index, roundCount: 10, tenantCount: 24 })),
  ...Array.from({ length: 4 }, (_, index) => ({ seed: 1_001 + index, roundCount: 10, tenantCount: 200 })),
]

for (const chain of CHAINS) {
  const name = `seed ${chain.seed}, ${chain.tenantCount} tenants`
  test(`${name}: power cuts take nothing that was acknowledged, and leave every file as its ledger says`, async ({
    expect,
  }) => {
    const { faults, lives } = await runPowerChain(chain)
    const repeat = `npx vitest run --project long packages/sim/src/power/power.long.test.ts -t '${name}:'`
    expect(faults.join('\n'), `${lives.join(', ')}; repeat with: ${repeat}`).toBe('')
  })
}
