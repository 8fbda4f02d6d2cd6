import { MIB_BYTES } from '@tenax/kernel'
import { expect, test } from 'vitest'
import { runChurn } from './churn-run.ts'

/** Closed connections at a time: what four collections free, and one lingering under each open handle. */
const ZOMBIES_MAX = 228

test('10,000 tenants through 100 handles: descriptors bounded, no write lost, memory flat', async () => {
  const result = await runChurn({
    seed: 2,
    tenantCount: 10_000,
    handlesMax: 100,
    connectionCount: 300,
    operationCount: 12_000,
    opensPerSample: 16,
  })
  expect(result.faults).toEqual([])
  expect(result.lostWrites).toBe(0)
  expect(result.descriptorsBeyondMax).toBeLessThanOrEqual(64)
  expect(result.zombiesMax).toBeLessThanOrEqual(ZOMBIES_MAX)
  expect(result.evicted).toBeGreaterThan(20_000)
  expect(result.rssBytesAtEnd).toBeLessThan(result.rssBytesAtThird * 1.3 + 64 * MIB_BYTES)
})
