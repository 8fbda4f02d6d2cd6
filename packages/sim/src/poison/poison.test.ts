/** Test D of the workflows, small: two runs that kill their host, beside one that computes and others that do nothing wrong. */
import { test } from 'vitest'
import { scratchDirectory } from '../scratch.ts'
import { expectJustice } from './justice.ts'
import { poison } from './poison-host.ts'

test('two runs that kill their host are quarantined by name, and all others complete', async () => {
  using scratch = scratchDirectory()
  const scale = { tenantCount: 3, innocentCount: 9, roundCount: 2, sleepMs: 50 }
  expectJustice(await poison(scratch.path, scale, { killsMs: 0, livesMax: 40 }), scale)
}, 120_000)
