/** Groups in groups, and what comes of branches that nobody waits for any more. */
import { expect, test } from 'vitest'
import type { EmbeddedCtx } from '../api.ts'
import { Driver, failed, ok } from './fixtures/driver.ts'

const resultOf = (turn: { state: { type: string; json?: string | undefined } }) => JSON.parse(turn.state.json ?? 'null')

test('a group that loses a race drops all that is open in it', async () => {
  const driver = new Driver({
    body: async (ctx) => {
      const group = ctx.all([ctx.sleep('a', 1), async (c) => c.map('m', [1], { key: String }, (d) => d.sleep('b', 1))])
      const { key } = await ctx.race({ group, quick: ctx.sleep('quick', 1) })
      return key
    },
  })
  await driver.restart()
  const turn = await driver.deliver('quick#1', ok())
  expect([resultOf(turn), turn.dropped]).toEqual(['quick', [1, 2]])
})

test('a branch that ends in the same moment as the winner changes nothing', async () => {
  const driver = new Driver({
    body: async (ctx) => {
      const hop = async (): Promise<number> => {
        for (let count = 0; count < 20; count += 1) await undefined
        return 1
      }
      const late = ctx.all([hop])
      const failing = ctx.all([async () => hop().then(() => Promise.reject(new Error('late')))])
      const leaving: (c: EmbeddedCtx) => Promise<never> = async (c) => hop().then(() => c.continueAs(1))
      const { key } = await ctx.race({ late, failing, leaving, first: async () => 2 })
      await ctx.sleep('a', 1)
      return key
    },
  })
  expect(resultOf(await driver.run())).toBe('first')
})

test('the first failure of an all drops the rest, and a map begins no further item', async () => {
  const driver = new Driver({
    body: async (ctx) => {
      const items = ['a', 'b', 'c']
      const mapped = ctx.map('m', items, { key: String, concurrency: 2 }, (c) => c.step('s', () => 1))
      return mapped.catch((error) => String(error))
    },
  })
  await driver.restart()
  const turn = await driver.deliver('m#1[b]/s#1', failed(new Error('no')))
  expect([resultOf(turn), turn.dropped, turn.asked]).toEqual(['StepError: no', [1], []])
})

test('mapSettled tells of each item, also of one that fails without an operation', async () => {
  const driver = new Driver({
    body: async (ctx) => {
      const settled = await ctx.mapSettled('m', ['fine', 'bad'], { key: String }, async (_, item) => {
        if (item === 'bad') throw Object.assign(new Error('no'), { code: 'odd' })
        return item
      })
      return settled.map((one) => (one.ok ? one.value : [one.error.step, one.error.code, one.error.message]))
    },
  })
  expect(resultOf(await driver.run())).toEqual(['fine', ['m[bad]', 'odd', 'no']])
})

test('mapSettled passes a cancellation on, as it is no outcome of an item', async () => {
  const driver = new Driver({
    body: async (ctx) => ctx.mapSettled('m', [1, 2], { key: String }, (c) => c.sleep('a', 1)),
  })
  await driver.restart()
  expect((await driver.cancel()).state).toEqual({ type: 'cancelled' })
})
