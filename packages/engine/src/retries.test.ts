/** WORKFLOWS 21 and 23: runs that are tried again under their own ids, and compensations that are skipped. */
import { event, workflow } from '@tenax/workflow'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { ACME, codeOf, hostMaker, type OpenHost, until } from './fixtures/test-bed.ts'

const openHost = hostMaker()
const empty = z.object({})
const go = event('go', z.null())

const once = { retry: false } as const
const identities = async (host: OpenHost, run: string) =>
  (await host.workflows.steps(ACME, run)).map(({ identity, status }) => `${identity} ${status}`)
const isBlocked = (host: OpenHost, run: string) => async () =>
  (await host.workflows.get(ACME, run)).blockedReason !== undefined

/** A switch that tests turn, and what ran with which key. */
function world() {
  const ran: string[] = []
  const keys = new Set<string>()
  const broken = new Set<string>()
  const act = (name: string) => (attempt: { readonly idempotencyKey: string }) => {
    ran.push(name)
    if (broken.has(name)) throw new Error(`${name} is broken`)
    keys.add(`${name} ${attempt.idempotencyKey}`)
    return name
  }
  return { ran, keys, broken, act }
}

it('asks for the failed operation again under the same id and key, and keeps what was recorded before', async () => {
  const { ran, keys, broken, act } = world()
  broken.add('charge')
  const flow = workflow({ name: 'pay', input: empty }, async (ctx) => {
    await ctx.tx('once', (db) => db.run('CREATE TABLE paid (a)').changes)
    const note = await ctx.step('note', act('note'))
    ctx.emit('before')
    const charged = await ctx
      .step('charge', (a) => act('charge')(a), once)
      .catch(async (error) => {
        ctx.emit('sorry')
        await ctx.step('apologise', act('apologise'))
        throw new Error('not paid', { cause: error })
      })
    return [note, charged]
  })
  const first = await openHost({ workflows: [flow] })
  const run = await first.start('pay')
  expect((await first.ended(run)).error).toMatchObject({ message: 'not paid' })
  broken.delete('charge')
  const retried = first.workflows.retry(ACME, run)
  await Promise.all([retried, first.close()])
  expect(await retried).toMatchObject({ id: run, endedAtMs: undefined })
  const second = await openHost({ workflows: [flow], dataPath: first.dataPath })
  expect((await second.ended(run)).output).toEqual(['note', 'charge'])
  expect(ran).toEqual(['note', 'charge', 'apologise', 'charge'])
  expect(await identities(second, run)).toEqual(['once#1 completed', 'note#1 completed', 'charge#1 completed'])
  expect([...keys].filter((key) => key.startsWith('charge'))).toHaveLength(1)
  const outputs = await second.workflows.outputs(ACME, run)
  expect(outputs.map(({ value, message }) => value ?? message)).toEqual([
    'before',
    'sorry',
    'tried again after it had failed with failed: not paid',
  ])
  expect(await codeOf(second.workflows.retry(ACME, run))).toBe('run_not_retryable')
})

it('keeps what ended behind the failure, and waits again for what the failure dropped', async () => {
  const { ran, broken, act } = world()
  broken.add('bad')
  const late = Promise.withResolvers<string>()
  const flow = workflow({ name: 'wide', input: empty }, (ctx) =>
    ctx.all({
      event: ctx.waitFor(go),
      nap: ctx.sleep('nap', 5),
      late: ctx.step('late', () => {
        ran.push('late')
        return late.promise
      }),
      bad: ctx.step('bad', act('bad'), once),
    }),
  )
  const host = await openHost({ workflows: [flow] })
  const run = await host.start('wide')
  expect((await host.ended(run)).status).toBe('failed')
  broken.clear()
  late.resolve('late')
  await host.workflows.send(ACME, { name: 'go', payload: null })
  await host.workflows.retry(ACME, run)
  expect((await host.ended(run)).output).toEqual({ event: null, nap: undefined, late: 'late', bad: 'bad' })
  expect(ran.filter((name) => name === 'bad')).toHaveLength(2)
})

it('does a tx again that had failed, and starts a child again that had failed', async () => {
  const { ran, broken, act } = world()
  broken.add('deep')
  const kid = workflow({ name: 'kid', input: empty }, (ctx) => ctx.step('deep', act('deep'), once))
  const flow = workflow({ name: 'both', input: z.object({ way: z.string() }) }, async (ctx, { way }) =>
    way === 'tx'
      ? ctx.tx('late', (db) => db.one<{ n: number }>('SELECT count(*) AS n FROM made').n)
      : ctx.child('kid', kid, {}),
  )
  const host = await openHost({ workflows: [flow, kid] })
  const inTx = await host.start('both', { way: 'tx' })
  const inChild = await host.start('both', { way: 'child' })
  expect((await host.ended(inTx)).status).toBe('failed')
  expect((await host.ended(inChild)).error).toMatchObject({ message: 'deep is broken' })
  const [step] = await host.workflows.steps(ACME, inChild)
  expect(await codeOf(host.workflows.retry(ACME, step?.child ?? ''))).toBe('parent_informed')
  await host.sql('CREATE TABLE made (a)')
  broken.clear()
  for (const run of [inTx, inChild]) await host.workflows.retry(ACME, run)
  expect((await host.ended(inTx)).output).toBe(0)
  expect((await host.ended(inChild)).output).toBe('deep')
  expect(ran).toEqual(['deep', 'deep'])
})

it('replays a run that failed by itself, which goes on with other code', async () => {
  const { ran, act } = world()
  const body = (isFixed: boolean) =>
    workflow({ name: 'buggy', input: empty }, async (ctx) => {
      const got = await ctx.step('work', act('work'))
      if (!isFixed) throw new Error('a bug')
      return [got, await ctx.step('more', act('more'))]
    })
  const first = await openHost({ workflows: [body(false)] })
  const run = await first.start('buggy')
  await first.ended(run)
  await first.workflows.retry(ACME, run)
  expect((await first.ended(run)).error).toMatchObject({ message: 'a bug' })
  await first.close()
  const second = await openHost({ workflows: [body(true)], dataPath: first.dataPath })
  await second.workflows.retry(ACME, run)
  expect((await second.ended(run)).output).toEqual(['work', 'more'])
  expect(ran).toEqual(['work', 'more'])
})

it('never tries again what has begun to be undone, with or without operations of its own', async () => {
  const { broken, act } = world()
  broken.add('bad')
  const flow = workflow({ name: 'saga', input: z.object({ how: z.string() }) }, async (ctx, { how }) => {
    const compensate = async (inner: typeof ctx) => void (how === 'step' && (await inner.step('undo', act('undo'))))
    if (how === 'dropped') {
      await ctx.all([
        ctx.step('bad', act('bad'), once),
        ctx.step('slow', () => new Promise(() => undefined), { compensate }),
      ])
    }
    await ctx.step('good', act('good'), { compensate })
    await ctx.step('bad', act('bad'), once)
  })
  const host = await openHost({ workflows: [flow] })
  for (const how of ['step', 'silent', 'dropped']) {
    const run = await host.start('saga', { how })
    expect((await host.ended(run)).status).toBe('failed')
    expect([how, await codeOf(host.workflows.retry(ACME, run))]).toEqual([how, 'already_compensated'])
  }
})

/** Undoes three steps; undoing the second fails. */
function stuckSaga({ act }: ReturnType<typeof world>) {
  return workflow({ name: 'stuck', input: empty }, async (ctx) => {
    const undo = (name: string) => ({
      compensate: async (inner: typeof ctx) => {
        await inner.tx(`row ${name}`, (db) => db.run('INSERT INTO undone VALUES (?)', name).changes)
        await inner.step(`undo ${name}`, act(`undo ${name}`), once)
      },
    })
    for (const name of ['a', 'b', 'c']) await ctx.step(name, act(name), undo(name))
    throw new Error('no')
  })
}

async function stuckRun() {
  const all = world()
  all.broken.add('undo b')
  const flow = stuckSaga(all)
  const host = await openHost({ workflows: [flow] })
  await host.sql('CREATE TABLE undone (a)')
  const run = await host.start('stuck')
  await until(isBlocked(host, run))
  return { ...all, flow, host, run, rows: async () => (await host.sql('SELECT a FROM undone')).map(([a]) => a) }
}

it('goes on with a compensation that is stuck when it is retried, behind a restart, and undoes nothing twice', async () => {
  const { host, run, flow, ran, broken } = await stuckRun()
  expect((await host.workflows.get(ACME, run)).blockedReason).toMatch(/^compensation_stuck: .*b#1/)
  await host.workflows.retry(ACME, run)
  await until(isBlocked(host, run))
  broken.clear()
  const asked = host.workflows.retry(ACME, run)
  await Promise.all([asked, host.close()])
  const second = await openHost({ workflows: [flow], dataPath: host.dataPath })
  expect((await second.ended(run)).error).toMatchObject({ message: 'no' })
  expect(ran.slice(3)).toEqual(['undo c', 'undo b', 'undo b', 'undo b', 'undo a'])
  expect((await second.sql('SELECT a FROM undone')).map(([a]) => a)).toEqual(['c', 'b', 'a'])
  expect(await codeOf(second.workflows.retry(ACME, run))).toBe('already_compensated')
  expect(await codeOf(second.workflows.skip(ACME, run))).toBe('run_ended')
})

it('goes on without a compensation that is skipped, and skips no other when asked again', async () => {
  const { host, run, ran, rows, broken } = await stuckRun()
  expect(await codeOf(host.workflows.skip(ACME, run, { step: 'a#1' }))).toBe('run_not_stuck')
  broken.add('undo a')
  await host.workflows.skip(ACME, run, { step: 'b#1' })
  await until(isBlocked(host, run))
  expect((await host.workflows.get(ACME, run)).blockedReason).toMatch(/a#1/)
  await host.workflows.skip(ACME, run, { step: 'b#1' })
  expect((await host.workflows.get(ACME, run)).blockedReason).toMatch(/a#1/)
  await host.workflows.skip(ACME, run)
  expect((await host.ended(run)).status).toBe('failed')
  expect(ran.slice(3)).toEqual(['undo c', 'undo b', 'undo a'])
  expect(await rows()).toEqual(['c', 'b', 'a'])
})

it('refuses to retry a compensation that went on behind its failure, and lets it be skipped', async () => {
  const { broken, act } = world()
  broken.add('refund')
  const flow = workflow({ name: 'noted', input: empty }, async (ctx) => {
    await ctx.step('charge', act('charge'), {
      compensate: async (inner) => {
        await inner.step('refund', act('refund'), once).catch(async (error) => {
          await inner.step('tell', act('tell'))
          throw error
        })
      },
    })
    throw new Error('no')
  })
  const host = await openHost({ workflows: [flow] })
  const run = await host.start('noted')
  await until(isBlocked(host, run))
  expect(await codeOf(host.workflows.retry(ACME, run))).toBe('run_not_retryable')
  await host.workflows.skip(ACME, run)
  expect((await host.ended(run)).status).toBe('failed')
})

it('tries a blocked run again at once, and neither a held one nor one that goes on', async () => {
  const body = (name: string) =>
    workflow({ name: 'changing', input: empty }, async (ctx) => {
      await ctx.step(name, () => name)
      await ctx.waitFor(go)
      return name
    })
  const first = await openHost({ workflows: [body('old')] })
  const run = await first.start('changing')
  await until(async () => (await identities(first, run)).length === 2)
  const before = await first.workflows.get(ACME, run)
  expect(await first.workflows.retry(ACME, run)).toMatchObject({ status: before.status })
  expect(await codeOf(first.workflows.skip(ACME, run))).toBe('run_not_stuck')
  await first.close()
  const second = await openHost({ workflows: [body('new')], dataPath: first.dataPath })
  await second.workflows.send(ACME, { name: 'go', run, payload: null })
  await until(isBlocked(second, run))
  await second.workflows.retry(ACME, run)
  await until(() => second.events.length === 2)
  expect(await second.workflows.get(ACME, run)).toMatchObject({
    blockedReason: expect.stringMatching(/^workflow_changed/),
  })
  const cancelled = await second.start('changing')
  await second.workflows.terminate(ACME, cancelled)
  expect(await codeOf(second.workflows.retry(ACME, cancelled))).toBe('run_not_retryable')
})
