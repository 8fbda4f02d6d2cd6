/** Bodies that nobody should write: each comes to a clear end, and its neighbours do not notice. */
import { expect, test } from 'vitest'
import type { EmbeddedCtx } from '../api.ts'
import type { StepError } from '../errors.ts'
import { type Body, Driver, type DriverOptions, macrotask, ok } from './fixtures/driver.ts'

const codeOf = (op: PromiseLike<unknown>) => op.then(String, (error: StepError) => error.code)
const resultOf = (turn: { state: { type: string; json?: string | undefined } }) => JSON.parse(turn.state.json ?? 'null')

async function failureOf(body: Body) {
  const { state } = await new Driver({ body }).run()
  return state.type === 'failed' ? state.error : state
}

test('a body that throws no Error fails with not_an_error, and says what it threw', async () => {
  for (const [thrown, message] of [
    ['text', 'threw "text", which is no Error'],
    [null, 'threw a value of type null, which is no Error'],
    [{ code: 'x' }, 'threw a value of type object, which is no Error'],
  ] as const) {
    const error = await failureOf(() => Promise.reject(thrown))
    expect(error).toEqual({ code: 'not_an_error', message, attempts: 1 })
  }
})

test('an error keeps its code and data where they make sense', async () => {
  const thrown = (properties: object) => failureOf(() => Promise.reject(Object.assign(new Error('no'), properties)))
  expect(await thrown({ code: 'SQLITE_BUSY' })).toEqual({ code: 'SQLITE_BUSY', message: 'no', attempts: 1 })
  expect(await thrown({ code: 20, data: [1] })).toEqual({ code: 'failed', message: 'no', attempts: 1, data: '[1]' })
  expect(await thrown({ code: 'two words', data: 1n })).toEqual({
    code: 'failed',
    message: 'no',
    attempts: 1,
    data: expect.stringContaining('unserialisable'),
  })
  expect(await thrown({ message: { a: 1 } })).toMatchObject({ message: '[object Object]' })
})

test('a thrown error that cannot be read ends its run, not the host', async () => {
  const odd = Object.defineProperty(new Error('x'), 'code', {
    get() {
      throw new Error('boom')
    },
  })
  expect(await failureOf(() => Promise.reject(odd))).toMatchObject({
    message: expect.stringContaining('cannot be read'),
  })
})

test('what cannot even be asked what it is ends its run, not the host', async () => {
  const { proxy, revoke } = Proxy.revocable(new Error('x'), {})
  revoke()
  expect(await failureOf(() => Promise.reject(proxy))).toMatchObject({ code: 'failed' })
  const compensate = () => Promise.reject(proxy)
  const driver = new Driver({
    body: async (ctx) => {
      await ctx.step('pay', () => 1, { compensate })
      throw new Error('no')
    },
  })
  expect((await driver.run()).state).toMatchObject({ type: 'stuck' })
})

test('a body that throws before its first promise fails like any other', async () => {
  const body: Body = () => {
    throw new Error('at once')
  }
  expect(await failureOf(body)).toMatchObject({ message: 'at once' })
})

test('what JSON cannot hold is unserialisable, as a result, as an input and as an output', async () => {
  const cycle: Record<string, unknown> = {}
  cycle['self'] = cycle
  for (const body of [
    async () => 1n,
    async () => cycle,
    async () => () => 1,
    async (ctx: EmbeddedCtx) => ctx.emit(1n as never),
    async (ctx: EmbeddedCtx) => ctx.continueAs(1n as never),
    async (ctx: EmbeddedCtx) => ctx.child('c', { name: 'w' }, cycle),
    async (ctx: EmbeddedCtx) => ctx.send('s', { name: 'e' }, { run: 'r' }, 1n),
  ])
    expect(await failureOf(body)).toMatchObject({ code: 'unserialisable' })
})

test('what has no value is null as an output, and as the input of a successor', async () => {
  const driver = new Driver({
    body: async (ctx) => {
      ctx.set('k', undefined as never)
      ctx.emit(undefined as never)
      return ctx.continueAs(undefined as never)
    },
  })
  expect((await driver.run()).state).toEqual({ type: 'continued', inputJson: 'null' })
  expect(driver.outputs).toMatchObject([{ json: 'null' }, { json: 'null' }])
})

test('a wrong argument is refused as a StepError, and nothing is recorded for it', async () => {
  const step =
    (options: object, name: unknown = 'a') =>
    (ctx: EmbeddedCtx) =>
      ctx.step(name as string, () => 1, options)
  const map = (name: unknown, options: object) => (ctx: EmbeddedCtx) =>
    ctx.map(name as string, ['x'], { key: String, ...options }, async () => 1)
  const wrong: ((ctx: EmbeddedCtx) => PromiseLike<unknown>)[] = [
    step({ key: 5 }),
    (ctx) => ctx.sleepUntil('a', 9e15),
    (ctx) => ctx.waitFor({ name: '' }),
    (ctx) => ctx.waitFor({ name: 5 as never }),
    (ctx) => ctx.waitFor({ name: 'e\ud83d' }),
    (ctx) => ctx.waitFor({ name: 'e' }, { key: 'a\0b' }),
    (ctx) => ctx.child('c', { name: undefined as never }, 1),
    (ctx) => ctx.send('s', { name: '' }, { run: 'r' }, 1),
    (ctx) => ctx.send('s', { name: 'e' }, { run: undefined as never }, 1),
    async (ctx) => ctx.patched(5 as never),
    async (ctx) => ctx.set(undefined as never, 1),
    async (ctx) => ctx.set('__proto__', 1),
    step({}, 5),
    step({}, ''),
    step({}, 'x'.repeat(256)),
    step({ retry: { attempts: 0 } }),
    step({ retry: { factor: Number.NaN } }),
    step({ retry: { max: 'soon' } }),
    step({ timeout: -1 }),
    step({ compensate: 5 }),
    (ctx) => ctx.step('a', 5 as never),
    (ctx) => ctx.tx('a', undefined as never),
    (ctx) => ctx.sleep('a', '1 day' as never),
    (ctx) => ctx.sleepUntil('a', new Date('never')),
    (ctx) => ctx.waitFor({ name: 'e' }, { key: 5 as never }),
    (ctx) => ctx.send('s', { name: 'e' }, { key: 5 as never }, 1),
    map(5, {}),
    map('m', { key: () => 'x'.repeat(257) }),
    map('m', { concurrency: 0 }),
    map('m', { concurrency: 1.5 }),
  ]
  for (const ask of wrong) {
    const driver = new Driver({ body: async (ctx) => codeOf(ask(ctx)) })
    expect([resultOf(await driver.run()), driver.rows]).toEqual(['argument_invalid', []])
  }
})

test('a message that is no text is logged as one', async () => {
  const driver = new Driver({ body: async (ctx) => ctx.log(undefined as never) })
  await driver.run()
  expect(driver.outputs).toEqual([{ type: 'log', message: 'undefined', json: undefined, after: 0 }])
})

test('two items of a map with one key, and a race of nothing, are refused', async () => {
  const codes: Body = async (ctx) => [
    await codeOf(ctx.map('m', [1, 1], { key: String }, async () => 1)),
    await codeOf(ctx.race({})),
    await ctx.all([]),
    await ctx.map('none', [], { key: String }, async () => 1),
  ]
  expect(resultOf(await new Driver({ body: codes }).run())).toEqual(['duplicate_key', 'race_empty', [], []])
})

test('a body that asks again and again for what is refused fails, and lets the event loop go', async () => {
  const insisting: Body = async (ctx) => {
    void ctx.step('a', () => 1)
    for (;;) await codeOf(ctx.sleep('a', 1))
  }
  expect(await failureOf(insisting)).toMatchObject({ code: 'operations_refused' })
})

test('refusals are counted from one completion to the next, and take no name away', async () => {
  const driver = new Driver({
    body: async (ctx) => {
      const codes = new Set<string>()
      for (let round = 0; round < 3; round += 1) {
        for (let count = 0; count < 600; count += 1) codes.add(await codeOf(ctx.sleep('a', -1)))
        await ctx.sleep('a', 1)
      }
      return [...codes]
    },
  })
  expect(resultOf(await driver.run())).toEqual(['argument_invalid'])
})

test('a cancelled body that goes on asking is cancelled all the same', async () => {
  const driver = new Driver({
    body: async (ctx) => {
      for (;;) await codeOf(ctx.sleep('a', 1))
    },
  })
  await driver.restart()
  expect((await driver.cancel()).state).toEqual({ type: 'cancelled' })
  expect((await driver.restart()).state).toEqual({ type: 'cancelled' })
})

test('a body that goes on behind its end, or behind discard(), does nothing any more', async () => {
  let open: () => void = () => undefined
  const later = new Promise<void>((resolve) => {
    open = resolve
  })
  const body: Body = async (ctx) => {
    void later.then(() => {
      ctx.emit(1)
      ctx.set('k', 1)
      ctx.log('l')
      void ctx.step('late', () => 1)
      expect(() => ctx.continueAs(1)).toThrow('has ended')
    })
    await ctx.sleep('a', 1)
  }
  for (const end of [(driver: Driver) => driver.execution.discard(), (driver: Driver) => driver.deliver('a#1', ok())]) {
    const driver = new Driver({ body })
    await driver.restart()
    await end(driver)
    open()
    const turn = await driver.execution.look()
    expect([turn.asked, turn.outputs]).toEqual([[], []])
    expect((await driver.execution.deliver([driver.completion('a#1', ok())])).asked).toEqual([])
  }
})

test('an execution takes one call at a time', async () => {
  const driver = new Driver({ body: async (ctx) => ctx.sleep('a', 1) })
  const first = driver.restart()
  await expect(driver.execution.look()).rejects.toThrow('one call at a time')
  await first
})

/** A body that awaits the platform between its operations, as with `crypto.subtle`. */
function digesting(): DriverOptions & { looks: number[] } {
  const looks: number[] = []
  return {
    looks,
    body: async (ctx) => {
      await ctx.sleep('a', 1)
      for (let hop = 0; hop < 3; hop += 1) await macrotask()
      await ctx.sleep('b', 1)
      return ctx.step('c', () => 1)
    },
    options: { awaitForeign: async (count) => looks.push(count) < 10 },
  }
}

test('WORKFLOWS 8: a replay waits for a promise of the body itself, as the first time', async () => {
  const options = digesting()
  const driver = new Driver(options)
  await driver.restart()
  let turn = await driver.deliver('a#1', ok())
  while (turn.state.type === 'stalled') turn = await driver.look()
  await driver.deliver('b#1', ok())
  const { state, reopened } = await driver.restart()
  expect([state.type, reopened.map((one) => one.identity)]).toEqual(['waiting', ['c#1']])
  expect(options.looks.slice(0, 2)).toEqual([0, 1])
})

test('WORKFLOWS 8: a replay does not wait for ever', async () => {
  const driver = new Driver(digesting())
  await driver.restart()
  let turn = await driver.deliver('a#1', ok())
  while (turn.state.type === 'stalled') turn = await driver.look()
  driver.body = async (ctx) => {
    await ctx.sleep('a', 1)
    await new Promise(() => undefined)
  }
  expect((await driver.restart()).state).toMatchObject({
    type: 'diverged',
    divergence: { recorded: 'operation 2: sleep "b#1"', asked: 'nothing behind operation 1' },
  })
})

test('a body whose own promise is rejected unheard fails, undoes what it did, and does the same when it is replayed', async () => {
  const ran: string[] = []
  const holder: { driver?: Driver } = {}
  const driver = new Driver({
    body: async (ctx) => {
      const undo = async (inner: EmbeddedCtx) => void (await inner.step('refund', () => ran.push('refund')))
      await ctx.step('pay', () => 1, { compensate: undo as never })
      // The platform tells of it behind the microtasks that it happened in.
      void ctx.step('count', () => 1).then(() => holder.driver?.execution.stray(new Error('unheard')))
      await ctx.sleep('long', '1h')
    },
    crash: 'before each delivery',
  })
  holder.driver = driver
  expect((await driver.run()).state).toMatchObject({
    type: 'failed',
    error: { code: 'unhandled_rejection', message: expect.stringContaining('unheard') },
  })
  expect(driver.performed).toEqual(['pay#1', 'count#1', 'compensate[pay%231]/refund#1'])
})

test('what a body gives to be recorded is as long as a payload may be, and so is what it fails with', async () => {
  const big = 'x'.repeat(1_100_000)
  for (const body of [
    async () => big,
    async (ctx: EmbeddedCtx) => ctx.set('big', big),
    async (ctx: EmbeddedCtx) => ctx.emit(big),
    async (ctx: EmbeddedCtx) => ctx.continueAs(big),
    async (ctx: EmbeddedCtx) => ctx.child('c', { name: 'other' }, big),
    async (ctx: EmbeddedCtx) => ctx.send('s', { name: 'e' }, { key: 'k' }, big as never),
  ])
    expect(await failureOf(body as Body)).toMatchObject({ code: 'payload_too_large' })
  const error = await failureOf(() => Promise.reject(new Error(big)))
  expect(error).toMatchObject({ code: 'failed', message: big.slice(0, 8_192) })
})
