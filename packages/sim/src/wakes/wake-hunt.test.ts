import { expect, test } from 'vitest'
import { huntLostWakes } from './wake-hunt.ts'

/** A hunt takes some 8 s alone; a busy machine runs it many times slower. */
const HUNT_MS_MAX = 240_000

test(
  'seed 1: whatever is killed between tenants and catalogs, every run ends although nobody touches its tenant',
  async () => {
    const { faults, killCount, acceptedCount, runCount } = await huntLostWakes({
      ...{ seed: 1, loadCount: 4, tenantCount: 6, driftCount: 1 },
    })
    expect(faults.slice(0, 50).join('\n')).toBe('')
    expect(killCount).toBeGreaterThanOrEqual(4)
    expect(runCount).toBeGreaterThanOrEqual(acceptedCount)
    expect(acceptedCount).toBeGreaterThan(5)
  },
  HUNT_MS_MAX,
)
