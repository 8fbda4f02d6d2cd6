import { event, workflow } from '@tenax/workflow'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { ACME, codeOf, hostMaker, until } from './fixtures/test-bed.ts'

const open = hostMaker()
const input = z.unknown()
const go = event('go', z.object({ by: z.string() }))

/** Waits, and then says which code it is. */
function code(says: string) {
  return workflow({ name: 'code', input }, async (ctx) => {
    const { by } = (await ctx.waitFor(go)) ?? { by: 'nobody' }
    return `${says} by ${by}`
  })
}

test('reload gives runs that wait, and new ones, the new code, and leaves the handles alone', async () => {
  const host = await open({ workflows: [code('old')] })
  const [first, second] = [await host.start('code'), await host.start('code')]
  await host.workflows.send(ACME, { name: 'go', run: first, payload: { by: 'Ada' } })
  expect(await host.ended(first)).toMatchObject({ output: 'old by Ada' })
  const held = await host.tenancy.use(ACME, async (handle) => handle)
  host.workflows.reload({ workflows: [code('new')], events: [go] })
  await host.workflows.send(ACME, { name: 'go', run: second, payload: { by: 'Lin' } })
  expect(await host.ended(second)).toMatchObject({ output: 'new by Lin' })
  expect(await host.tenancy.use(ACME, async (handle) => handle)).toBe(held)
  const refused = host.workflows.send(ACME, { name: 'go', payload: { by: 7 } })
  await expect(refused).rejects.toMatchObject({ code: 'input_invalid', details: { issues: [{ path: ['by'] }] } })
})

test('a step in flight is aborted by a reload, and run again by the new code, once', async () => {
  const began: string[] = []
  const slow = (says: string, wait: (signal: AbortSignal) => Promise<unknown>) =>
    workflow({ name: 'slow', input }, (ctx) =>
      ctx.step('work', async ({ signal, number }) => {
        began.push(`${says} ${number}`)
        await wait(signal)
        return says
      }),
    )
  const aborted = (signal: AbortSignal) =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))
  const host = await open({ workflows: [slow('old', aborted)] })
  const run = await host.start('slow')
  await until(() => began.length === 1)
  host.workflows.reload({ workflows: [slow('new', async () => undefined)], events: [] })
  expect(await host.ended(run)).toMatchObject({ output: 'new' })
  expect(began).toEqual(['old 1', 'new 1'])
})

test('a blocked run is tried again at a reload, also when only code that its function calls is new', async () => {
  let word = 'other'
  const flow = workflow({ name: 'flow', input }, async (ctx) => {
    await ctx.sleep(word, 1)
    await ctx.waitFor(go)
    return 'done'
  })
  word = 'word'
  const first = await open({ workflows: [flow] })
  const run = await first.start('flow')
  await until(async () => (await first.workflows.get(ACME, run)).status === 'waiting')
  await first.close()
  word = 'changed'
  const host = await open({ workflows: [flow], dataPath: first.dataPath })
  await host.workflows.send(ACME, { name: 'go', run, payload: { by: 'Ada' } })
  await until(() => host.events.some(({ type }) => type === 'run_blocked'))
  word = 'word'
  host.workflows.reload({ workflows: [flow], events: [] })
  expect(await host.ended(run)).toMatchObject({ output: 'done' })
})

test('definitions that do not go together change nothing', async () => {
  const host = await open({ workflows: [code('old')] })
  for (const bad of [
    { workflows: [code('a'), code('b')], events: [] },
    { workflows: [], events: [go, event('go', z.string())] },
  ]) {
    expect(() => host.workflows.reload(bad)).toThrow(expect.objectContaining({ code: 'config_invalid' }))
  }
  host.workflows.reload({ workflows: [code('old')], events: [go, go] })
  expect(host.workflows.names()).toEqual(['code'])
})

test('an event that a run sends is checked by its schema, and given as the schema gives it back', async () => {
  const withDefault = event('note', z.object({ text: z.string().default('nothing') }))
  const sender = workflow({ name: 'sender', input: z.object({ payload: z.any() }) }, (ctx, { payload }) =>
    ctx.send('tell', withDefault, { key: 'k' }, payload),
  )
  const host = await open({ workflows: [sender] })
  host.workflows.reload({ workflows: [sender], events: [withDefault] })
  const bad = await host.start('sender', { payload: { text: 7 } })
  expect(await host.ended(bad)).toMatchObject({ status: 'failed', error: { code: 'input_invalid' } })
  expect(await host.ended(await host.start('sender', { payload: {} }))).toMatchObject({ status: 'completed' })
  expect(await host.sql('select payload from tenax_event')).toEqual([['{"text":"nothing"}']])
  host.workflows.reload({ workflows: [sender], events: [] })
  expect(await host.ended(await host.start('sender', { payload: 7 }))).toMatchObject({ status: 'completed' })
  expect(await codeOf(host.workflows.send(ACME, { name: 'note', payload: 1n }))).toBe('argument_invalid')
})

test('with checksReplay a function that does not do the same again is blocked behind the commit that shows it', async () => {
  let calls = 0
  const fickle = workflow({ name: 'fickle', input }, async (ctx) => {
    calls += 1
    await ctx.tx('first', () => 1)
    await ctx.sleep(`sleep ${calls}`, '1h')
  })
  const steady = workflow({ name: 'steady', input }, async (ctx) => {
    await ctx.tx('first', () => 1)
    const draw = ctx.random()
    const [one, two] = await ctx.all([ctx.step('a', () => 1), async (c) => c.step('b', () => draw < 2)])
    await ctx.sleep('a while', 1)
    return { one, two }
  })
  const host = await open({ workflows: [fickle, steady], checksReplay: true })
  expect(await host.ended(await host.start('steady'))).toMatchObject({ output: { one: 1, two: true } })
  const run = await host.start('fickle')
  await until(() => host.events.some(({ type }) => type === 'run_blocked'))
  const { blockedReason, status } = await host.workflows.get(ACME, run)
  expect(blockedReason).toMatch(/^workflow_changed: recorded .*"sleep \d#1"; asked for /)
  expect(status).not.toBe('failed')
})

test('what is put aside stays so while its workflow is not loaded: that is no other code', async () => {
  const before = workflow({ name: 'flow', input }, async (ctx) => {
    await ctx.waitFor(go, { key: 'a' })
    await ctx.waitFor(go, { key: 'never' })
  })
  const changed = workflow({ name: 'flow', input }, async (ctx) => {
    await ctx.waitFor(go, { key: 'b' })
  })
  const first = await open({ workflows: [before] })
  const run = await first.start('flow')
  await first.close()
  const second = await open({ workflows: [changed], dataPath: first.dataPath })
  await second.workflows.send(ACME, { name: 'go', key: 'a', payload: { by: 'Ada' } })
  const reasonIn = async (host: typeof second) => (await host.workflows.get(ACME, run)).blockedReason
  await until(async () => (await reasonIn(second)) !== undefined)
  const reason = await reasonIn(second)
  expect(reason).toMatch(/^workflow_changed: /)
  await second.close()
  const third = await open({ workflows: [], dataPath: first.dataPath })
  // Its own commit, and what that lets go of, come before what is asked behind it.
  for (let index = 0; index < 3; index += 1) await third.workflows.send(ACME, { name: 'other', payload: index })
  expect(await reasonIn(third)).toBe(reason)
  await third.close()
  const fourth = await open({ workflows: [before], dataPath: first.dataPath })
  await fourth.workflows.send(ACME, { name: 'other', payload: 'look now, not in a minute' })
  await until(async () => (await reasonIn(fourth)) === undefined)
})
