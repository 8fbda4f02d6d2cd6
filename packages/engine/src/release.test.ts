/** An imported tenant comes up held, and goes on when it is released. */
import { Readable } from 'node:stream'
import { event, workflow } from '@tenax/workflow'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { ACME, hostMaker, type OpenHost, SteppedClock, until } from './fixtures/test-bed.ts'

const openHost = hostMaker()
const go = event('go', z.null())

/** Counts what it does outside. */
function counted() {
  const ran: string[] = []
  const trip = workflow({ name: 'trip', input: z.object({}) }, async (ctx) => {
    await ctx.step('pack', () => void ran.push('pack'))
    await ctx.sleep('wait', '10s')
    await ctx.step('leave', () => void ran.push('leave'))
    await ctx.waitFor(go)
    return ran.length
  })
  return { ran, trip }
}

/** Replaces the tenant by an export of itself. */
async function reimport({ tenancy }: OpenHost): Promise<void> {
  const chunks: Uint8Array[] = []
  await tenancy.export(ACME, async (file) => {
    for await (const chunk of file.chunks) chunks.push(chunk)
  })
  await tenancy.import(ACME, Readable.from(chunks))
}

const reasonOf = async (host: OpenHost, run: string) => (await host.workflows.get(ACME, run)).blockedReason

it('holds every run of an imported tenant until it is released, and keeps their times', async () => {
  const clock = new SteppedClock()
  const { ran, trip } = counted()
  const host = await openHost({ workflows: [trip], clock })
  const run = await host.start('trip')
  await until(async () => (await host.workflows.get(ACME, run)).status === 'waiting' && ran.length === 1)
  const startAtMs = clock.nowMs() + 60_000
  const later = (await host.workflows.start(ACME, { workflow: 'trip', input: {}, startAtMs })).run.id
  await reimport(host)
  clock.advance(20_000)
  await host.workflows.send(ACME, { name: 'go', payload: null })
  expect([await reasonOf(host, run), await reasonOf(host, later)]).toEqual(['held', 'held'])
  expect(ran).toEqual(['pack'])
  expect(await host.workflows.release(ACME)).toBe(2)
  await until(async () => {
    clock.advance(1) // timers of this clock fire when it is moved
    return (await host.workflows.get(ACME, run)).endedAtMs !== undefined
  })
  expect(ran).toEqual(['pack', 'leave'])
  expect(await host.workflows.get(ACME, later)).toMatchObject({ status: 'queued', startedAtMs: undefined })
  expect(await host.workflows.release(ACME)).toBe(0)
  clock.advance(40_000)
  await until(() => ran.length === 3)
})

it('records nothing of a run in a tenant that was deleted and made again under it', async () => {
  const gate = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  const slow = workflow({ name: 'slow', input: z.object({ old: z.boolean() }) }, (ctx, { old }) =>
    ctx.step('slow', async () => {
      begun.resolve()
      if (old) await gate.promise
      return old ? 'old' : 'new'
    }),
  )
  const parked = workflow({ name: 'parked', input: z.object({}) }, (ctx) => ctx.waitFor(go))
  const host = await openHost({ workflows: [slow, parked] })
  await host.start('slow', { old: true })
  await begun.promise
  await host.tenancy.delete(ACME)
  await host.tenancy.create(ACME)
  const later = await host.start('parked')
  gate.resolve()
  const run = await host.start('slow', { old: false })
  expect((await host.ended(run)).output).toBe('new')
  expect((await host.workflows.steps(ACME, later)).map(({ kind, status }) => [kind, status])).toEqual([
    ['wait', 'open'],
  ])
  expect(host.events).toEqual([])
})
