import { expect, test } from 'vitest'
import { raceForBlobs } from './blob-race.ts'
import { sweepBlobs } from './blob-sweep.ts'

test('a process that dies while it uses a store in a directory leaves whole blobs, and all that it was told', async () => {
  const { faults, deathCount } = await sweepBlobs({ stride: 17, eventsMax: 400 })
  expect(faults.join('\n')).toBe('')
  expect(deathCount).toBeGreaterThan(3)
})

test('of two processes one creates each blob, also when one of them dies', async () => {
  const { faults, wonCounts } = await raceForBlobs({ keyCount: 60, eventCount: 150 })
  expect(faults.join('\n')).toBe('')
  expect(wonCounts).toHaveLength(2)
})
