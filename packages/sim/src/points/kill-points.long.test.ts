import { join } from 'node:path'
import { expect, test } from 'vitest'
import { scratchMemory } from '../scratch.ts'
import { Seeded } from '../seeded.ts'
import { dieAtEvent, makePointBase } from './kill-points.ts'

const EVENTS_MAX = 1_000

test('kill -9 at every event of a life leaves all that was acknowledged, and the next start takes it', async () => {
  using scratch = scratchMemory()
  const base = await makePointBase(scratch.path)
  let isDone = false
  for (let eventCount = 1; !isDone && eventCount < EVENTS_MAX; eventCount += 1) {
    const { faults, wasDone } = await dieAtEvent(base, join(scratch.path, `at-${eventCount}`), [eventCount])
    expect(faults.join('\n'), `death at event ${eventCount}`).toBe('')
    isDone = wasDone
  }
  expect(isDone).toBe(true)
})

test('a recovery that is killed at any event is done by the next one', async () => {
  using scratch = scratchMemory()
  const base = await makePointBase(scratch.path)
  const seeded = new Seeded(1)
  for (let point = 0; point < 40; point += 1) {
    const eventCounts = [1 + seeded.below(200), 1 + seeded.below(80), 1 + seeded.below(80)]
    const { faults } = await dieAtEvent(base, join(scratch.path, `at-${point}`), eventCounts)
    expect(faults.join('\n'), `deaths at events ${eventCounts.join(', ')}`).toBe('')
  }
})
