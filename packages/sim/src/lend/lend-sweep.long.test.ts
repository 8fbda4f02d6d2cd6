import { expect, test } from 'vitest'
import { sweepHandOver } from './lend-sweep.ts'

test('whatever event of lending a tenant and taking it back a host dies at, nothing that was durable is lost', async () => {
  const { faults, handoverCount, startCount, madeCount } = await sweepHandOver({ stride: 1, eventsMax: 400 })
  expect(faults.slice(0, 50).join('\n')).toBe('')
  expect(handoverCount).toBeGreaterThan(20)
  expect(startCount).toBeGreaterThan(2)
  expect(madeCount).toBeGreaterThan(handoverCount)
})
