/** What the core tells of a turn so that a run can be tried again, or run again from one of its operations (WORKFLOWS 23). */
import { expect, test } from 'vitest'
import type { EmbeddedCtx } from '../api.ts'
import { idempotencyKeyOf } from './calls.ts'
import { type Body, Driver, failed, hash, ok } from './fixtures/driver.ts'

const undoing = (keys: string[] = []) => ({
  compensate: async (ctx: EmbeddedCtx, { idempotencyKey }: { readonly idempotencyKey: string }) => {
    keys.push(idempotencyKey)
    await ctx.step('undo', () => 1)
  },
})

test('an operation and an output say how many completions the body had seen', async () => {
  const driver = new Driver({
    body: async (ctx) => {
      await ctx.all([ctx.sleep('a', 1), ctx.sleep('b', 1)])
      ctx.emit('both')
      await ctx.sleep('c', 1)
    },
  })
  const first = await driver.restart()
  expect(first.asked.map(({ askedAfter }) => askedAfter)).toEqual([0, 0])
  await driver.deliver('b#1', ok())
  const last = await driver.deliver('a#1', ok())
  expect(last).toMatchObject({ asked: [{ askedAfter: 2 }], outputs: [{ type: 'emit', after: 2 }] })
  expect((await driver.restart()).reopened).toMatchObject([{ identity: 'c#1', askedAfter: 2 }])
})

const FAILING: Record<string, [Body, seq: number | undefined]> = {
  'the failure of its operation': [async (ctx) => ctx.step('a', () => 1), 1],
  'one that is its cause': [
    async (ctx) =>
      ctx
        .step('a', () => 1)
        .catch((error) => {
          throw new Error('wrapped', { cause: error })
        }),
    1,
  ],
  'an error of its own': [
    async (ctx) => {
      await ctx.step('a', () => 1).catch(() => 0)
      throw new Error('mine')
    },
    undefined,
  ],
  'what is no error': [
    async (ctx) => {
      await ctx.step('a', () => 1).catch(() => 0)
      throw 'mine'
    },
    undefined,
  ],
  'an error whose cause cannot be read': [
    async (ctx) => {
      await ctx.step('a', () => 1).catch(() => 0)
      throw Object.defineProperty(new Error('mine'), 'cause', { get: () => JSON.parse('{') })
    },
    undefined,
  ],
}

for (const [name, [body, seq]] of Object.entries(FAILING)) {
  test(`a body that fails with ${name} names the operation behind it, if there is one`, async () => {
    const driver = new Driver({ body })
    await driver.restart()
    const { state } = await driver.deliver('a#1', failed(new Error('no')))
    expect(state).toMatchObject({ type: 'failed' })
    expect('seq' in state ? state.seq : undefined).toBe(seq)
  })
}

test('a turn names what begins to be undone, when, and whether it is for the end; a record that knows is not told again', async () => {
  const driver = new Driver({
    body: async (ctx) => {
      await ctx.race({ lost: ctx.step('lost', () => 1, undoing()), won: ctx.sleep('won', 1) })
      await ctx.step('kept', () => 1, undoing())
      await ctx.sleep('c', 1)
      throw new Error('no')
    },
  })
  await driver.restart()
  expect((await driver.deliver('won#1', ok())).undone).toEqual([{ seq: 1, after: 1, isFinal: false }])
  await driver.deliver('kept#1', ok())
  await driver.deliver('compensate[lost%231]/undo#1', ok())
  expect((await driver.deliver('c#1', ok())).undone).toEqual([{ seq: 4, after: 4, isFinal: true }])
  expect((await driver.restart()).undone.map(({ seq }) => seq)).toEqual([1, 4])
  const known = driver.rows[0]
  if (known !== undefined) driver.rows[0] = { ...known, isUndone: true }
  expect((await driver.restart()).undone.map(({ seq }) => seq)).toEqual([4])
})

test('a compensation that fails with an error from elsewhere names no operation to be asked for again', async () => {
  const driver = new Driver({
    body: async (ctx) => {
      let seen: unknown
      await ctx
        .step('a', () => 1)
        .catch((error) => {
          seen = error
        })
      await ctx.step('b', () => 1, { compensate: () => Promise.reject(seen) })
      throw new Error('no')
    },
  })
  await driver.restart()
  await driver.deliver('a#1', failed(new Error('no')))
  const { state } = await driver.deliver('b#1', ok())
  expect(state).toMatchObject({ type: 'stuck', compensated: 'b#1', seq: undefined })
})

test('a compensation gets the key under which another run performed what this one took over', async () => {
  const keys: string[] = []
  const driver = new Driver({
    body: async (ctx) => {
      await ctx.step('theirs', () => 1, undoing(keys))
      await ctx.step('own', () => 1, undoing(keys))
      throw new Error('no')
    },
  })
  await driver.restart()
  await driver.deliver('theirs#1', ok())
  const row = driver.rows[0]
  if (row !== undefined) driver.rows[0] = { ...row, performedBy: 'run-0' }
  await driver.restart()
  await driver.run()
  expect(keys).toEqual([idempotencyKeyOf(hash, 'run-1', 'own#1'), idempotencyKeyOf(hash, 'run-0', 'theirs#1')])
})
