/** WORKFLOWS 23: ended runs that are run again as new ones. */
import { event, workflow } from '@tenax/workflow'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { ACME, codeOf, hostMaker, until } from './fixtures/test-bed.ts'
import { planRerun } from './rerun-plan.ts'

const openHost = hostMaker()
const empty = z.object({})
const go = event('go', z.number())

/** Three steps, each with what it ran with. */
function three() {
  const ran: [string, string][] = []
  const flow = workflow({ name: 'three', input: z.object({ n: z.number().default(1) }) }, async (ctx, { n }) => {
    const act = (name: string) => (attempt: { readonly idempotencyKey: string }) => {
      ran.push([name, attempt.idempotencyKey])
      return `${name} ${n}`
    }
    const a = await ctx.step('a', act('a'))
    ctx.set('seen', a)
    const at = ctx.now()
    const b = await ctx.step('b', act('b'))
    const id = ctx.uuid()
    return { a, b, c: await ctx.step('c', act('c')), at, id, origin: ctx.run.origin ?? null }
  })
  return { flow, ran }
}

it('runs everything again with new keys, or keeps what was seen before the operation that is named', async () => {
  const { flow, ran } = three()
  const first = await openHost({ workflows: [flow] })
  const origin = await first.ended(await first.start('three', { n: 1 }))
  const all = await first.workflows.reruns.start(ACME, origin.id)
  expect(all).toMatchObject({ isNew: true, run: { origin: origin.id } })
  expect((await first.ended(all.run.id)).output).toMatchObject({ a: 'a 1', c: 'c 1', origin: origin.id })
  expect(new Set(ran.map(([, key]) => key)).size).toBe(6)
  const { run } = await first.workflows.reruns.start(ACME, origin.id, { from: 'b#1' })
  await first.close()
  const second = await openHost({ workflows: [flow], dataPath: first.dataPath })
  const ended = await second.ended(run.id)
  const { at, id } = origin.output as { at: number; id: string }
  expect(ended).toMatchObject({ output: { a: 'a 1', b: 'b 1', at, id }, values: { seen: 'a 1' } })
  expect(ended.startedAtMs).toBeGreaterThanOrEqual(ended.createdAtMs)
  expect(new Set(ran.slice(6).map(([name]) => name))).toEqual(new Set(['b', 'c']))
  expect(new Set(ran.map(([, key]) => key)).size).toBe(8)
  expect(await second.workflows.get(ACME, origin.id)).toMatchObject({ output: origin.output, origin: undefined })
  const again = await second.workflows.reruns.start(ACME, run.id, { from: 'c#1' })
  expect((await second.ended(again.run.id)).output).toMatchObject({ a: 'a 1', b: 'b 1', at, id })
})

it('takes an edited input past the schema, and edited results where something is kept', async () => {
  const { flow, ran } = three()
  const host = await openHost({ workflows: [flow] })
  const { id } = await host.ended(await host.start('three'))
  const edited = await host.workflows.reruns.start(ACME, id, {
    hasInput: true,
    input: { n: 2 },
    from: 'c#1',
    results: { 'a#1': 'A' },
  })
  expect((await host.ended(edited.run.id)).output).toMatchObject({ a: 'A', b: 'b 1', c: 'c 2' })
  expect(ran.slice(3).map(([name]) => name)).toEqual(['c'])
  const rerun = (request: object) => codeOf(host.workflows.reruns.start(ACME, id, request))
  expect(await rerun({ hasInput: true, input: { n: 'two' } })).toBe('input_invalid')
  expect(await rerun({ from: 'b#1', results: { 'b#1': 'B' } })).toBe('argument_invalid')
  expect(await rerun({ from: 'd#1' })).toBe('step_not_found')
  expect(await rerun({ id: 'in valid' })).toBe('argument_invalid')
})

it('previews what is kept and what runs again, and changes nothing', async () => {
  const { flow } = three()
  const host = await openHost({ workflows: [flow] })
  const { id } = await host.ended(await host.start('three'))
  expect(await host.workflows.reruns.preview(ACME, id, { from: 'b#1' })).toEqual({
    kept: [{ seq: 1, identity: 'a#1', kind: 'step' }],
    keptCount: 1,
    again: [
      { seq: 2, identity: 'b#1', kind: 'step' },
      { seq: 3, identity: 'c#1', kind: 'step' },
    ],
    againCount: 2,
  })
  expect(await host.workflows.reruns.preview(ACME, id)).toMatchObject({ keptCount: 0, againCount: 3 })
  expect(await codeOf(host.workflows.reruns.preview(ACME, id, { from: 'x' }))).toBe('step_not_found')
  expect((await host.workflows.list(ACME)).runs).toHaveLength(1)
})

it.each([
  ['an input that the schema refuses', { hasInput: true, input: { n: 'two' } }],
  ['an id that is none', { id: 'in valid' }],
  ['a result that JSON cannot hold', { from: 'b#1', results: { 'a#1': 1n } }],
  ['a result of what is not kept', { from: 'b#1', results: { 'b#1': 'B' } }],
])('previews %s as the rerun refuses it', async (_what, request) => {
  const { host, id } = await ended
  const { reruns } = host.workflows
  const said = (work: Promise<unknown>) => work.catch(({ code, message, details }) => ({ code, message, details }))
  const refused = await said(reruns.start(ACME, id, request))
  expect(refused).toMatchObject({ code: expect.stringMatching(/_invalid$/) })
  expect(await said(reruns.preview(ACME, id, request))).toEqual(refused)
})

const ended = (async () => {
  const host = await openHost({ workflows: [three().flow] })
  return { host, id: (await host.ended(await host.start('three'))).id }
})()

it('accepts a rerun once for its id or key, and of a run that has ended only', async () => {
  const { flow } = three()
  const nap = workflow({ name: 'nap', input: empty }, (ctx) => ctx.waitFor(go))
  const host = await openHost({ workflows: [flow, nap] })
  const { id } = await host.ended(await host.start('three'))
  const one = await host.workflows.reruns.start(ACME, id, { idempotencyKey: 'k', from: 'b#1' })
  expect(await host.workflows.reruns.start(ACME, id, { idempotencyKey: 'k', from: 'b#1' })).toMatchObject({
    ...{ isNew: false, run: { id: one.run.id } },
  })
  expect(await codeOf(host.workflows.reruns.start(ACME, id, { idempotencyKey: 'k' }))).toBe('idempotency_key_reused')
  const live = await host.start('nap')
  expect(await codeOf(host.workflows.reruns.start(ACME, live))).toBe('run_not_ended')
  expect(await codeOf(host.workflows.reruns.preview(ACME, live))).toBe('run_not_ended')
  expect(await codeOf(host.workflows.reruns.start(ACME, 'nobody'))).toBe('run_not_found')
})

it('waits, sleeps and starts again what was open between the results that are kept', async () => {
  const ran: string[] = []
  const kid = workflow({ name: 'kid', input: empty }, async (ctx) => ctx.step('inner', () => ran.push('inner')))
  const flow = workflow({ name: 'between', input: empty }, async (ctx) => {
    const slow = ctx.all({
      got: ctx.waitFor(go),
      nap: ctx.sleep('nap', 60_000),
      kid: ctx.child('kid', kid, {}),
      work: ctx.step('work', () => {
        ran.push('work')
        return new Promise((resolve) => ends.push(resolve))
      }),
    })
    const quick = await ctx.step('quick', () => 'quick')
    await ctx.step('last', () => ran.push('last'))
    void slow.then(undefined, () => undefined)
    return [quick, (await ctx.race({ got: ctx.waitFor(event('end', z.null())), slow })).key]
  })
  const ends: ((value: unknown) => void)[] = []
  const host = await openHost({ workflows: [flow, kid] })
  const origin = await host.start('between')
  await until(() => ran.includes('last'))
  await host.workflows.terminate(ACME, origin)
  const { run } = await host.workflows.reruns.start(ACME, origin, { from: 'last#1' })
  await until(() => ran.filter((name) => name === 'last').length === 2)
  await until(() => ran.filter((name) => name === 'work').length === 2)
  await until(() => ran.filter((name) => name === 'inner').length === 2)
  await host.workflows.send(ACME, { name: 'go', payload: 3 })
  const steps = await host.workflows.steps(ACME, run.id)
  const nap = steps.find(({ identity }) => identity === 'nap#1')
  expect(nap?.dueAtMs).toBeGreaterThan((nap?.askedAtMs ?? 0) + 50_000)
  expect(nap).toMatchObject({ status: 'open' })
  expect(steps.find(({ identity }) => identity === 'go#1')).toMatchObject({ status: 'completed', result: 3 })
  expect(steps.find(({ kind }) => kind === 'child')?.child).not.toBe(
    (await host.workflows.steps(ACME, origin)).find(({ kind }) => kind === 'child')?.child,
  )
  await host.workflows.send(ACME, { name: 'end', payload: null })
  expect((await host.ended(run.id)).output).toEqual(['quick', 'got'])
})

it('compensates what it has kept under the key of who did it, though it is cancelled before it begins', async () => {
  const keys: string[] = []
  const flow = workflow({ name: 'saga', input: empty }, async (ctx) => {
    await ctx.step('charge', (a) => void keys.push(a.idempotencyKey), {
      compensate: async (_, { idempotencyKey }) => void keys.push(idempotencyKey),
    })
    await ctx.step('ship', () => 1)
    return 'done'
  })
  const first = await openHost({ workflows: [flow] })
  const { id } = await first.ended(await first.start('saga'))
  await first.close()
  const second = await openHost({ workflows: [], dataPath: first.dataPath })
  expect(await codeOf(second.workflows.reruns.start(ACME, id))).toBe('workflow_unknown')
  await second.close()
  const third = await openHost({ workflows: [flow], dataPath: first.dataPath })
  const asked = third.workflows.reruns.start(ACME, id, { from: 'ship#1', id: 'again' })
  // It may be faster than the cancellation.
  const cancelled = asked.then(() => codeOf(third.workflows.cancel(ACME, 'again')))
  expect(['ok', 'run_ended']).toContain(await cancelled)
  const { status } = await third.ended('again')
  expect(keys).toEqual(status === 'cancelled' ? [keys[0], keys[0]] : [keys[0]])
})

it('runs a step again whose compensation began, and all behind it; blocks when the code asks for something else', async () => {
  const ran: string[] = []
  const flow = (extra: boolean) =>
    workflow({ name: 'undone', input: empty }, async (ctx) => {
      await ctx.step('free', () => ran.push('free'))
      await ctx.step('book', () => ran.push('book'), { compensate: async (c) => void (await c.step('undo', () => 1)) })
      if (extra) await ctx.sleep('new', 1)
      await ctx.step('pay', () => ran.push('pay'))
      throw new Error('no')
    })
  const first = await openHost({ workflows: [flow(false)] })
  const { id } = await first.ended(await first.start('undone'))
  expect(await first.workflows.reruns.preview(ACME, id, { from: 'pay#1' })).toMatchObject({
    kept: [{ identity: 'free#1' }],
    again: [{ identity: 'book#1' }, { identity: 'pay#1' }],
  })
  const { run } = await first.workflows.reruns.start(ACME, id, { from: 'pay#1' })
  await first.ended(run.id)
  expect(ran).toEqual(['free', 'book', 'pay', 'book', 'pay'])
  expect(await codeOf(first.workflows.reruns.start(ACME, id, { from: 'compensate[book%231]/undo#1' }))).toBe(
    'argument_invalid',
  )
})

it('blocks a rerun whose code asks for something else than what it keeps', async () => {
  const body = (name: string) =>
    workflow({ name: 'changed', input: empty }, async (ctx) => [
      await ctx.step(name, () => name),
      await ctx.step('b', () => 'b'),
    ])
  const first = await openHost({ workflows: [body('old')] })
  const { id } = await first.ended(await first.start('changed'))
  await first.close()
  const second = await openHost({ workflows: [body('new')], dataPath: first.dataPath })
  const { run } = await second.workflows.reruns.start(ACME, id, { from: 'b#1' })
  await until(
    async () => (await second.workflows.get(ACME, run.id)).blockedReason?.startsWith('workflow_changed') === true,
  )
})

it('keeps nothing behind a cancellation, and no loser whose undoing is not kept as a whole', () => {
  const step = (seq: number, identity: string, askedAfter: number, more: object = {}) => ({
    ...({ seq, identity, kind: 'step', completion: seq, askedAfter, undoneAfter: undefined } as const),
    ...more,
  })
  const steps = [
    step(1, 'lost#1', 0, { undoneAfter: 2 }),
    step(2, 'won#1', 0),
    step(3, 'compensate[lost%231]/undo#1', 2),
    step(4, 'next#1', 2),
    step(5, 'last#1', 4),
  ]
  const planned = (from: string, cancelledAfter?: number) => planRerun({ id: 'r', steps, cancelledAfter }, from)
  expect(planned('last#1').kept.map(({ seq }) => seq)).toEqual([1, 2, 3, 4])
  expect(planned('next#1')).toMatchObject({ after: 0, recordedCount: 0, kept: [] })
  expect(planned('next#1').again.map(({ seq }) => seq)).toEqual([1, 2, 4, 5])
  expect(planned('last#1', 3).after).toBe(3)
})
