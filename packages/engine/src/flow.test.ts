/** Limits of workflows: how many runs are at work at a time (WORKFLOWS 30), and of which only one may be (WORKFLOWS 32). */
import { event, workflow } from '@tenax/workflow'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { ACME, codeOf, hostMaker, macrotasks, type OpenHost, SteppedClock, until } from './fixtures/test-bed.ts'
import { KEPT_KEY_MS } from './limits.ts'
import { dropKeptKeys, keepKey } from './store/kept-keys.ts'

const openHost = hostMaker()
const input = z.object({ key: z.string() })
const go = event('go', z.null())

/** A gate that steps wait at, and how many do. */
function turnstile() {
  const waiting: { readonly name: string; readonly open: () => void }[] = []
  return {
    names: () => waiting.map(({ name }) => name),
    pass: (name: string) =>
      new Promise<void>((resolve) => {
        waiting.push({ name, open: resolve })
      }),
    /** Lets the one through that came first. */
    next: () => waiting.shift()?.open(),
  }
}

const statusOf = async (host: OpenHost, run: string) => (await host.workflows.get(ACME, run)).status
const slotOf = async (host: OpenHost, run: string) => (await host.workflows.get(ACME, run)).slot

it('has as many runs of a key at work as it may, in their order, and says who waits behind how many', async () => {
  const gate = turnstile()
  const narrow = workflow(
    { name: 'narrow', input, limits: { concurrency: { max: 2, key: (of) => of.key } } },
    async (ctx) => ctx.step('work', () => gate.pass(ctx.run.id)),
  )
  const host = await openHost({ workflows: [narrow] })
  const runs = ['a1', 'a2', 'a3', 'a4']
  for (const id of runs) await host.start('narrow', { key: 'a' }, id)
  await host.start('narrow', { key: 'b' }, 'b1')
  await until(() => gate.names().length === 3)
  await macrotasks(20)
  expect(gate.names().sort()).toEqual(['a1', 'a2', 'b1'])
  expect([await slotOf(host, 'a3'), await slotOf(host, 'a4')]).toEqual([
    { key: 'a', aheadCount: 0 },
    { key: 'a', aheadCount: 1 },
  ])
  expect([await slotOf(host, 'a1'), await statusOf(host, 'a3')]).toEqual([undefined, 'queued'])
  gate.next()
  await until(() => gate.names().includes('a3'))
  await host.workflows.terminate(ACME, 'a2')
  await until(() => gate.names().includes('a4'))
  while (gate.names().length > 0) gate.next()
  for (const id of ['a3', 'a4', 'b1']) expect((await host.ended(id)).status).toBe('completed')
})

it.each([
  ['active', ['first', 'second'], ['first', 'second', 'first', 'second']],
  ['run', ['first'], ['first', 'first', 'second', 'second']],
] as const)('holds a slot while it is %s', async (holds, atRest, inAll) => {
  const worked: string[] = []
  const halves = workflow(
    { name: 'halves', input, limits: { concurrency: { max: 1, key: (of) => of.key, holds } } },
    async (ctx) => {
      await ctx.step('one half', () => void worked.push(ctx.run.id))
      await ctx.waitFor(go)
      await ctx.step('other half', () => void worked.push(ctx.run.id))
    },
  )
  const host = await openHost({ workflows: [halves] })
  for (const id of ['first', 'second']) await host.start('halves', { key: 'a' }, id)
  await until(async () => (await host.workflows.steps(ACME, atRest.at(-1) ?? '')).some(({ kind }) => kind === 'wait'))
  await macrotasks(20)
  expect(worked).toEqual(atRest)
  for (const run of ['first', 'second']) {
    await until(async () => (await host.workflows.steps(ACME, run)).some(({ kind }) => kind === 'wait'))
    await host.workflows.send(ACME, { name: 'go', run, payload: null })
    await host.ended(run)
  }
  expect(worked).toEqual(inAll)
})

it('a run whose sleep is over waits for a slot, and goes on with it', async () => {
  const clock = new SteppedClock()
  const gate = turnstile()
  const sleepy = workflow({ name: 'sleepy', input, limits: { concurrency: { max: 1 } } }, async (ctx, { key }) => {
    if (key === 'sleeps') await ctx.sleep('nap', '20s')
    await ctx.step('work', () => gate.pass(ctx.run.id))
  })
  const host = await openHost({ workflows: [sleepy], clock })
  await host.start('sleepy', { key: 'sleeps' }, 'sleeper')
  await until(async () => (await statusOf(host, 'sleeper')) === 'waiting')
  await host.start('sleepy', { key: 'works' }, 'worker')
  await until(() => gate.names().length === 1)
  clock.advance(20_000)
  await until(async () => (await slotOf(host, 'sleeper')) !== undefined)
  expect(gate.names()).toEqual(['worker'])
  gate.next()
  await until(() => gate.names().length === 1)
  expect(gate.names()).toEqual(['sleeper'])
  gate.next()
  expect((await host.ended('sleeper')).status).toBe('completed')
})

it('loses no slot and nobody in the queue when the host dies', async () => {
  const gate = turnstile()
  const narrow = workflow({ name: 'narrow', input, limits: { concurrency: { max: 1 } } }, async (ctx) => {
    await ctx.step('work', () => gate.pass(ctx.run.id))
  })
  const first = await openHost({ workflows: [narrow] })
  const runs = ['r1', 'r2', 'r3']
  for (const id of runs) await first.start('narrow', { key: 'a' }, id)
  await until(() => gate.names().length === 1)
  await first.close()
  gate.next()
  const second = await openHost({ workflows: [narrow], dataPath: first.dataPath })
  for (const id of runs) {
    await until(() => gate.names().length === 1)
    expect(gate.names()).toEqual([id])
    gate.next()
    await second.ended(id)
  }
})

it('a run that goes on with continueAs keeps its slot, and one whose key is refused fails', async () => {
  const begun: string[] = []
  const key = (of: { readonly key: string }) => {
    if (of.key === 'bad') throw new Error('no such key')
    return 'all'
  }
  const loop = workflow({ name: 'loop', input, limits: { concurrency: { max: 1, key } } }, async (ctx, of) => {
    await ctx.step('work', () => void begun.push(of.key))
    if (of.key !== 'last') ctx.continueAs({ key: of.key === 'one' ? 'two' : of.key === 'two' ? 'bad' : 'last' })
  })
  const host = await openHost({ workflows: [loop] })
  await Promise.all([host.start('loop', { key: 'one' }, 'first'), host.start('loop', { key: 'last' }, 'other')])
  await host.ended('other')
  expect(begun).toEqual(['one', 'two', 'last'])
  const successor = (await host.workflows.get(ACME, 'first')).successor ?? ''
  expect(await host.ended(successor)).toMatchObject({ status: 'failed', error: { code: 'limit_key_invalid' } })
  expect(await codeOf(host.start('loop', { key: 'bad' }))).toBe('limit_key_invalid')
  expect((await host.workflows.list(ACME)).runs.length).toBe(3)
})

it.each([
  ['a number', () => 7 as never],
  ['no text', () => ''],
  ['too long a text', () => 'x'.repeat(256)],
  ['an error', () => expect.fail('made up')],
])('refuses a start whose key is %s, and nothing else', async (_what, key) => {
  const odd = workflow({ name: 'odd', input, limits: { singleton: { key, onConflict: 'reject' } } }, async () => 1)
  const plain = workflow({ name: 'plain', input }, async () => 2)
  const host = await openHost({ workflows: [odd, plain] })
  expect(await codeOf(host.start('odd', { key: 'a' }))).toBe('limit_key_invalid')
  expect((await host.ended(await host.start('plain', { key: 'a' }))).output).toBe(2)
})

const single = (onConflict: 'existing' | 'cancel_other' | 'reject') =>
  workflow({ name: 'single', input, limits: { singleton: { key: (of) => of.key, onConflict } } }, async (ctx) =>
    ctx.waitFor(go),
  )
const started = (host: OpenHost, key: string, idempotencyKey?: string) =>
  host.workflows.start(ACME, {
    workflow: 'single',
    input: { key },
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
  })

it("answers the start of a singleton with the run that is there, also when that start is repeated after the run's end", async () => {
  const host = await openHost({ workflows: [single('existing')] })
  const { run } = await started(host, 'a')
  const again = await started(host, 'a', 'second')
  const other = await started(host, 'b')
  expect([again.run.id, again.isNew, other.isNew]).toEqual([run.id, false, true])
  await host.workflows.send(ACME, { name: 'go', run: run.id, payload: null })
  await host.ended(run.id)
  expect((await started(host, 'a', 'second')).run).toMatchObject({ id: run.id, status: 'completed' })
  expect((await started(host, 'a')).isNew).toBe(true)
})

it('refuses the start of a singleton by name, also while the run is blocked', async () => {
  const first = await openHost({ workflows: [single('reject')] })
  const { run } = await started(first, 'a')
  await first.close()
  const changed = workflow({ ...single('reject').def, name: 'single', input }, async (ctx) => ctx.sleep('other', '1h'))
  const second = await openHost({ workflows: [changed], dataPath: first.dataPath })
  await second.workflows.send(ACME, { name: 'go', run: run.id, payload: null })
  await until(async () => (await second.workflows.get(ACME, run.id)).blockedReason !== undefined)
  const refused = second.workflows.start(ACME, { workflow: 'single', input: { key: 'a' } })
  await expect(refused).rejects.toMatchObject({ code: 'singleton_conflict', details: { run: run.id } })
})

it('asks the other run of a singleton to end, and begins', async () => {
  const host = await openHost({ workflows: [single('cancel_other')] })
  const { run } = await started(host, 'a')
  const next = await started(host, 'a')
  expect(next.isNew).toBe(true)
  expect((await host.ended(run.id)).status).toBe('cancelled')
  expect((await host.workflows.get(ACME, next.run.id)).endedAtMs).toBeUndefined()
})

it('a child that would have to be another run fails, and its parent hears which', async () => {
  const child = single('existing')
  const parent = workflow({ name: 'parent', input }, async (ctx, of) =>
    ctx.child('kid', child, of).catch((error) => error.code),
  )
  const host = await openHost({ workflows: [child, parent] })
  await started(host, 'a')
  expect((await host.ended(await host.start('parent', { key: 'a' }))).output).toBe('singleton_conflict')
})

it('an idempotency key outlives its run by seven days', async () => {
  const clock = new SteppedClock()
  const host = await openHost({ workflows: [single('existing')], clock })
  const { run } = await started(host, 'a', 'key')
  const sweep = async (remove: boolean) =>
    host.tenancy.use(ACME, (handle) =>
      handle.commit((file) => {
        if (!remove) return dropKeptKeys(file, { nowMs: clock.nowMs(), limit: 10 })
        keepKey(file, 1, clock.nowMs() - KEPT_KEY_MS + 1)
        for (const table of ['run', 'step']) file.engine(`DELETE FROM tenax_${table}`).get()
        return 0
      }),
    )
  await sweep(true)
  expect(await sweep(false)).toBe(0)
  expect(await started(host, 'a', 'key')).toMatchObject({ isNew: false, run: { id: run.id, workflow: 'single' } })
  expect(await codeOf(started(host, 'b', 'key'))).toBe('idempotency_key_reused')
  clock.advance(1)
  const later = await started(host, 'a', 'key')
  expect([later.isNew, later.run.id === run.id]).toEqual([true, false])
  expect(await sweep(false)).toBe(1)
})

it('a schedule skips the firing of a singleton that has a run, and its trigger is refused by name', async () => {
  const clock = new SteppedClock()
  const host = await openHost({ workflows: [single('existing')], clock })
  const { run } = await started(host, 'a')
  const { schedules } = host.workflows
  await schedules.put(ACME, 'often', { workflow: 'single', input: { key: 'a' }, everyMs: 60_000, overlap: 'allow' })
  expect(await codeOf(schedules.trigger(ACME, 'often'))).toBe('singleton_conflict')
  clock.advance(60_000)
  await until(async () => (await schedules.get(ACME, 'often')).skippedAtMs !== undefined)
  expect((await host.workflows.list(ACME)).runs.map(({ id }) => id)).toEqual([run.id])
})
