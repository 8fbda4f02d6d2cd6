import { workflow } from 'tenax'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { createTenants, openHost, rowsOf } from './fixtures/host-bed.ts'

test('a step in flight holds no handle: others have the only one meanwhile, and its end is recorded (WORKFLOWS 26)', async () => {
  const [begun, done] = [Promise.withResolvers<void>(), Promise.withResolvers<string>()]
  const slow = workflow({ name: 'slow', input: z.object({}) }, (ctx) =>
    ctx.step('wait', () => {
      begun.resolve()
      return done.promise
    }),
  )
  await using bed = await openHost({ workflows: [slow], handlesMax: 1 })
  await createTenants(bed, 'acme', 'other')
  const { runs } = bed.tenax.tenant('acme')
  const { run } = await runs.start(slow, {})
  await begun.promise
  for (let round = 0; round < 3; round += 1) expect(await rowsOf(bed, 'other', 'select 1')).toEqual([[1]])
  done.resolve('done')
  expect(await runs.result(run.id)).toMatchObject({ status: 'completed', output: 'done' })
})
