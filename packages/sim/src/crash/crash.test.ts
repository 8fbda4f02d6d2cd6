import { expect, test } from 'vitest'
import { runCrashRound } from './crash-round.ts'

/** Any number is a seed: put it here and run the command that a failure prints. */
const SEEDS = [1, 2, 3, 4, 5]

/** A round takes 4 s alone; a busy machine runs it many times slower. */
const ROUND_MS_MAX = 240_000

for (const seed of SEEDS) {
  test(
    `seed ${seed}: what was acknowledged before SIGKILL is there after it, and nothing is half done`,
    async () => {
      const { faults, acknowledgedCount, lookCount } = await runCrashRound(seed)
      const repeat = `npx vitest run --project fast packages/sim/src/crash/crash.test.ts -t 'seed ${seed}:'`
      expect(faults.join('\n'), `repeat with: ${repeat}`).toBe('')
      expect(acknowledgedCount).toBeGreaterThan(0)
      expect(lookCount).toBeGreaterThan(0)
    },
    ROUND_MS_MAX,
  )
}
