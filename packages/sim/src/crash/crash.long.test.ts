import { test } from 'vitest'
import { runCrashRound } from './crash-round.ts'

/** Beside the kills of `kills`, for the load that only these have; seeds go on from where the fast tier's end. */
const ROUND_COUNT = 12
const FIRST_SEED = 101

for (let seed = FIRST_SEED; seed < FIRST_SEED + ROUND_COUNT; seed += 1) {
  test.concurrent(`seed ${seed}: what was acknowledged before SIGKILL is there after it`, async ({ expect }) => {
    const { faults, lookCount } = await runCrashRound(seed)
    const repeat = `npx vitest run --project long packages/sim/src/crash/crash.long.test.ts -t 'seed ${seed}:'`
    expect(faults.join('\n'), `repeat with: ${repeat}`).toBe('')
    expect(lookCount).toBeGreaterThan(0)
  })
}
