import '../faults/watched-fs.ts'
import { test } from 'vitest'
import { type PowerChainOptions, runPowerChain } from './power-chain.ts'

/** Cuts of the long tier: 1,000 of the power, 50 as by SIGKILL, and some with many tenants. */
const CHAINS: readonly PowerChainOptions[] = [
  ...seedsFrom(101, 90).map((seed) => ({ seed, roundCount: 10, tenantCount: 8, loss: 'power' as const })),
  ...seedsFrom(201, 10).map((seed) => ({ seed, roundCount: 10, tenantCount: 24, loss: 'power' as const })),
  ...seedsFrom(301, 5).map((seed) => ({ seed, roundCount: 10, tenantCount: 24, loss: 'kill' as const })),
  ...seedsFrom(1_001, 2).map((seed) => ({ seed, roundCount: 5, tenantCount: 200, loss: 'power' as const })),
]

for (const chain of CHAINS) {
  const name = `seed ${chain.seed}, ${chain.loss}, ${chain.tenantCount} tenants`
  test(`${name}: nothing that was acknowledged is gone, and every file is as its ledger says`, async ({ expect }) => {
    const { faults, lives } = await runPowerChain(chain)
    const repeat = `npx vitest run --project long packages/sim/src/power/power.long.test.ts -t '${name}:'`
    expect(faults.join('\n'), `${lives.join(', ')}; repeat with: ${repeat}`).toBe('')
  })
}

function seedsFrom(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index)
}
