import { expect, test } from 'vitest'
import { raceForBlobs } from './blob-race.ts'
import { sweepBlobs } from './blob-sweep.ts'

test('whatever event of the file system a process dies at, blobs are whole, and all that it was told is there', async () => {
  const { faults, deathCount, leftoverCount } = await sweepBlobs({ stride: 1, eventsMax: 400 })
  expect(faults.join('\n')).toBe('')
  expect(deathCount).toBeGreaterThan(100)
  expect(leftoverCount).toBeGreaterThan(30)
})

test.each([10, 55, 123, 301, 500, 777])(
  'of two processes one creates each blob, when one dies at event %i',
  async (eventCount) => {
    const { faults } = await raceForBlobs({ keyCount: 300, eventCount })
    expect(faults.join('\n')).toBe('')
  },
)
