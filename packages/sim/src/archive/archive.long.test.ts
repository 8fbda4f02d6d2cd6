/** Archive and hydration: many seeds of a store that fails, and a host that is killed inside its calls. */
import { expect, test } from 'vitest'
import { runArchive } from './archive-run.ts'

const seeds = Array.from({ length: 12 }, (_, index) => 101 + index)

test.each(seeds)(
  'seed %i: what was acknowledged is there, nobody is stopped, and no blob is left over',
  async (seed) => {
    const { faults, killCount } = await runArchive({ seed, tenantCount: 8, lifeCount: 10 })
    expect(faults).toEqual([])
    expect(killCount).toBeGreaterThanOrEqual(3)
  },
)
