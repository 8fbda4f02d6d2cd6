/** The verbs of a tenant under test. */
import { workflow } from '@tenax/workflow'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { replayEverywhere } from './replay-everywhere.ts'
import { testTenant } from './test-tenant.ts'

const count = workflow({ name: 'count', input: z.object({ to: z.number() }) }, async (ctx, { to }) => {
  const first = await ctx.step('first', () => 1)
  await ctx.sleep('nap', '1h')
  return [first, await ctx.step('second', () => to)]
})

const shaky = workflow({ name: 'shaky', input: z.object({}) }, async (ctx) => {
  await ctx.step('book', () => 'seat', {
    compensate: async (c) => void (await c.step('unbook', () => 'gone', { retry: false })),
  })
  return ctx.step('pay', () => 'paid', { retry: false })
})

function fails(): never {
  throw new Error('no')
}

test('a paused run sleeps on when it is resumed, and ends', async () => {
  await using t = await testTenant({ workflows: [count] })
  const run = await t.start(count, { to: 2 })
  expect(await t.pause(run)).toMatchObject({ pausedAtMs: t.nowMs })
  await t.advance('2h')
  expect(t.calls('second')).toEqual([])
  await t.resume(run)
  expect(await t.result(run)).toEqual([1, 2])
})

test('an ended run is run again from one of its operations, with edits', async () => {
  await using t = await testTenant({ workflows: [count] })
  const run = await t.start(count, { to: 2 })
  await t.advance('1h')
  const again = await t.rerun(run, { from: 'second#1', input: { to: 3 }, results: { 'first#1': 7 } })
  expect(await t.result(again)).toEqual([7, 3])
  expect(t.calls('first')).toHaveLength(1)
})

test('a failed run is tried again, and a compensation that is stuck is skipped', async () => {
  await using t = await testTenant({ workflows: [shaky], mocks: { pay: fails, unbook: fails } })
  const run = await t.start(shaky, {})
  expect((await t.run(run)).blockedReason).toMatch(/^compensation_stuck: /)
  await t.skip(run)
  await expect(t.result(run)).rejects.toMatchObject({ code: 'failed' })
  t.mock('book', fails)
  const other = await t.start(shaky, {})
  await t.advance('1h')
  await expect(t.result(other)).rejects.toMatchObject({ code: 'failed' })
  t.mock('book', () => 'seat')
  t.mock('pay', () => 'paid')
  await t.retry(other)
  expect(await t.result(other)).toBe('paid')
})

test('a schedule starts its runs as time goes on', async () => {
  await using t = await testTenant({ workflows: [count], now: new Date('2031-05-01T00:00:00Z') })
  const options = { cron: '30 2 * * *', timeZone: 'Europe/Berlin', input: { to: 5 } }
  expect(await t.schedule('nightly', count, options)).toMatchObject({ nextAtMs: Date.UTC(2031, 4, 1, 0, 30) })
  await t.schedule('often', count, { every: '12h', input: { to: 1 } })
  await t.advance('2d')
  expect(await t.result('nightly:2031-05-01T00:30:00.000Z')).toEqual([1, 5])
  expect((await t.sql<{ n: number }>('select count(*) n from tenax_run'))[0]?.n).toBe(6)
  expect((await t.schedules()).map(({ id, lastRun }) => [id, lastRun])).toEqual([
    ['nightly', 'nightly:2031-05-02T00:30:00.000Z'],
    ['often', 'often:2031-05-03T00:00:00.000Z'],
  ])
})

test('verbs are done once, wherever the engine crashes', async () => {
  await replayEverywhere(
    count,
    { to: 2 },
    {
      async during(t, run) {
        await t.pause(run)
        await t.resume(run)
        await t.advance('1h')
        await t.rerun(run, { from: 'second#1' })
        await t.schedule('often', count, { every: '30m', input: { to: 1 } })
      },
      until: '2h',
    },
  )
})
