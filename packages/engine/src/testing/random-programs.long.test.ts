import { expect, test } from 'vitest'
import { changePrograms, crashPrograms } from './fixtures/random-rounds.ts'

test('seed 11: random programs come to the same whatever commit is crashed', async () => {
  expect(await crashPrograms({ seed: 11, numRuns: 40 })).toBeGreaterThan(1_000)
})

test.each([21, 22])('seed %i: changed programs block without a new effect, or go on as if always so', async (seed) => {
  const { blocked, went } = await changePrograms({ seed, numRuns: 400 })
  expect(Math.min(blocked, went)).toBeGreaterThan(40)
})
