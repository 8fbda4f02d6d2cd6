import { ManualClock } from '@tenax/kernel'
import { expect, test } from 'vitest'
import { signalMeaning } from './signal-meaning.ts'

test('the first signal drains, what follows within a second is the same one, and a later one ends the process', () => {
  const clock = new ManualClock()
  const meaningOf = signalMeaning(clock)
  expect(meaningOf()).toBe('drain')
  expect(meaningOf()).toBe('same')
  clock.advance(1_000)
  expect(meaningOf()).toBe('same')
  clock.advance(1)
  expect([meaningOf(), meaningOf()]).toEqual(['exit', 'exit'])
})
