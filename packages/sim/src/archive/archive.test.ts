/** Archive and hydration, small: a store that fails, and a host that is killed inside its calls. */
import { expect, test } from 'vitest'
import { runArchive } from './archive-run.ts'

test.each([1, 2, 3])(
  'seed %i: what was acknowledged is there, nobody is stopped, and no blob is left over',
  async (seed) => {
    const { faults, counts, killCount } = await runArchive({ seed, tenantCount: 5, lifeCount: 6 })
    expect(faults).toEqual([])
    expect(killCount).toBeGreaterThanOrEqual(1)
    expect(counts.get('archived')).toBeGreaterThan(5)
    expect(counts.get('hydrated')).toBeGreaterThan(5)
  },
)
