import { expect, test } from 'vitest'
import { runScheduleChain } from './kill-schedules.ts'

/** Any number is a seed: put it here and run the command that a failure prints. */
const SEEDS = [1]

for (const seed of SEEDS) {
  test(`seed ${seed}: eight times kill -9 over schedules, and each time is fired once`, async () => {
    const { faults, tenantCount, runCount } = await runScheduleChain({ seed, killCount: 8 })
    const repeat = `npx vitest run --project long packages/sim/src/schedules -t 'seed ${seed}:'`
    expect(faults.slice(0, 50).join('\n'), `repeat with: ${repeat}`).toBe('')
    expect(tenantCount).toBe(6)
    expect(runCount).toBeGreaterThan(tenantCount)
  })
}
