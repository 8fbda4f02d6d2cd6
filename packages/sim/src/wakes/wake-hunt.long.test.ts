import { expect, test } from 'vitest'
import { huntLostWakes } from './wake-hunt.ts'

test('22 lives: whatever is killed between tenants and catalogs, every run ends although nobody touches its tenant', async () => {
  const { faults, killCount, acceptedCount, runCount } = await huntLostWakes({
    ...{ seed: 101, loadCount: 18, tenantCount: 12, driftCount: 3 },
  })
  expect(faults.slice(0, 50).join('\n')).toBe('')
  expect(killCount).toBeGreaterThanOrEqual(18)
  expect(runCount).toBeGreaterThanOrEqual(acceptedCount)
  expect(acceptedCount).toBeGreaterThan(80)
})
