/** WORKFLOWS 22: a parent closes after its children, and what a cancellation does before it reaches a body. */
import { event, workflow } from '@tenax/workflow'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { ACME, codeOf, hostMaker, type OpenHost, until } from './fixtures/test-bed.ts'
import { RUNS_ACTIVE_MAX } from './limits.ts'

const openHost = hostMaker()
const empty = z.object({})
const go = event('go', z.null())
const done = event('done', z.null())

const childOf = async (host: OpenHost, run: string) =>
  (await host.workflows.steps(ACME, run)).find(({ kind }) => kind === 'child')?.child ?? ''
const waits = (host: OpenHost, run: string) => async () =>
  (await host.workflows.steps(ACME, run)).some(({ kind, status }) => kind === 'wait' && status === 'open')

/** A child that undoes what it did only when `done` comes. */
function family(onParentClose: 'cancel' | 'abandon' = 'cancel') {
  const ran: string[] = []
  const kid = workflow({ name: 'kid', input: empty }, async (ctx) => {
    await ctx.step('inner', () => 1, {
      compensate: async (c) => {
        await c.waitFor(done)
        await c.step('undo', () => void ran.push('child undone'))
      },
    })
    await ctx.waitFor(go)
    return 'child went'
  })
  const parent = workflow({ name: 'parent', input: z.object({ how: z.string() }) }, async (ctx, { how }) => {
    await ctx.step('outer', () => 1, {
      compensate: async (c) => void (await c.step('undo', () => void ran.push('parent undone'))),
    })
    const child = ctx.child('kid', kid, {}, { onParentClose })
    if (how === 'again') ctx.log('successor')
    await ctx.step('beside', () => 1)
    if (how === 'ends') return 'over'
    if (how === 'fails') throw new Error('no')
    if (how === 'goes on') return ctx.continueAs({ how: 'again' })
    return how === 'again' ? 'second' : child
  })
  return { kid, parent, ran }
}

async function familyRun(how: string, policy?: 'abandon') {
  const { kid, parent, ran } = family(policy)
  const workflows = [kid, parent]
  const host = await openHost({ workflows })
  const run = await host.start('parent', { how })
  await until(async () => (await childOf(host, run)) !== '')
  return { host, run, ran, workflows, child: await childOf(host, run) }
}

it('cancels children first, and reaches the body when they have compensated and ended, behind a restart too', async () => {
  const { host, run, ran, workflows, child } = await familyRun('waits')
  await until(waits(host, child))
  await host.workflows.cancel(ACME, run)
  await until(async () => (await host.workflows.get(ACME, child)).status === 'compensating')
  await until(async () => (await host.workflows.get(ACME, run)).status === 'waiting')
  await host.close()
  const second = await openHost({ workflows, dataPath: host.dataPath })
  await second.workflows.send(ACME, { name: 'done', payload: null })
  expect((await second.ended(run)).status).toBe('cancelled')
  expect((await second.workflows.get(ACME, child)).status).toBe('cancelled')
  expect(ran).toEqual(['child undone', 'parent undone'])
})

it.each([
  ['ends', 'completed', []],
  ['fails', 'failed', ['parent undone']],
])('a parent that %s while a child is open is %s when the child has ended', async (how, status, undone) => {
  const { host, run, ran, workflows, child } = await familyRun(how)
  await until(async () => (await host.workflows.get(ACME, run)).closingAs === status)
  const closing = await host.workflows.get(ACME, run)
  expect(closing).toMatchObject({ endedAtMs: undefined, output: undefined })
  await host.workflows.cancel(ACME, run)
  await host.close()
  const second = await openHost({ workflows, dataPath: host.dataPath })
  // Cancelled with its parent: it may have ended by now, or be at it.
  expect(['ok', 'run_ended', 'run_cancelling']).toContain(await codeOf(second.workflows.pause(ACME, child)))
  await second.workflows.send(ACME, { name: 'done', payload: null })
  const ended = await second.ended(run)
  expect(ended).toMatchObject({ status, closingAs: undefined })
  const { endedAtMs, status: childStatus } = await second.workflows.get(ACME, child)
  expect([childStatus, (endedAtMs ?? Number.POSITIVE_INFINITY) <= (ended.endedAtMs ?? 0)]).toEqual(['cancelled', true])
  expect(ran.filter((name) => name === 'parent undone')).toEqual(undone)
})

it('a parent goes on as its successor when its children have ended', async () => {
  const { host, run, child } = await familyRun('goes on')
  await until(async () => (await host.workflows.get(ACME, run)).closingAs === 'continued')
  expect((await host.workflows.list(ACME, { workflow: 'parent' })).runs).toHaveLength(1)
  await host.workflows.terminate(ACME, child)
  const { successor } = await host.ended(run)
  await until(async () => (await childOf(host, successor ?? '')) !== '')
  await host.workflows.terminate(ACME, await childOf(host, successor ?? ''))
  expect((await host.ended(successor ?? '')).output).toBe('second')
})

it('a child that is abandoned goes on, and its parent ends without it', async () => {
  const { host, run, child } = await familyRun('ends', 'abandon')
  expect((await host.ended(run)).output).toBe('over')
  await host.workflows.send(ACME, { name: 'go', payload: null })
  expect((await host.ended(child)).output).toBe('child went')
})

it('more parents than fit into memory are cancelled, each behind its child', async () => {
  const kid = workflow({ name: 'kid', input: empty }, (ctx) => ctx.waitFor(go))
  const parent = workflow({ name: 'parent', input: empty }, (ctx) => ctx.child('kid', kid, {}))
  const host = await openHost({ workflows: [kid, parent] })
  const runs = await Promise.all(Array.from({ length: RUNS_ACTIVE_MAX + 6 }, () => host.start('parent')))
  for (const run of runs) await until(async () => (await childOf(host, run)) !== '')
  await Promise.all(runs.map((run) => host.workflows.cancel(ACME, run)))
  for (const run of runs) expect((await host.ended(run)).status).toBe('cancelled')
})

it('gives a compensation the result that came while its run was paused, though the run was cancelled then', async () => {
  const end = Promise.withResolvers<string>()
  const seen: unknown[] = []
  let isBegun = false
  const flow = workflow({ name: 'charge', input: empty }, async (ctx) => {
    await ctx.step(
      'charge',
      () => {
        isBegun = true
        return end.promise
      },
      { compensate: async (_, { result }) => void seen.push(result) },
    )
    await ctx.waitFor(go)
  })
  const host = await openHost({ workflows: [flow] })
  const run = await host.start('charge')
  await until(() => isBegun)
  await host.workflows.pause(ACME, run)
  end.resolve('charged')
  await until(async () => (await host.workflows.steps(ACME, run))[0]?.status === 'completed')
  await until(async () => (await host.workflows.get(ACME, run)).status === 'waiting')
  await host.workflows.cancel(ACME, run)
  expect((await host.ended(run)).status).toBe('cancelled')
  expect(seen).toEqual(['charged'])
})
