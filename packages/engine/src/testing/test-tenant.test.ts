/** `tenax/testing` itself: its clock, its mocks, its crashes. */
import { readFile } from 'node:fs/promises'
import { event, NonRetryableError, StepError, workflow } from '@tenax/workflow'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { RunFailed } from './run-end.ts'
import { openTenant, testTenant } from './test-tenant.ts'

const paid = event('paid', z.object({ amount: z.number() }))
const unmocked = async (): Promise<string> => expect.unreachable()
const anything = z.object({})
const sql = 'create table invoice (id text primary key, state text)'

const reminders = workflow(
  { name: 'reminders', input: z.object({ invoice: z.string() }) },
  async (ctx, { invoice }) => {
    await ctx.tx('open', (db) => db.run('insert into invoice (id, state) values (?, ?)', invoice, 'open').changes)
    for (let round = 0; round < 3; round += 1) {
      const got = await ctx.waitFor(paid, { key: invoice, timeout: '7d' })
      if (got !== undefined) {
        await ctx.tx('close', (db) => db.run('update invoice set state = ? where id = ?', 'paid', invoice).changes)
        return { paid: got.amount, at: ctx.now() }
      }
      await ctx.step('remind', unmocked, { key: `${invoice}/${round}` })
      ctx.emit({ reminded: round })
    }
    return { paid: 0, at: ctx.now() }
  },
)

test('a run goes through weeks of waits while the test moves time', async () => {
  await using t = await testTenant({ workflows: [reminders], sql, now: new Date('2031-05-01T00:00:00Z') })
  t.mock('remind', ({ key }) => `reminder ${key}`)
  const run = await t.start(reminders, { invoice: 'i1' })
  await t.advance('15d')
  expect(t.calls('remind').map(({ key, attempt }) => [key, attempt])).toEqual([
    ['i1/0', 1],
    ['i1/1', 1],
  ])
  await t.send(paid, { amount: 12 }, { key: 'i1' })
  expect(await t.result(run)).toEqual({ paid: 12, at: Date.UTC(2031, 4, 16) })
  expect(await t.sql('select * from invoice where id = ?', 'i1')).toEqual([{ id: 'i1', state: 'paid' }])
  const { steps, outputs } = await t.run(run)
  expect(steps.map(({ kind, status }) => `${kind} ${status}`)).toEqual([
    'tx completed',
    'wait completed',
    'step completed',
    'wait completed',
    'step completed',
    'wait completed',
    'tx completed',
  ])
  expect(outputs.map(({ value }) => value)).toEqual([{ reminded: 0 }, { reminded: 1 }])
})

test('what is due runs in the order of its times, each to its end before the next', async () => {
  const order: string[] = []
  const nap = workflow({ name: 'nap', input: z.object({ ms: z.number() }) }, async (ctx, { ms }) => {
    await ctx.sleep('first', ms)
    order.push(`${ms} wakes`)
    await ctx.step('work', () => ms)
    await ctx.tx('write', () => ms)
    order.push(`${ms} ends`)
    return ctx.now()
  })
  await using t = await testTenant({ workflows: [nap], now: 0 })
  const runs = await Promise.all([30, 10, 20].map((ms) => t.start(nap, { ms })))
  await t.advance(25)
  expect(order).toEqual(['10 wakes', '10 ends', '20 wakes', '20 ends'])
  expect(t.nowMs).toBe(25)
  await expect(t.result(runs[0] ?? '')).rejects.toThrow('waits for sleep first#1 until 1970-01-01T00:00:00.030Z')
  await t.advance(5)
  expect(await Promise.all(runs.map((run) => t.result(run)))).toEqual([30, 10, 20])
})

describe('mocks', () => {
  const buy = workflow({ name: 'buy', input: anything }, async (ctx) => {
    try {
      return await ctx.step('charge', unmocked, {
        retry: { attempts: 3, first: '1h', max: '1d', jitter: false },
        timeout: '10m',
      })
    } catch (error) {
      if (!(error instanceof StepError)) throw error
      return `${error.code} ${error.attempts} ${JSON.stringify(error.data)}`
    }
  })

  test('fail attempts, which are tried again at their times, with one idempotency key', async () => {
    await using t = await testTenant({ workflows: [buy] })
    t.mock('charge', ({ number }) => {
      if (number < 3) throw new Error('declined')
      return number
    })
    const run = await t.start(buy, {})
    expect(t.calls()).toHaveLength(1)
    await t.advance('1h')
    expect(t.calls()).toHaveLength(2)
    await t.advance('2h')
    expect(await t.result(run)).toBe(3)
    expect(new Set(t.calls().map(({ idempotencyKey }) => idempotencyKey)).size).toBe(1)
  })

  test('say why there is no use in trying again', async () => {
    await using t = await testTenant({ workflows: [buy] })
    t.mock('charge', () => {
      throw new NonRetryableError('no such card', { code: 'card', data: { last4: '4242' } })
    })
    expect(await t.result(await t.start(buy, {}))).toBe('card 1 {"last4":"4242"}')
  })

  test('take time of the test, and are cut off by the timeout of their step', async () => {
    await using t = await testTenant({ workflows: [buy] })
    t.mock('charge', async ({ number, sleep, signal }) => {
      await sleep(number === 1 ? '1d' : '9m')
      return signal.aborted
    })
    const run = await t.start(buy, {})
    await t.advance('10m')
    expect((await t.run(run)).steps[0]?.error?.code).toBe('step_timeout')
    await t.advance('2h')
    expect(await t.result(run)).toBe(false)
  })

  test('are not needed: a step runs its own function, and the test waits for it', async () => {
    const real = workflow({ name: 'real', input: anything }, (ctx) =>
      ctx.step('read', () => readFile(new URL('index.ts', import.meta.url), 'utf8')),
    )
    await using t = await testTenant({ workflows: [real] })
    expect(await t.result(await t.start(real, {}))).toContain('testTenant')
  })
})

test('the failure of a run is thrown with its code, and so is its end by hand', async () => {
  const fails = workflow({ name: 'fails', input: anything }, async (ctx) => {
    await ctx.sleep('nap', '1d')
    throw new NonRetryableError('odd', { code: 'odd_input', data: [1] })
  })
  await using t = await testTenant({ workflows: [fails] })
  const [failing, cancelled, terminated] = [
    await t.start(fails, {}),
    await t.start(fails, {}),
    await t.start(fails, {}),
  ]
  await t.cancel(cancelled)
  await t.terminate(terminated)
  await t.advance('1d')
  const ends = [failing, cancelled, terminated].map((run) => t.result(run).catch((error: unknown) => error))
  expect(await Promise.all(ends)).toMatchObject([
    { code: 'odd_input', data: [1] },
    { code: 'cancelled' },
    { code: 'terminated' },
  ])
  expect(await ends[0]).toBeInstanceOf(RunFailed)
  await expect(t.result('nobody')).rejects.toMatchObject({ code: 'run_not_found' })
})

test('the same seed and hour give the same ids, and another seed gives others', async () => {
  const draws = workflow({ name: 'draws', input: anything }, async (ctx) => {
    await ctx.sleep('nap', '1h')
    return [ctx.run.id, ctx.now(), ctx.random(), ctx.uuid()]
  })
  const drawn = async (seed: string) => {
    await using t = await testTenant({ workflows: [draws], seed })
    const run = await t.start(draws, {})
    await t.advance('1h')
    return await t.result(run)
  }
  expect(await drawn('a')).toEqual(await drawn('a'))
  expect(await drawn('b')).not.toEqual(await drawn('a'))
})

test('a crash loses what was not recorded, and nothing else', async () => {
  const effects: string[] = []
  const two = workflow({ name: 'two', input: anything }, async (ctx) => {
    const first = await ctx.step('first', ({ number }) => {
      effects.push(`first ${number}`)
      return 1
    })
    const second = await ctx.step('second', unmocked)
    return [first, second]
  })
  await using t = await testTenant({ workflows: [two] })
  t.mock('second', async ({ sleep }) => {
    effects.push('second')
    await sleep('1m')
    return 2
  })
  const run = await t.start(two, {})
  await t.crash()
  await t.advance('1m')
  expect(await t.result(run)).toEqual([1, 2])
  expect(effects).toEqual(['first 1', 'second', 'second'])
})

test('a run that is due in the moment after a start is woken in time', async () => {
  const nap = workflow({ name: 'nap', input: anything }, async (ctx) => {
    await ctx.sleep('nap', 700)
    return ctx.now()
  })
  await using t = await testTenant({ workflows: [nap], now: 0 })
  const run = await t.start(nap, {})
  await t.advance(500)
  await t.crash()
  await t.advance('1s')
  expect(await t.result(run)).toBe(700)
})

test('a tenant whose next run is due in a moment is looked at then, and not every millisecond until then', async () => {
  const naps = workflow({ name: 'naps', input: anything }, async (ctx) => {
    await ctx.sleep('long', '10s')
    await ctx.sleep('short', 1_500)
  })
  await using t = await openTenant({ workflows: [naps], now: 0 })
  const run = await t.start(naps, {})
  let lookCount = 0
  for (; t.tenant.clock.runNext(60_000); lookCount += 1) await t.settle()
  expect((await t.run(run)).status).toBe('completed')
  expect(lookCount).toBeLessThan(10)
})

test('a run that changed code has blocked goes on with the old code, and nothing is looked at meanwhile', async () => {
  const named = (step: string) =>
    workflow({ name: 'named', version: step, input: anything }, async (ctx) => {
      await ctx.step(step, () => 0)
      await ctx.sleep('nap', '1h')
      return ctx.step('last', () => step)
    })
  await using t = await testTenant({ workflows: [named('old')] })
  const run = await t.start(named('old'), {})
  await t.deploy([named('new')])
  await t.advance('100w')
  await expect(t.result(run)).rejects.toThrow(/blocked: workflow_changed: .*old#1/)
  await t.deploy([named('old')])
  expect(await t.result(run)).toBe('old')
})

test('a run that has continued comes to what its successor comes to', async () => {
  const count = workflow({ name: 'count', input: z.object({ n: z.number() }) }, async (ctx, { n }) => {
    await ctx.sleep('nap', '1h')
    return n < 3 ? ctx.continueAs({ n: n + 1 }) : n
  })
  await using t = await testTenant({ workflows: [count] })
  const run = await t.start(count, { n: 1 })
  await t.advance('3h')
  expect(await t.result(run)).toBe(3)
})

test('a body that awaits something of its own fails as on a host, without real waiting', async () => {
  const foreign = workflow({ name: 'foreign', input: anything }, () => new Promise<never>(() => undefined))
  await using t = await testTenant({ workflows: [foreign] })
  const run = await t.start(foreign, {})
  await t.advance('20s')
  await expect(t.result(run)).rejects.toMatchObject({ code: 'awaits_foreign_promise' })
})
