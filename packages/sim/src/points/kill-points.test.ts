import { join } from 'node:path'
import { expect, test } from 'vitest'
import { scratchMemory } from '../scratch.ts'
import { Seeded } from '../seeded.ts'
import { dieAtEvent, makePointBase } from './kill-points.ts'

/** Each point is a process; the long tier tries all of them. */
const POINT_COUNT = 24
/** About as many as a life has. */
const EVENTS_MAX = 380
const TIMEOUT_MS = 240_000

test(
  'kill -9 at seeded events of a life leaves all that was acknowledged, and the next start takes it',
  async () => {
    using scratch = scratchMemory()
    const base = await makePointBase(scratch.path)
    const seeded = new Seeded(1)
    for (let point = 0; point < POINT_COUNT; point += 1) {
      const eventCount = 1 + seeded.below(EVENTS_MAX)
      const { faults } = await dieAtEvent(base, join(scratch.path, `at-${point}`), [eventCount])
      expect(faults.join('\n'), `death at event ${eventCount}`).toBe('')
    }
  },
  TIMEOUT_MS,
)
