/** What each call asks for: the specification that an engine performs, and what makes it another operation. */
import { expect, test } from 'vitest'
import type { EmbeddedCtx } from '../api.ts'
import { NonRetryableError, StepError } from '../errors.ts'
import { STEP_TIMEOUT_MS } from '../limits.ts'
import { Driver, failed, START_MS } from './fixtures/driver.ts'
import type { AskedOperation } from './history.ts'

type Ask = (ctx: EmbeddedCtx) => PromiseLike<unknown>

async function asked(ask: Ask): Promise<AskedOperation> {
  const { asked: operations } = await new Driver({ body: async (ctx) => ask(ctx) }).restart()
  const [operation] = operations
  if (operation === undefined) throw new Error('nothing was asked for')
  return operation
}

const specOf = async (ask: Ask) => (await asked(ask)).spec
const ID = expect.stringMatching(/^[0-9a-f]{20}$/)

test('a step says how it is tried (WORKFLOWS 13), and what its attempts are known by (WORKFLOWS 12)', async () => {
  const run = () => 1
  const retry = { attempts: 3, firstMs: 1_000, factor: 2, waitMsMax: 60_000, jitter: true, when: undefined }
  expect(await specOf((ctx) => ctx.step('a', run))).toEqual({
    kind: 'step',
    name: 'a',
    run,
    retry,
    timeoutMs: STEP_TIMEOUT_MS,
    atMostOnce: false,
    uses: undefined,
    durability: 'local',
    hasCompensation: false,
    idempotencyKey: ID,
  })
  const options = {
    key: 'k',
    retry: { attempts: 5, first: '2s', factor: 3, max: '1h', jitter: false, when: () => false },
    timeout: '1s',
    atMostOnce: true,
    uses: 'llm',
    durability: 'remote',
    compensate: async () => undefined,
  } as const
  expect(await specOf((ctx) => ctx.step('a', run, options))).toMatchObject({
    retry: { attempts: 5, firstMs: 2_000, factor: 3, waitMsMax: 3_600_000, jitter: false },
    timeoutMs: 1_000,
    atMostOnce: true,
    uses: 'llm',
    durability: 'remote',
    hasCompensation: true,
  })
  expect(await specOf((ctx) => ctx.step('a', run, { retry: false }))).toMatchObject({ retry: { attempts: 1 } })
})

test('retry.when sees a failure as the body would', async () => {
  const seen: unknown[] = []
  const when = (error: StepError) => seen.push(error) === 0
  const spec = await specOf((ctx) => ctx.step('a', () => 1, { retry: { when } }))
  if (spec.kind !== 'step') throw new Error('no step')
  expect(spec.retry.when?.({ code: 'x', message: 'm', attempts: 1, data: '[1]' })).toBe(false)
  expect(seen).toEqual([new StepError({ step: 'a', code: 'x', message: 'm', attempts: 1, data: [1] })])
})

test('sleeps count from the time that the body has, or end at a time', async () => {
  expect(await specOf((ctx) => ctx.sleep('a', '2s'))).toMatchObject({ dueAtMs: START_MS + 2_000 })
  expect(await specOf((ctx) => ctx.sleepUntil('a', new Date(5)))).toEqual({ kind: 'sleep', name: 'a', dueAtMs: 5 })
  expect(await specOf((ctx) => ctx.sleepUntil('a', 5.4))).toMatchObject({ dueAtMs: 5 })
})

test('a wait has a key, and a deadline when it has a timeout', async () => {
  const spec = { kind: 'wait', event: 'e', key: '', deadlineMs: undefined, lookbackMs: 0 }
  expect(await specOf((ctx) => ctx.waitFor({ name: 'e' }))).toEqual(spec)
  const options = { key: 'k', timeout: '1s', lookback: '1m' } as const
  const timed = { ...spec, key: 'k', deadlineMs: START_MS + 1_000, lookbackMs: 60_000 }
  expect(await specOf((ctx) => ctx.waitFor({ name: 'e' }, options))).toEqual(timed)
})

test('children and sent events have ids that derive from run and operation', async () => {
  const child = { kind: 'child', name: 'c', workflow: 'w', inputJson: '{"a":1}', childId: ID, onParentClose: 'cancel' }
  expect(await specOf((ctx) => ctx.child('c', { name: 'w' }, { a: 1 }))).toEqual(child)
  const abandoned = { ...child, inputJson: 'null', onParentClose: 'abandon' }
  const options = { onParentClose: 'abandon' } as const
  expect(await specOf((ctx) => ctx.child('c', { name: 'w' }, undefined, options))).toEqual(abandoned)
  const send = { kind: 'send', name: 's', event: 'e', to: { run: 'r' }, payloadJson: 'null', eventId: ID }
  expect(await specOf((ctx) => ctx.send('s', { name: 'e' }, { run: 'r' }, undefined))).toEqual(send)
  const keyed = await specOf((ctx) => ctx.send('s', { name: 'e' }, { key: 'k' }, [1]))
  expect(keyed).toEqual({ ...send, to: { key: 'k', broadcast: false }, payloadJson: '[1]' })
})

test('statements are kept as they were when they were asked for', async () => {
  const args = [1]
  const spec = await specOf((ctx) => {
    const op = ctx.sql('q', [{ sql: 'SELECT ?', args }, { sql: 'SELECT 1' }])
    args[0] = 2
    return op
  })
  const statements = [
    { sql: 'SELECT ?', args: [1] },
    { sql: 'SELECT 1', args: [] },
  ]
  expect(spec).toEqual({ kind: 'sql', name: 'q', statements })
})

test('WORKFLOWS 3: what is declared makes the hash, and what is only code does not', async () => {
  const different: Ask[] = [
    (ctx) => ctx.sleep('a', 1),
    (ctx) => ctx.sleep('a', 2),
    (ctx) => ctx.sleepUntil('a', 1),
    (ctx) => ctx.step('a', () => 1),
    (ctx) => ctx.tx('a', () => 1),
    (ctx) => ctx.waitFor({ name: 'a' }),
    (ctx) => ctx.waitFor({ name: 'a' }, { timeout: 1 }),
    (ctx) => ctx.child('a', { name: 'a' }, 1),
    (ctx) => ctx.child('a', { name: 'a' }, 2),
    (ctx) => ctx.send('a', { name: 'a' }, { key: 'k' }, 1),
    (ctx) => ctx.send('a', { name: 'a' }, { key: 'k', broadcast: true }, 1),
    ...[1, 1n, '1', null, new Uint8Array([1])].map(
      (arg) => (ctx: EmbeddedCtx) => ctx.sql('a', [{ sql: '?', args: [arg] }]),
    ),
  ]
  const hashes = await Promise.all(different.map(async (ask) => (await asked(ask)).hash))
  expect(new Set(hashes).size).toBe(different.length)
  const same: Ask[] = [
    (ctx) => ctx.step('a', () => 1),
    (ctx) => ctx.step('b', () => 2, { timeout: 1 }),
    (ctx) => ctx.step('c', () => 3, { retry: false }),
  ]
  const alike = await Promise.all(same.map(async (ask) => (await asked(ask)).hash))
  expect(new Set(alike).size).toBe(1)
})

test('what is asked for where no replay runs is thrown at once, so that nobody need await it', async () => {
  let place: string | undefined
  const thrown: unknown[] = []
  const body = async (ctx: EmbeddedCtx) => {
    place = 'the step "a"'
    for (const ask of [() => ctx.sleep('b', 1), () => ctx.waitFor({ name: 'e' }), () => ctx.emit(1)]) {
      try {
        void ask()
      } catch (error) {
        thrown.push(error)
      }
    }
    place = undefined
    return ctx.now()
  }
  const driver = new Driver({ body, options: { insideOf: () => place } })
  expect((await driver.run()).state).toMatchObject({ type: 'completed' })
  expect([driver.rows, driver.outputs]).toEqual([[], []])
  const refusal = (method: string) =>
    expect.objectContaining({
      code: 'nested_operation',
      message: `ctx.${method}() was called inside of the step "a", which no replay runs again: call it in the workflow's own function`,
    })
  expect(thrown).toEqual(['sleep', 'waitFor', 'emit'].map(refusal))
})

test('a NonRetryableError keeps its code and data', () => {
  const cause = new Error('below')
  const error = new NonRetryableError('no', { code: 'declined', data: { left: 2 }, cause })
  expect([error.cause, failed(error)]).toEqual([
    cause,
    { type: 'error', error: { code: 'declined', message: 'no', attempts: 1, data: '{"left":2}' } },
  ])
  expect(new NonRetryableError('no').code).toBe('step_failed')
})
