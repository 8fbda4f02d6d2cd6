/** WORKFLOWS 24: records of runs against code, before a run needs it. */
import { event, workflow } from '@tenax/workflow'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { ACME, codeOf, hostMaker, type OpenHost, until } from './fixtures/test-bed.ts'
import type { AnyWorkflow } from './port.ts'
import { checkReplay } from './testing/index.ts'

const open = hostMaker()
const input = z.object({})
const go = event('go', z.object({}))

/** Packs, waits, and leaves. `ran` is told of everything that happens outside. */
function trip(ran: string[], first = 'pack'): AnyWorkflow {
  return workflow({ name: 'trip', input }, async (ctx) => {
    await ctx.step(first, () => ran.push(first))
    await ctx.sleepUntil('a day', ctx.now() + 86_400_000)
    await ctx.waitFor(go)
    return [ctx.run.origin ?? null, await ctx.step('leave', () => ran.push('leave'))]
  })
}

/** A run of `trip` that sleeps. */
async function asleep(code: AnyWorkflow): Promise<OpenHost> {
  const host = await open({ workflows: [code] })
  await host.start('trip', {}, 'one')
  await until(async () => (await host.workflows.get(ACME, 'one')).status === 'waiting')
  return host
}

test('a history that leaves the host is what checkReplay takes, and says which code the run could go on with', async () => {
  const host = await asleep(trip([]))
  const history: unknown = JSON.parse(JSON.stringify(await host.workflows.histories.get(ACME, 'one')))
  expect(history).toMatchObject({ format: 'tenax-run-history', version: 1, tenant: 'acme', run: { id: 'one' } })
  expect(await checkReplay(history, trip([]))).toEqual({ ok: true, state: 'waiting', asks: [] })
  expect(await checkReplay(history, trip([], 'fetch'))).toMatchObject({ ok: false, code: 'workflow_changed' })
  expect(await codeOf(host.workflows.histories.get(ACME, 'two'))).toBe('run_not_found')
})

test('check() says whether the code that is loaded would block a run, without touching it', async () => {
  const first = await asleep(trip([]))
  await first.close()
  const ran: string[] = []
  const host = await open({ workflows: [trip(ran, 'fetch')], dataPath: first.dataPath })
  const rows = () => host.sql('SELECT * FROM tenax_run JOIN tenax_step ON run = number')
  const before = await rows()
  expect(await host.workflows.histories.check(ACME, 'one')).toEqual({
    ok: false,
    code: 'workflow_changed',
    recorded: expect.stringContaining('pack#1'),
    asked: expect.stringContaining('fetch#1'),
  })
  expect([await rows(), ran]).toEqual([before, []])
  await host.close()
  const again = await open({ workflows: [trip(ran)], dataPath: first.dataPath })
  expect(await again.workflows.histories.check(ACME, 'one')).toEqual({ ok: true, state: 'waiting', asks: [] })
  expect([await codeOf(again.workflows.histories.check(ACME, 'two')), ran]).toEqual(['run_not_found', []])
})

test('check() looks at runs that are paused or have ended, as at any other', async () => {
  const first = await asleep(trip([]))
  await first.workflows.pause(ACME, 'one')
  const short = workflow({ name: 'short', input }, async (ctx) => ctx.step('only', () => 'done'))
  await first.close()
  const second = await open({ workflows: [trip([]), short], dataPath: first.dataPath })
  await second.ended(await second.start('short', {}, 'over'))
  const { histories } = second.workflows
  expect(await histories.check(ACME, 'one')).toEqual({ ok: true, state: 'waiting', asks: [] })
  expect(await histories.check(ACME, 'over')).toEqual({ ok: true, state: 'completed', asks: [] })
  await second.close()
  const third = await open({ workflows: [trip([], 'fetch')], dataPath: first.dataPath })
  expect(await third.workflows.histories.check(ACME, 'one')).toMatchObject({ ok: false, code: 'workflow_changed' })
})

test('check() says that nothing of that name is loaded', async () => {
  const first = await asleep(trip([]))
  await first.close()
  const other = workflow({ name: 'other', input }, async () => 1)
  const host = await open({ workflows: [other], dataPath: first.dataPath })
  expect(await host.workflows.histories.check(ACME, 'one')).toEqual({
    ...{ ok: false, code: 'workflow_unknown', recorded: 'a run of workflow "trip"', asked: 'only "other"' },
  })
})

test('a rerun that keeps a beginning is replayed as it began, wherever that is asked', async () => {
  const quick = workflow({ name: 'quick', input }, async (ctx) => {
    await ctx.step(`begun at ${ctx.now()}`, () => 1)
    if (ctx.run.origin !== undefined) await ctx.step('only in a rerun', () => 1)
    await ctx.step('work', () => 1)
    await ctx.waitFor(go)
    return 'done'
  })
  const host = await open({ workflows: [quick], checksReplay: true })
  const { histories, reruns } = host.workflows
  await host.start('quick', {}, 'one')
  await host.workflows.send(ACME, { name: 'go', payload: {}, run: 'one' })
  await host.ended('one')
  await reruns.start(ACME, 'one', { id: 'all' })
  await host.workflows.send(ACME, { name: 'go', payload: {}, run: 'all' })
  await host.ended('all')
  await reruns.start(ACME, 'all', { id: 'two', from: 'work#1' })
  await until(async () => (await host.workflows.steps(ACME, 'two')).at(-1)?.kind === 'wait')
  expect(await histories.check(ACME, 'two')).toMatchObject({ ok: true })
  expect(await checkReplay(await histories.get(ACME, 'two'), quick)).toMatchObject({ ok: true })
  await host.workflows.send(ACME, { name: 'go', payload: {}, run: 'two' })
  expect(await host.ended('two')).toMatchObject({ status: 'completed', blockedReason: undefined })
})

test('a record with more results than one document holds is refused, and can be checked', async () => {
  const host = await asleep(trip([]))
  const large = `UPDATE tenax_step SET result = '"' || replace(hex(zeroblob(9000000)), '00', 'xx') || '"' WHERE kind = 'step'`
  await host.tenancy.use(ACME, (handle) => handle.commit((file) => file.engine(large).get()))
  expect(await codeOf(host.workflows.histories.get(ACME, 'one'))).toBe('payload_too_large')
  expect(await host.workflows.histories.check(ACME, 'one')).toMatchObject({ ok: true })
})
