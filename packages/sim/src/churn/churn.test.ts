import { expect, test } from 'vitest'
import { runChurn } from './churn-run.ts'

/** Closed connections at a time: what four collections free, and one lingering under each open handle. */
const ZOMBIES_MAX = 148

/** Some 2,700 opens on a machine that may be busy. */
const TIMEOUT_MS = 240_000

test(
  '400 tenants through 20 handles: descriptors stay bounded, no write is lost, no handle is closed in use',
  async () => {
    const result = await runChurn({
      seed: 1,
      tenantCount: 400,
      handlesMax: 20,
      connectionCount: 60,
      operationCount: 1_500,
      opensPerSample: 1,
    })
    expect(result.faults).toEqual([])
    expect(result.lostWrites).toBe(0)
    expect(result.descriptorsBeyondMax).toBeLessThanOrEqual(64)
    expect(result.zombiesMax).toBeLessThanOrEqual(ZOMBIES_MAX)
    expect(result.evicted).toBeGreaterThan(1_000)
    expect(result.sampleCount).toBeGreaterThan(1_000)
  },
  TIMEOUT_MS,
)
