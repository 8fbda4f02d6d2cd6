/** WORKFLOWS 27: how many steps of one run are under way at a time. */
import { workflow } from '@tenax/workflow'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { ACME, hostMaker, macrotasks, until } from './fixtures/test-bed.ts'
import { STEPS_IN_FLIGHT_MAX } from './limits.ts'

const openHost = hostMaker()

it('begins no more steps of a run at once than it may, and each of the rest when one has ended', async () => {
  const count = STEPS_IN_FLIGHT_MAX + 3
  const ends: (() => void)[] = []
  const wide = workflow({ name: 'wide', input: z.object({}) }, async (ctx) => {
    const numbers = Array.from({ length: count }, (_, index) => index)
    const each = await ctx.map('each', numbers, { key: String, concurrency: count }, (one, number) =>
      one.step('work', () => new Promise<number>((resolve) => ends.push(() => resolve(number)))),
    )
    return each.length
  })
  const host = await openHost({ workflows: [wide] })
  const run = await host.start('wide')
  await until(() => ends.length === STEPS_IN_FLIGHT_MAX)
  await host.tenancy.use(ACME, (handle) => handle.settled())
  await macrotasks(50)
  expect(ends).toHaveLength(STEPS_IN_FLIGHT_MAX)
  for (let begun = STEPS_IN_FLIGHT_MAX; begun < count; begun += 1) {
    ends[begun - STEPS_IN_FLIGHT_MAX]?.()
    await until(() => ends.length === begun + 1)
  }
  for (const end of ends) end()
  expect((await host.ended(run)).output).toBe(count)
})
