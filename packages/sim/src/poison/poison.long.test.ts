/** Test D of the workflows: a minute of kills every 2 s over 50 tenants. */
import { test } from 'vitest'
import { scratchDirectory } from '../scratch.ts'
import { expectJustice } from './justice.ts'
import { poison } from './poison-host.ts'

test('two runs that kill their host are quarantined by name, and 300 others over 50 tenants complete', async () => {
  using scratch = scratchDirectory()
  const scale = { tenantCount: 50, innocentCount: 300, roundCount: 10, sleepMs: 5_000 }
  expectJustice(await poison(scratch.path, scale, { killsMs: 60_000, livesMax: 120 }), scale)
})
