/** WORKFLOWS 19: a paused run records what is in flight, starts nothing new, and goes on when it is resumed. */
import { event, workflow } from '@tenax/workflow'
import { expect, it } from 'vitest'
import { z } from 'zod'
import {
  ACME,
  codeOf,
  heldFile,
  hostMaker,
  macrotasks,
  type OpenHost,
  SteppedClock,
  until,
} from './fixtures/test-bed.ts'
import { PLAIN_SEAMS } from './seams.ts'

const openHost = hostMaker()
const empty = z.object({})
const go = event('go', z.number())

/** A step that ends when it is told, and one behind it. */
function slow() {
  const ran: string[] = []
  const end = Promise.withResolvers<number>()
  const flow = workflow({ name: 'slow', input: empty }, async (ctx) => {
    const first = await ctx.step('first', async () => {
      ran.push('first')
      return end.promise
    })
    await ctx.tx('note', (db) => db.run('CREATE TABLE IF NOT EXISTS noted (a)').changes)
    return [first, await ctx.step('second', () => ran.push('second'))]
  })
  return { flow, ran, end }
}

/** A body that is slow to see what it is given: by then whatever was committed before is durable, and whoever waits for that has gone on. */
function slowDelivery(hostOf: () => OpenHost) {
  let isSlow = false
  const macrotask = async () => {
    await PLAIN_SEAMS.macrotask()
    if (isSlow) await hostOf().tenancy.use(ACME, (handle) => handle.settled())
  }
  const deliverBehindDurable = () => {
    isSlow = true
  }
  return { seams: { ...PLAIN_SEAMS, macrotask }, deliverBehindDurable }
}

const stepOf = async (host: OpenHost, run: string, identity: string) =>
  (await host.workflows.steps(ACME, run)).find((step) => step.identity === identity)
const isOpen = (host: OpenHost, run: string, identity: string) => async () =>
  (await stepOf(host, run, identity))?.status === 'open'

it('records the step in flight of a paused run, starts nothing, and goes on behind a restart when it is resumed', async () => {
  const { flow, ran, end } = slow()
  const first = await openHost({ workflows: [flow] })
  const run = await first.start('slow')
  await until(() => ran.length === 1)
  const paused = await first.workflows.pause(ACME, run)
  expect(paused.pausedAtMs).toBeTypeOf('number')
  end.resolve(7)
  await until(async () => (await stepOf(first, run, 'first#1'))?.status === 'completed')
  await until(async () => (await first.workflows.get(ACME, run)).status === 'waiting')
  expect((await first.workflows.pause(ACME, run)).pausedAtMs).toBe(paused.pausedAtMs)
  await first.close()
  const second = await openHost({ workflows: [flow], dataPath: first.dataPath })
  await second.start('slow', {}, 'other')
  expect((await second.ended('other')).status).toBe('completed')
  expect(ran.filter((name) => name === 'second')).toHaveLength(1)
  const page = await second.workflows.list(ACME, { status: 'waiting' })
  expect(page.runs).toMatchObject([{ id: run, pausedAtMs: paused.pausedAtMs }])
  expect((await second.workflows.resume(ACME, run)).pausedAtMs).toBeUndefined()
  expect((await second.ended(run)).output).toEqual([7, 4])
  expect(ran).toEqual(['first', 'first', 'second', 'second'])
  expect(await codeOf(second.workflows.pause(ACME, run))).toBe('run_ended')
  expect(await codeOf(second.workflows.resume(ACME, run))).toBe('run_ended')
})

it('goes on in memory when it is resumed while its step is still in flight', async () => {
  const { flow, ran, end } = slow()
  const host = await openHost({ workflows: [flow] })
  const run = await host.start('slow')
  await until(() => ran.length === 1)
  await host.workflows.pause(ACME, run)
  await host.workflows.resume(ACME, run)
  await host.workflows.resume(ACME, run)
  end.resolve(7)
  expect((await host.ended(run)).output).toEqual([7, 2])
  expect(ran).toEqual(['first', 'second'])
})

it('keeps the end of a step whose turn comes behind the pause, and of one that is still in flight then', async () => {
  const ran: string[] = []
  const ends = { a: Promise.withResolvers<string>(), b: Promise.withResolvers<string>() }
  const flow = workflow({ name: 'two', input: empty }, (ctx) => {
    const branch = (name: 'a' | 'b') => async (c: typeof ctx) => {
      const got = await c.step(name, () => {
        ran.push(name)
        return ends[name].promise
      })
      return [got, await c.tx(`behind ${name}`, (db) => db.one<{ n: number }>('SELECT 1 AS n').n)]
    }
    return ctx.all([branch('a'), branch('b')])
  })
  const { seams, deliverBehindDurable } = slowDelivery(() => host)
  const host = await openHost({ workflows: [flow], seams })
  const run = await host.start('two')
  await until(() => ran.length === 2)
  const release = await heldFile(host)
  const paused = host.workflows.pause(ACME, run)
  await macrotasks(5)
  ends.a.resolve('A')
  await macrotasks(20)
  release()
  await paused
  await until(async () => (await stepOf(host, run, 'all#1[0]/a#1'))?.status === 'completed')
  ends.b.resolve('B')
  await until(async () => (await host.workflows.get(ACME, run)).status === 'waiting')
  expect((await host.workflows.steps(ACME, run)).map(({ status }) => status)).toEqual(['completed', 'completed'])
  deliverBehindDurable()
  await host.workflows.resume(ACME, run)
  expect((await host.ended(run)).output).toEqual([
    ['A', 1],
    ['B', 1],
  ])
  expect(ran).toEqual(['a', 'b'])
})

it('delivers a sleep once that was over while the pause was being recorded', async () => {
  const clock = new SteppedClock()
  const end = Promise.withResolvers<number>()
  const flow = workflow({ name: 'napping', input: empty }, async (ctx) => {
    const both = await ctx.all([ctx.sleep('nap', '1s'), ctx.step('slow', () => end.promise)])
    return [both[1], await ctx.step('behind', () => 'behind')]
  })
  const first = await openHost({ workflows: [flow], clock })
  const run = await first.start('napping')
  await until(isOpen(first, run, 'slow#1'))
  const release = await heldFile(first)
  const paused = first.workflows.pause(ACME, run)
  await macrotasks(5)
  clock.advance(1_000)
  await macrotasks(20)
  release()
  await paused
  end.resolve(1)
  await until(async () => (await first.workflows.get(ACME, run)).status === 'waiting')
  expect(await stepOf(first, run, 'nap#1')).toMatchObject({ status: 'completed' })
  await first.workflows.resume(ACME, run)
  expect((await first.ended(run)).output).toEqual([1, 'behind'])
  const places = await first.sql('SELECT completion FROM tenax_step ORDER BY completion')
  expect(places).toEqual([[1n], [2n], [3n]])
})

it('keeps events for a paused run, and fires its timers when it is resumed', async () => {
  const clock = new SteppedClock()
  const seen: unknown[] = []
  const flow = workflow({ name: 'both', input: empty }, async (ctx) => {
    const [, got] = await ctx.all([
      ctx.sleep('nap', '1h'),
      ctx.waitFor(go),
      ctx.waitFor(event('late', z.null()), { timeout: '1h' }),
    ])
    seen.push(got)
    return got
  })
  const first = await openHost({ workflows: [flow], clock })
  const run = await first.start('both')
  await until(isOpen(first, run, 'nap#1'))
  await first.workflows.pause(ACME, run)
  await first.workflows.send(ACME, { name: 'go', payload: 5 })
  expect(await stepOf(first, run, 'go#1')).toMatchObject({ status: 'completed', result: 5 })
  clock.advance(7_200_000)
  await first.close()
  const second = await openHost({ workflows: [flow], dataPath: first.dataPath, clock })
  await second.sql('SELECT 1')
  await macrotasks(50)
  expect(await stepOf(second, run, 'nap#1')).toMatchObject({ status: 'open' })
  expect(seen).toEqual([])
  await second.workflows.resume(ACME, run)
  await until(() => {
    clock.advance(1)
    return seen.length === 1
  })
  expect((await second.ended(run)).output).toBe(5)
})

it('starts a run that was paused before its time when it is resumed, or at its time', async () => {
  const clock = new SteppedClock()
  const flow = workflow({ name: 'quick', input: empty }, async () => 'ran')
  const host = await openHost({ workflows: [flow], clock })
  const startAtMs = clock.nowMs() + 1_000
  for (const id of ['late', 'early']) {
    await host.workflows.start(ACME, { workflow: 'quick', input: {}, id, startAtMs })
    await host.workflows.pause(ACME, id)
  }
  await host.workflows.resume(ACME, 'early')
  expect((await host.workflows.get(ACME, 'early')).status).toBe('queued')
  clock.advance(1_000)
  expect((await host.ended('early')).output).toBe('ran')
  expect((await host.workflows.get(ACME, 'late')).status).toBe('queued')
  await host.workflows.resume(ACME, 'late')
  expect((await host.ended('late')).output).toBe('ran')
})

it('lets a cancellation through a pause, and refuses a pause behind it', async () => {
  const undone: string[] = []
  const flow = workflow({ name: 'saga', input: empty }, async (ctx) => {
    await ctx.step('book', () => 1, { compensate: async () => void undone.push('book') })
    await ctx.waitFor(go)
  })
  const host = await openHost({ workflows: [flow] })
  const run = await host.start('saga')
  await until(isOpen(host, run, 'go#1'))
  await host.workflows.pause(ACME, run)
  const release = await heldFile(host)
  const cancelled = host.workflows.cancel(ACME, run)
  const refused = codeOf(host.workflows.pause(ACME, run))
  release()
  expect((await cancelled).pausedAtMs).toBeUndefined()
  expect(await refused).toMatch(/^run_cancelling|run_ended$/)
  expect((await host.ended(run)).status).toBe('cancelled')
  expect(undone).toEqual(['book'])
})

it('stays paused when its code comes back, or when it is released', async () => {
  const flow = workflow({ name: 'gone', input: empty }, async (ctx) => {
    await ctx.waitFor(go)
    return 'went'
  })
  const first = await openHost({ workflows: [flow] })
  const run = await first.start('gone')
  await until(isOpen(first, run, 'go#1'))
  await first.close()
  const second = await openHost({ workflows: [], dataPath: first.dataPath })
  await second.workflows.send(ACME, { name: 'go', payload: 1 })
  await until(async () => (await second.workflows.get(ACME, run)).blockedReason !== undefined)
  await second.workflows.pause(ACME, run)
  await second.close()
  const third = await openHost({ workflows: [flow], dataPath: first.dataPath })
  await third.workflows.release(ACME)
  await macrotasks(50)
  expect(await third.workflows.get(ACME, run)).toMatchObject({ status: 'waiting', blockedReason: undefined })
  await third.workflows.resume(ACME, run)
  expect((await third.ended(run)).output).toBe('went')
})
