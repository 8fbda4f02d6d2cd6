/** WORKFLOWS 1 to 8, each as a test. */
import { expect, test } from 'vitest'
import type { EmbeddedCtx, Op } from '../api.ts'
import { StepError } from '../errors.ts'
import { OPERATIONS_ADVISED_MAX, OPERATIONS_MAX } from '../limits.ts'
import { type Body, Driver, failed, macrotask, ok, START_MS } from './fixtures/driver.ts'

const codeOf = (op: PromiseLike<unknown>) => op.then(String, (error: StepError) => error.code)
const resultOf = (turn: { state: { type: string; json?: string | undefined } }) => JSON.parse(turn.state.json ?? 'null')
const identities = (driver: Driver) => driver.rows.map((row) => row.identity)

async function resultsOf(body: Body): Promise<unknown> {
  return resultOf(await new Driver({ body }).run())
}

test('WORKFLOWS 1: an operation is its scope, its name, and its key or how often that name came', async () => {
  const driver = new Driver({
    body: async (ctx) => {
      await ctx.step('a', () => 1)
      await ctx.tx('a', () => 1)
      await ctx.step('a', () => 1, { key: 'k' })
      await ctx.waitFor({ name: 'paid' }, { key: 'acme' })
      await ctx.all([async (c) => c.step('a', () => 1)])
      await ctx.race({ only: async (c) => c.all({ x: async (d) => d.sleep('a', 1) }) })
      await ctx.map('a', ['i'], { key: String }, async (c) => c.step('a', () => 1))
    },
  })
  await driver.run()
  expect(identities(driver)).toEqual([
    'a#1',
    'a#2',
    'a[k]',
    'paid:acme#1',
    'all#1[0]/a#1',
    'race#1[only]/all#1[x]/a#1',
    'a#1[i]/a#1',
  ])
})

test('WORKFLOWS 1: a name or key that looks like a scope is told apart from one', async () => {
  const driver = new Driver({
    body: async (ctx) => {
      await ctx.step('all#1[0]/a', () => 1)
      await ctx.all([async (c) => c.step('a', () => 1, { key: '50%' })])
    },
  })
  await driver.run()
  expect(identities(driver)).toEqual(['all%231%5b0%5d%2fa#1', 'all#1[0]/a[50%25]'])
})

test('WORKFLOWS 1: an identity has nothing in it that a database does not give back', async () => {
  const driver = new Driver({
    body: async (ctx) => {
      await ctx.step('a', () => 1, { key: 'cut\ud83d' })
      await ctx.step('a', () => 1, { key: '\0\n\u{1f600}' })
      await ctx.all({ '\0': async (c) => c.step('\u0001' + '0', () => 1) })
    },
  })
  await driver.run()
  expect(identities(driver)).toEqual(['a[cut%d83d]', 'a[%00%0a\u{1f600}]', 'all#1[%00]/%010#1'])
})

test('WORKFLOWS 1: a name that is asked for twice at once in a scope is duplicate_step', async () => {
  const codes = await resultsOf(async (ctx) => {
    const first = ctx.step('a', () => 1)
    const code = await codeOf(ctx.sleep('a', 1))
    const apart = await ctx.all([async (c) => c.step('a', () => 2), async (c) => c.step('a', () => 3)])
    return [code, await first, await ctx.step('a', () => 4), apart]
  })
  expect(codes).toEqual(['duplicate_step', 1, 4, [2, 3]])
})

test('WORKFLOWS 1: a key names one operation of its scope for ever', async () => {
  const codes = await resultsOf(async (ctx) => {
    await ctx.step('a', () => 1, { key: 'k' })
    return [await codeOf(ctx.step('a', () => 2, { key: 'k' })), await ctx.step('a', () => 3, { key: 'l' })]
  })
  expect(codes).toEqual(['duplicate_step', 3])
})

test('WORKFLOWS 2: completions come in order, a macrotask apart, so that branches keep their results', async () => {
  const body: Body = async (ctx) => {
    const seen: string[] = []
    const branch = (key: string, hops: number) => async (c: EmbeddedCtx) => {
      await c.step('get', () => key)
      for (let hop = 0; hop < hops; hop += 1) await undefined
      seen.push(key)
      return c.step('put', () => key)
    }
    await ctx.all({ slow: branch('slow', 50), fast: branch('fast', 0) })
    return seen
  }
  const driver = new Driver({ body })
  await driver.restart()
  await driver.deliverAll([
    driver.completion('all#1[slow]/get#1', ok('slow')),
    driver.completion('all#1[fast]/get#1', ok('fast'), 2),
  ])
  expect(resultOf(await driver.run())).toEqual(['slow', 'fast'])
  expect(identities(driver).slice(2)).toEqual(['all#1[slow]/put#1', 'all#1[fast]/put#1'])
})

test('WORKFLOWS 2: a completion that is out of order breaks an invariant', async () => {
  const driver = new Driver({ body: async (ctx) => ctx.all([ctx.sleep('a', 1), ctx.sleep('b', 1)]) })
  await driver.restart()
  await expect(driver.deliverAll([driver.completion('b#1', ok(), 2)])).rejects.toThrow('in order')
  await expect(driver.execution.deliver([{ seq: 9, number: 1, atMs: 0, outcome: ok() }])).rejects.toThrow('asked for')
})

test('WORKFLOWS 3: a turn has all that was asked for up to the next wait', async () => {
  const driver = new Driver({
    body: async (ctx) => {
      ctx.emit('first')
      await ctx.all([ctx.step('a', () => 1), ctx.sleep('b', '2s')])
    },
  })
  const { asked, outputs, state } = await driver.restart()
  expect(state).toEqual({ type: 'waiting' })
  expect(asked.map(({ seq, identity }) => [seq, identity])).toEqual([
    [1, 'a#1'],
    [2, 'b#1'],
  ])
  expect(asked[1]?.spec).toEqual({ kind: 'sleep', name: 'b', dueAtMs: START_MS + 2_000 })
  expect(outputs).toEqual([{ type: 'emit', json: '"first"', after: 0 }])
})

const RECORDED: Body = async (ctx) => {
  await ctx.sleep('nap', '1s')
  await ctx.step('a', () => 1)
  await ctx.race({ x: ctx.sleep('x', 1), y: ctx.waitFor({ name: 'y' }) })
  return ctx.step('z', () => 1)
}

const CHANGED: Record<string, [Body, recorded: string, asked: string]> = {
  inserted: [
    async (ctx) => ctx.step('new', () => 1).then(() => RECORDED(ctx, undefined as never)),
    'operation 1: sleep "nap#1"',
    'operation 1: step "new#1"',
  ],
  removed: [
    async (ctx) => ctx.sleep('nap', '1s').then(() => ctx.sleep('x', 1)),
    'operation 2: step "a#1"',
    'operation 2: sleep "x#1"',
  ],
  shortened: [
    async (ctx) => ctx.sleep('nap', '1s'),
    'operation 2: step "a#1", completion 2',
    'nothing behind operation 1',
  ],
  'of another kind': [
    async (ctx) => ctx.step('nap', () => 1),
    'operation 1: sleep "nap#1"',
    'operation 1: step "nap#1"',
  ],
  'without the last': [
    async (ctx) => {
      await ctx.sleep('nap', '1s')
      await ctx.step('a', () => 1)
      await ctx.race({ x: ctx.sleep('x', 1), y: ctx.waitFor({ name: 'y' }) })
    },
    'operation 5: step "z#1"',
    'nothing behind operation 4',
  ],
  'into one that waits for a loser': [
    async (ctx) => {
      await ctx.sleep('nap', '1s')
      await ctx.step('a', () => 1)
      const x = ctx.sleep('x', 1)
      const y = ctx.waitFor({ name: 'y' })
      await x
      await ctx.all([y, ctx.step('z', () => 1)])
    },
    'operation 4: wait "y#1", dropped',
    'operation 4: wait "y#1", waited for',
  ],
}

for (const [name, [body, recorded, asked]] of Object.entries(CHANGED)) {
  test(`WORKFLOWS 3: a body that was changed, ${name}, diverges before anything new and names both sides`, async () => {
    const driver = new Driver({ body: RECORDED })
    await driver.restart()
    for (const identity of ['nap#1', 'a#1', 'x#1']) await driver.deliver(identity, ok())
    driver.body = body
    const turn = await driver.restart()
    expect(turn).toEqual({
      state: { type: 'diverged', divergence: { recorded, asked } },
      asked: [],
      reopened: [],
      dropped: [],
      cancelled: [],
      cancelledAfter: undefined,
      undone: [],
      outputs: [],
      patches: {},
      isCompensating: false,
    })
  })
}

test('WORKFLOWS 3: a changed duration is told apart by its hash', async () => {
  const driver = new Driver({ body: RECORDED })
  await driver.restart()
  driver.body = async (ctx) => ctx.sleep('nap', '2s')
  const { state } = await driver.restart()
  expect(state).toMatchObject({
    type: 'diverged',
    divergence: { asked: expect.stringMatching(/ with another duration or time$/) },
  })
})

test('WORKFLOWS 3: what is open in the record comes back with what it takes to go on', async () => {
  const driver = new Driver({ body: RECORDED })
  await driver.restart()
  await driver.deliver('nap#1', ok())
  const { asked, reopened } = await driver.restart()
  expect([asked.length, reopened.map((one) => one.identity)]).toEqual([0, ['a#1']])
})

test('WORKFLOWS 4: a body gets the JSON round trip of a result, also the first time', async () => {
  const result = await resultsOf(async (ctx) => {
    const { at, gone } = await ctx.step('a', () => ({ at: new Date(0), gone: undefined, nan: Number.NaN }))
    const nothing = await ctx.step('b', () => undefined)
    return [typeof at, at, gone === undefined, nothing === undefined]
  })
  expect(result).toEqual(['string', '1970-01-01T00:00:00.000Z', true, true])
})

test('WORKFLOWS 4: a failure is a StepError with code and data, live and on replay', async () => {
  const driver = new Driver({
    body: async (ctx) => {
      const error = await ctx.step('a', () => 1).catch((thrown: StepError) => thrown)
      await ctx.sleep('b', 1)
      if (!(error instanceof StepError)) return 'no'
      return [error.name, error.step, error.code, error.message, error.attempts, error.data]
    },
  })
  await driver.restart()
  const error = { code: 'declined', message: 'no money', attempts: 3, data: '{"left":2}' }
  await driver.deliver('a#1', { type: 'error', error })
  await driver.restart()
  const turn = await driver.deliver('b#1', ok())
  expect(resultOf(turn)).toEqual(['StepError', 'a', 'declined', 'no money', 3, { left: 2 }])
})

test('WORKFLOWS 5: outputs ride on the turn they were made in, and are silent on replay', async () => {
  const driver = new Driver({
    body: async (ctx) => {
      ctx.set('k', { a: 1 })
      ctx.emit(1)
      ctx.log('said', [2])
      ctx.log('bare')
      await ctx.sleep('a', 1)
      ctx.emit(2)
    },
  })
  const first = await driver.restart()
  expect(first.outputs).toEqual([
    { type: 'set', key: 'k', json: '{"a":1}', after: 0 },
    { type: 'emit', json: '1', after: 0 },
    { type: 'log', message: 'said', json: '[2]', after: 0 },
    { type: 'log', message: 'bare', json: undefined, after: 0 },
  ])
  expect((await driver.restart()).outputs).toEqual([])
  expect((await driver.deliver('a#1', ok())).outputs).toEqual([{ type: 'emit', json: '2', after: 1 }])
})

test('WORKFLOWS 5: now is the time of the last completion; random and uuid derive from the seed', async () => {
  const draw = (ctx: EmbeddedCtx) => [ctx.now(), ctx.random(), ctx.random(), ctx.uuid()] as const
  const body: Body = async (ctx) => {
    const before = draw(ctx)
    await ctx.sleep('a', 1)
    return { before, after: draw(ctx), apart: await ctx.all([async (c) => c.random(), async (c) => c.random()]) }
  }
  const one = (await resultsOf(body)) as Record<'before' | 'after' | 'apart', unknown[]>
  expect(one).toEqual(resultOf(await new Driver({ body, crash: 'after each commit' }).run()))
  expect([one.before[0], one.after[0]]).toEqual([START_MS, START_MS + 1_000])
  expect(one.before[3]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  const drawn = [...one.before, ...one.after, ...one.apart].filter((value) => typeof value === 'number' && value < 1)
  expect(new Set(drawn).size).toBe(6)
  const other = new Driver({ body, options: { seed: 'other' } })
  expect(resultOf(await other.run()).before[1]).not.toBe(one.before[1])
})

test('WORKFLOWS 6: patched is true at the end of the record, false inside it, and decided once', async () => {
  const driver = new Driver({ body: async (ctx) => [await ctx.sleep('a', 1), await ctx.sleep('b', 1)] })
  await driver.restart()
  await driver.deliver('a#1', ok())
  driver.body = async (ctx) => {
    const early = ctx.patched('early')
    await ctx.sleep('a', 1)
    const open = ctx.patched('open')
    await ctx.sleep('b', 1)
    return [early, open, ctx.patched('late'), ctx.patched('early')]
  }
  const turn = await driver.restart()
  // Behind a: all completions were delivered, but the old code's next operation is recorded, so the old way is taken.
  expect(turn).toMatchObject({ state: { type: 'waiting' }, patches: { early: false, open: false } })
  const last = await driver.deliver('b#1', ok())
  expect([resultOf(last), last.patches]).toEqual([[false, false, true, false], { late: true }])
})

test('WORKFLOWS 6: a decision is kept whatever its id', async () => {
  const body: Body = async (ctx) => [ctx.patched('__proto__'), await ctx.sleep('a', 1)]
  const driver = new Driver({ body })
  expect(Object.entries((await driver.restart()).patches)).toEqual([['__proto__', true]])
})

test('WORKFLOWS 7: continueAs ends the run with the input of its successor, wherever it is called', async () => {
  for (const body of [
    async (ctx: EmbeddedCtx) => ctx.continueAs({ page: 2 }),
    async (ctx: EmbeddedCtx) => ctx.all([ctx.sleep('a', 1), async (c) => c.continueAs({ page: 2 })]),
    async (ctx: EmbeddedCtx) => Promise.resolve(null as never).finally(() => ctx.continueAs({ page: 2 })),
  ]) {
    expect((await new Driver({ body }).run()).state).toEqual({ type: 'continued', inputJson: '{"page":2}' })
  }
})

test('WORKFLOWS 7: a run is advised to continue as another, and then stopped, by the count of its operations', async () => {
  const keys = Array.from({ length: OPERATIONS_MAX + 1 }, (_, index) => String(index))
  const driver = new Driver({
    // In shielded, as there they count too.
    body: async (ctx) => ctx.shielded((c) => c.all(keys.map((key) => c.step('s', () => 1, { key })))),
  })
  const { state, asked, outputs } = await driver.execution.replay()
  expect(state).toMatchObject({ type: 'failed', error: { code: 'operations_limit' } })
  expect(asked).toHaveLength(OPERATIONS_MAX)
  expect(outputs).toMatchObject([{ type: 'log', message: expect.stringContaining(`${OPERATIONS_ADVISED_MAX}`) }])
})

test('WORKFLOWS 8: a body that awaits what is no operation is stalled until it is looked at again', async () => {
  let release: () => void = () => undefined
  const foreign = new Promise<void>((resolve) => {
    release = resolve
  })
  const driver = new Driver({ body: async () => foreign })
  expect((await driver.restart()).state).toEqual({ type: 'stalled' })
  release()
  expect((await driver.execution.look()).state).toEqual({ type: 'completed', json: undefined })
})

test('WORKFLOWS 8: a failing operation that nobody awaits ends no host', async () => {
  const unhandled: unknown[] = []
  const listen = (error: unknown) => unhandled.push(error)
  process.on('unhandledRejection', listen)
  const throwing = async (): Promise<never> => {
    throw new Error('unawaited')
  }
  const driver = new Driver({
    body: async (ctx) => {
      void ctx.step('a', () => 1)
      void ctx.all([ctx.step('b', () => 1), throwing as () => Promise<never>])
      void ctx.race({})
      void ctx.map('m', [1], { key: String }, throwing)
      void ctx.shielded(throwing)
      await ctx.sleep('nap', 1)
    },
  })
  await driver.restart()
  await driver.deliver('a#1', failed(new Error('no')))
  expect((await driver.deliver('nap#1', ok())).state.type).toBe('completed')
  await macrotask()
  process.off('unhandledRejection', listen)
  expect(unhandled).toEqual([])
})

test('a plain promise as a branch is refused at run time too', async () => {
  const plain = Promise.resolve(1) as Op<number>
  expect(await resultsOf(async (ctx) => codeOf(ctx.all([plain])))).toBe('not_an_operation')
})
