/** `replayEverywhere` tells a workflow that stands every crash from one that does not. */
import { event, StepError, workflow } from '@tenax/workflow'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { replayEverywhere } from './replay-everywhere.ts'

const anything = z.object({})
const go = event('go', z.object({ n: z.number() }))
const sql = 'create table booking (id integer primary key, what text, who text)'
const unmocked = (): string => expect.unreachable()

const child = workflow({ name: 'child', input: z.object({ who: z.string() }) }, async (ctx, { who }) => {
  await ctx.sleep('nap', '1h')
  const id = ctx.uuid()
  await ctx.tx('note', (db) => db.run('insert into booking (what, who) values (?, ?)', id, who).changes)
  return ctx.random()
})

/** Everything that a crash could meet: parallel branches, a race, events, children, retries, undoing, going on as another. */
const trip = workflow({ name: 'trip', input: z.object({ who: z.string(), leg: z.number() }) }, async (ctx, input) => {
  const { who, leg } = input
  ctx.log('begins', { leg })
  const [hotel] = await ctx.all([
    ctx.step('hotel', unmocked, { compensate: async (c) => void (await c.step('cancel hotel', unmocked)) }),
    async (c) => c.tx('book', (db) => db.run('insert into booking (what, who) values (?, ?)', 'trip', who).changes),
    ctx.child('child', child, { who }),
  ])
  ctx.set('hotel', hotel)
  const first = await ctx.race({
    event: ctx.waitFor(go, { key: who, timeout: '2d' }),
    late: async (c) => c.sleep('late', '5d'),
    slow: async (c) => c.step('slow', unmocked, { retry: { attempts: 20, first: '1d', max: '1d' } }),
  })
  ctx.emit({ first: first.key, id: ctx.uuid() })
  await ctx.map('leg', [1, 2, 3], { key: String, concurrency: 2 }, async (c, n) => {
    await c.sleep('nap', n * 1_000)
    return c.step('ride', unmocked, { key: String(n) })
  })
  if (leg < 2) return ctx.continueAs({ who, leg: leg + 1 })
  try {
    return await ctx.step('pay', unmocked, { retry: { attempts: 2 } })
  } catch (error) {
    if (!(error instanceof StepError)) throw error
    throw new Error('no money', { cause: error })
  }
})

const mocks = () => ({
  hotel: ({ idempotencyKey }: { idempotencyKey: string }) => idempotencyKey,
  'cancel hotel': () => 'cancelled',
  ride: () => 'rode',
  slow: () => {
    throw new Error('not today')
  },
  pay: () => {
    throw new Error('declined')
  },
})

test('a workflow with everything in it stands a crash at every commit', async () => {
  const { commits, crashes } = await replayEverywhere(
    trip,
    { who: 'ada', leg: 1 },
    { workflows: [child], sql, mocks, during: (t) => t.send(go, { n: 1 }, { key: 'ada' }), until: '30d' },
  )
  expect(commits).toBeGreaterThan(30)
  expect(crashes).toBe(2 * commits)
})

test('a cancelled run is undone once, whatever is crashed', async () => {
  await replayEverywhere(
    trip,
    { who: 'ada', leg: 2 },
    {
      ...{ workflows: [child], sql, mocks, until: '1d' },
      during: async (t, run) => {
        await t.advance('30m')
        await t.cancel(run)
      },
    },
  )
})

test('what a body remembers beside its record is found, with the commit', async () => {
  let lives = 0
  const forgetful = workflow({ name: 'forgetful', input: anything }, async (ctx) => {
    lives += 1
    const seen = lives
    await ctx.sleep('nap', '1h')
    return seen
  })
  await expect(replayEverywhere(forgetful, {})).rejects.toThrow(/a crash before commit 1 of \d+ changes the runs/)
})

test('a `tx` that depends on how often it ran is found in the rows', async () => {
  let count = 0
  const counting = workflow({ name: 'counting', input: anything }, async (ctx) => {
    await ctx.tx('count', (db) => {
      count += 1
      return db.run('insert into booking (what) values (?)', `${count}`).changes
    })
  })
  await expect(replayEverywhere(counting, {}, { sql })).rejects.toThrow(/changes the rows\n.*without it: booking: /)
})

test('an effect that is not the same again is found', async () => {
  let turn = 0
  const fickle = workflow({ name: 'fickle', input: anything }, async (ctx) => {
    turn += 1
    await ctx.sleep('nap', '1h').then(() => (turn % 2 === 0 ? ctx.step('even', unmocked) : ctx.step('odd', unmocked)))
  })
  const options = { mocks: () => ({ even: () => 0, odd: () => 0 }) }
  await expect(replayEverywhere(fickle, {}, options)).rejects.toThrow(/a crash \w+ commit \d+ of \d+ changes the steps/)
})
