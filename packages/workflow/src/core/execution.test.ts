import { expect, test } from 'vitest'
import { Driver, ok } from './fixtures/driver.ts'

test('a body runs to its end, one operation after the other', async () => {
  const driver = new Driver({
    body: async (ctx, input: { from: number }) => {
      const a = await ctx.step('a', () => input.from + 1)
      const b = await ctx.tx('b', () => a * 2)
      await ctx.sleep('c', '1s')
      return { a, b }
    },
    input: { from: 1 },
  })
  expect((await driver.run()).state).toEqual({ type: 'completed', json: '{"a":2,"b":4}' })
  expect(driver.rows.map((row) => `${row.kind} ${row.identity}`)).toEqual(['step a#1', 'tx b#1', 'sleep c#1'])
})

for (const crash of ['never', 'after each commit', 'before each delivery'] as const) {
  test(`all, race and map give the same with a crash ${crash}`, async () => {
    const driver = new Driver({
      body: async (ctx) => {
        const both = await ctx.all([ctx.step('x', () => 1), async (c) => (await c.step('x', () => 2)) + 1])
        const named = await ctx.all({ p: ctx.step('p', () => 'p'), q: async (c) => c.step('p', () => 'q') })
        const won = await ctx.race({ slow: ctx.sleep('slow', '1d'), fast: async (c) => c.step('fast', () => 'f') })
        const mapped = await ctx.map('m', [3, 4, 5], { key: String, concurrency: 2 }, async (c, item) => {
          const doubled = await c.step('double', () => item * 2)
          return doubled + (await c.step('one', () => 1))
        })
        const settled = await ctx.mapSettled('n', [1, 2], { key: String }, async (c, item) => {
          return c.step('odd', () => {
            if (item === 2) throw new Error('even')
            return item
          })
        })
        return { both, named, won, mapped, settled: settled.map((one) => (one.ok ? one.value : one.error.message)) }
      },
      crash,
      pick: (open) => open.find((one) => !one.identity.includes('slow')),
    })
    const turn = await driver.run()
    expect(JSON.parse((turn.state as { json: string }).json)).toEqual({
      both: [1, 3],
      named: { p: 'p', q: 'q' },
      won: { key: 'fast', value: 'f' },
      mapped: [7, 9, 11],
      settled: [1, 'even'],
    })
    expect(driver.performed).toHaveLength(13)
    expect(driver.rows.filter((row) => row.isDropped).map((row) => row.identity)).toEqual(['slow#1'])
  })
}

test('a changed body diverges and names both sides', async () => {
  const driver = new Driver({ body: async (ctx) => [await ctx.step('a', () => 1), await ctx.step('b', () => 2)] })
  await driver.restart()
  await driver.deliver('a#1', ok(1))
  driver.body = async (ctx) => [await ctx.step('a', () => 1), await ctx.step('c', () => 2)]
  expect(await driver.restart()).toMatchObject({
    state: {
      type: 'diverged',
      divergence: { recorded: 'operation 2: step "b#1"', asked: 'operation 2: step "c#1"' },
    },
    asked: [],
  })
})
