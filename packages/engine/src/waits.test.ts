/** WORKFLOWS 12, 15 and 16 on whole hosts: who gets an event, which events a wait may have, and a step that may begin once. */
import { event, workflow } from '@tenax/workflow'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { ACME, hostMaker, until } from './fixtures/test-bed.ts'
import { testTenant } from './testing/test-tenant.ts'

const openHost = hostMaker()
const empty = z.object({})
const go = event('go', z.number())

const send = { name: 'go', key: 'k' } as const

it('gives events to waiters in the order in which each came, across a restart', async () => {
  const flow = workflow({ name: 'waits', input: empty }, (ctx) => ctx.waitFor(go, { key: 'k' }))
  const first = await openHost({ workflows: [flow] })
  const ids = ['third', 'first', 'second'] // by name neither the order of their starts nor its opposite
  for (const id of ids) {
    await first.start('waits', {}, id)
    await until(async () => (await first.workflows.get(ACME, id)).status === 'waiting')
  }
  await first.workflows.send(ACME, { ...send, payload: 1 })
  expect((await first.ended('third')).output).toBe(1)
  await first.close()
  const second = await openHost({ workflows: [flow], dataPath: first.dataPath })
  for (const payload of [2, 3]) await second.workflows.send(ACME, { ...send, payload })
  expect([(await second.ended('first')).output, (await second.ended('second')).output]).toEqual([2, 3])
})

it('keeps events for later waits in the order in which they came, each for one wait, and a repeated id is one event', async () => {
  const flow = workflow({ name: 'collects', input: empty }, async (ctx) => {
    await ctx.waitFor(go, { key: 'begin' })
    const got: unknown[] = []
    for (let count = 0; count < 3; count += 1) got.push(await ctx.waitFor(go, { key: 'k' }))
    got.push(await ctx.waitFor(go, { key: 'k', timeout: '1ms' }))
    return got
  })
  const host = await openHost({ workflows: [flow] })
  const run = await host.start('collects')
  for (const payload of [5, 3, 4]) await host.workflows.send(ACME, { ...send, payload, id: `e-${payload}` })
  await host.workflows.send(ACME, { ...send, payload: 3, id: 'e-3' })
  await host.workflows.send(ACME, { name: 'go', key: 'begin', payload: 0 })
  expect((await host.ended(run)).output).toEqual([5, 3, 4, null])
})

it('takes no event from before the run was created, unless lookback says so', async () => {
  const now = workflow({ name: 'now', input: empty }, (ctx) => ctx.waitFor(go, { key: 'k', timeout: '1ms' }))
  const back = workflow({ name: 'back', input: empty }, (ctx) => ctx.waitFor(go, { key: 'k', lookback: '1h' }))
  const host = await openHost({ workflows: [now, back] })
  await host.workflows.send(ACME, { ...send, payload: 7 })
  expect((await host.ended(await host.start('now'))).output ?? null).toBe(null)
  expect((await host.ended(await host.start('back'))).output).toBe(7)
})

it.each(['', ' over a crash'])(
  'gives an event that comes at the deadline to the wait, and none that comes later%s',
  async (crash) => {
    const flow = workflow({ name: 'timed', input: empty }, async (ctx) => {
      const got = await ctx.waitFor(go, { key: 'k', timeout: '1d' })
      return got ?? 'too late'
    })
    await using t = await testTenant({ workflows: [flow] })
    const passed = () => (crash === '' ? t.settle() : t.crash())
    const inTime = await t.start(flow, {})
    await t.advance('1d')
    await passed()
    await t.send(go, 1, { key: 'k' })
    await passed()
    expect(await t.result(inTime)).toBe(1)
    const late = await t.start(flow, {})
    await t.advance('1d')
    await t.advance(1)
    await passed()
    await t.send(go, 2, { key: 'k' })
    expect(await t.result(late)).toBe('too late')
  },
)

it('begins a step that may run once no second time, and behind a restart it fails with step_interrupted, which can be caught', async () => {
  let begunCount = 0
  const flow = workflow({ name: 'once', input: empty }, async (ctx) => {
    try {
      const neverEnds = () => {
        begunCount += 1
        return new Promise<void>(() => undefined)
      }
      await ctx.step('charge', neverEnds, { atMostOnce: true })
      return 'charged'
    } catch (error) {
      return (error as { code?: unknown }).code
    }
  })
  const first = await openHost({ workflows: [flow] })
  const run = await first.start('once')
  await until(() => begunCount === 1)
  await first.close()
  const second = await openHost({ workflows: [flow], dataPath: first.dataPath })
  expect((await second.ended(run)).output).toBe('step_interrupted')
  expect(begunCount).toBe(1)
})
