import { expect, test } from 'vitest'
import { BLOWS, runSagas } from './saga.ts'

/** Any number is a seed: put it here and run the command that a failure prints. */
const SEEDS = [1]

for (const seed of SEEDS) {
  for (const blow of BLOWS) {
    test(`seed ${seed}: ${blow} behind each commit of a saga leaves all of it or nothing`, async () => {
      const { faults, runCount, ends } = await runSagas({ seed, blow })
      const repeat = `npx vitest run --project fast packages/sim/src/runs/saga.test.ts -t 'seed ${seed}: ${blow} behind'`
      expect(faults.slice(0, 20).join('\n'), `repeat with: ${repeat}`).toBe('')
      expect(runCount).toBeGreaterThan(8)
      expect(ends).toBeDefined()
    }, 120_000)
  }
}
