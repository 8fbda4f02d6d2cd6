import { expect, test } from 'vitest'
import { changePrograms, crashPrograms } from './fixtures/random-rounds.ts'

test('random programs come to the same whatever commit is crashed', async () => {
  expect(await crashPrograms({ seed: 1, numRuns: 6 })).toBeGreaterThan(40)
})

test('random programs that are changed under way block without a new effect, or go on as if always so', async () => {
  const { blocked, went } = await changePrograms({ seed: 1, numRuns: 50 })
  expect(Math.min(blocked, went)).toBeGreaterThan(5)
})
