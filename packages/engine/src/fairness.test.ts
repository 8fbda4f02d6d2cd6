/** What tenants, and the parts of one tenant, wait for of each other (WORKFLOWS 27): in what order, not how long. */
import { parseTenantId } from '@tenax/kernel'
import { workflow } from '@tenax/workflow'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { ACME, heldFile, hostMaker, macrotasks, SteppedClock } from './fixtures/test-bed.ts'

const openHost = hostMaker()
const OTHER = parseTenantId('other')

/** A clock on which each look at the stopwatch takes its time, and nothing else does. */
class TickingClock extends SteppedClock {
  #ticks = 0

  override monotonicMs(): number {
    this.#ticks += 1
    return this.#ticks / 20
  }
}

it('a tenant that starts hundreds of runs at once holds up no start of another, nor its run', async () => {
  const order: string[] = []
  const input = z.object({ of: z.string() }).refine((value) => order.push(value.of) > 0)
  const steps = workflow({ name: 'steps', input }, async (ctx) => {
    await ctx.step('one', () => 1)
    await ctx.step('two', () => 2)
  })
  const host = await openHost({ workflows: [steps], clock: new TickingClock() })
  await host.tenancy.create(OTHER)
  let acceptedCount = 0
  const flood = Array.from({ length: 300 }, async () => {
    await host.workflows.start(ACME, { workflow: 'steps', input: { of: 'flood' } })
    acceptedCount += 1
  })
  const { run } = await host.workflows.start(OTHER, { workflow: 'steps', input: { of: 'other' } })
  expect(order.indexOf('other')).toBeLessThan(100)
  expect((await host.ended(run.id, OTHER)).status).toBe('completed')
  expect(acceptedCount).toBeLessThan(flood.length)
  await Promise.all(flood)
})

it('a statement of a tenant waits for one commit of its workflows, however many more of them are asked for before it', async () => {
  const idle = workflow({ name: 'idle', input: z.object({}) }, async () => undefined)
  const host = await openHost({ workflows: [idle] })
  await host.ended(await host.start('idle'))
  const release = await heldFile(host)
  const send = (id: string) => host.workflows.send(ACME, { name: 'said', id, payload: null })
  const sent = [send('first')]
  await macrotasks(10)
  for (let index = 0; index < 50; index += 1) sent.push(send(`later ${index}`))
  await macrotasks(10)
  const counts = Array.from({ length: 3 }, () => host.sql('select count(*) from tenax_event'))
  await macrotasks(10)
  release()
  expect(await Promise.all(counts)).toEqual([[[1n]], [[1n]], [[1n]]])
  await Promise.all(sent)
  expect(await host.sql('select count(*) from tenax_event')).toEqual([[51n]])
})
