import { expect, test } from 'vitest'
import { BLOWS, runSagas } from './saga.ts'

/** Any number is a seed: put it here and run the command that a failure prints. */
const SEEDS = Array.from({ length: 8 }, (_, index) => index + 2)

for (const blow of BLOWS) {
  test(`${blow} behind each commit of sagas of ${SEEDS.length} seeds leaves all of each or nothing`, async () => {
    const seen = { skippedCount: 0, retriedCount: 0, completedCount: 0 }
    for (const seed of SEEDS) {
      const { faults, ends, skippedCount, retriedCount } = await runSagas({ seed, blow })
      expect(faults.slice(0, 20).join('\n'), `seed ${seed}`).toBe('')
      seen.skippedCount += skippedCount
      seen.retriedCount += retriedCount
      seen.completedCount += ends['completed'] ?? 0
    }
    // Otherwise nothing was under fire.
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(0)
  }, 600_000)
}
