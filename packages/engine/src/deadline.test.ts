/** `deadline` of a definition: a run that has not ended by then is cancelled, wherever it is. */
import { CancelledError, event, StepError, workflow } from '@tenax/workflow'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { JumpingClock } from './fixtures/jumping-clock.ts'
import { ACME, hostMaker, type OpenHost, until } from './fixtures/test-bed.ts'

const openHost = hostMaker()
const START_MS = Date.parse('2026-05-01T12:00Z')
const HOUR_MS = 3_600_000
const go = event('go', z.null())

const waiting = workflow({ name: 'waiting', deadline: '1h', input: z.object({}) }, (ctx) => ctx.waitFor(go))
const undoing = workflow({ name: 'undoing', deadline: '1h', input: z.object({}) }, async (ctx) => {
  await ctx.step('book', () => 'booked', {
    compensate: async (undo) => {
      await undo.step('unbook', () => 'free')
    },
  })
  await ctx.sleep('long', '30d')
})
const stubborn = workflow({ name: 'stubborn', deadline: '1h', input: z.object({}) }, async (ctx) => {
  try {
    await ctx.sleep('long', '30d')
  } catch (error) {
    return error instanceof CancelledError ? 'ended in peace' : 'not'
  }
  return 'awake'
})
const parent = workflow({ name: 'parent', input: z.object({}) }, async (ctx) => {
  try {
    await ctx.child('slow', waiting, {})
  } catch (error) {
    return error instanceof StepError ? error.code : 'not'
  }
  return 'ended'
})
const WORKFLOWS = [waiting, undoing, stubborn, parent]

async function opened(clock: JumpingClock, dataPath?: string): Promise<OpenHost> {
  return openHost({ workflows: WORKFLOWS, clock, ...(dataPath === undefined ? {} : { dataPath }) })
}

async function untilEnded(host: OpenHost, clock: JumpingClock, run: string) {
  await until(async () => {
    clock.advance(500)
    return (await host.workflows.get(ACME, run)).endedAtMs !== undefined
  })
  return host.workflows.get(ACME, run)
}

const asleep = ({ workflows }: OpenHost, clock: JumpingClock) =>
  until(() => {
    clock.advance(100)
    return workflows.awakeCount === 0
  })

it('fails a run that waits when its time is over, after a restart too, and not before', async () => {
  const clock = new JumpingClock(START_MS)
  const first = await opened(clock)
  const run = await first.start('waiting')
  await asleep(first, clock)
  expect(first.tenancy.dueTenants(Number.MAX_SAFE_INTEGER, 1)).toEqual([{ id: ACME, wakeAtMs: START_MS + HOUR_MS }])
  await first.close()
  const host = await opened(clock, first.dataPath)
  clock.jumpTo(START_MS + HOUR_MS - 20_000)
  await asleep(host, clock)
  expect((await host.workflows.get(ACME, run)).status).toBe('waiting')
  clock.jumpTo(START_MS + HOUR_MS)
  expect(await untilEnded(host, clock, run)).toMatchObject({ status: 'failed', error: { code: 'deadline_exceeded' } })
  await asleep(host, clock)
  // What is left is to look for what is kept no longer.
  expect(host.tenancy.dueTenants(START_MS + 86_400_000, 1)).toEqual([])
})

it('lets an overdue run clean up first, and complete if it will', async () => {
  const clock = new JumpingClock(START_MS)
  const host = await opened(clock)
  const run = await host.start('undoing')
  const other = await host.start('stubborn')
  await asleep(host, clock)
  clock.jumpTo(START_MS + HOUR_MS)
  expect(await untilEnded(host, clock, run)).toMatchObject({ status: 'failed', error: { code: 'deadline_exceeded' } })
  expect((await host.workflows.steps(ACME, run)).map(({ identity, status }) => [identity, status])).toContainEqual([
    expect.stringContaining('unbook'),
    'completed',
  ])
  expect(await untilEnded(host, clock, other)).toMatchObject({ status: 'completed', output: 'ended in peace' })
})

it('counts from the start that was asked for, and tells a parent why', async () => {
  const clock = new JumpingClock(START_MS)
  const host = await opened(clock)
  const startAtMs = START_MS + HOUR_MS
  const later = (await host.workflows.start(ACME, { workflow: 'waiting', input: {}, startAtMs })).run.id
  const asked = await host.start('parent')
  await asleep(host, clock)
  clock.jumpTo(START_MS + HOUR_MS)
  expect((await untilEnded(host, clock, asked)).output).toBe('deadline_exceeded')
  await until(async () => {
    clock.advance(500)
    return (await host.workflows.get(ACME, later)).status === 'waiting'
  })
  clock.jumpTo(START_MS + 2 * HOUR_MS)
  expect(await untilEnded(host, clock, later)).toMatchObject({ error: { code: 'deadline_exceeded' } })
})

it('leaves a run that was cancelled before a cancelled one', async () => {
  const clock = new JumpingClock(START_MS)
  const host = await opened(clock)
  const run = await host.start('waiting')
  await host.workflows.cancel(ACME, run)
  clock.jumpTo(START_MS + 2 * HOUR_MS)
  expect(await untilEnded(host, clock, run)).toMatchObject({ status: 'cancelled', error: undefined })
})
