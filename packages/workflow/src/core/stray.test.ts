/** What a body leaves behind: rejections and exceptions that nobody hears, and what goes on when it is thrown away. */
import { expect, test } from 'vitest'
import { CancelledError } from '../errors.ts'
import { type Body, Driver, macrotask } from './fixtures/driver.ts'
import { Pledge } from './pledge.ts'

const cleansUp: Body = async (ctx) => {
  try {
    await ctx.sleep('long', '1d')
  } finally {
    await ctx.shielded((c) => c.step('clean', () => 1))
  }
}

async function cancelled(): Promise<Driver> {
  const driver = new Driver({ body: cleansUp, perform: () => undefined })
  await driver.restart()
  expect((await driver.cancel()).state).toEqual({ type: 'waiting' })
  return driver
}

test('what a cancellation rejects and nobody hears is no failure of the body', async () => {
  const driver = await cancelled()
  driver.execution.stray(new CancelledError())
  expect((await driver.look()).state).toEqual({ type: 'waiting' })
})

test('anything else fails it, though it cannot be asked what it is', async () => {
  const { proxy, revoke } = Proxy.revocable(new Error('x'), {})
  revoke()
  const [rejected, thrown] = [await cancelled(), await cancelled()]
  rejected.execution.stray(proxy)
  expect((await rejected.look()).state).toMatchObject({ type: 'failed', error: { code: 'unhandled_rejection' } })
  thrown.execution.stray(new Error('out of a timer'), 'uncaught_exception')
  const error = { code: 'uncaught_exception', message: 'a callback threw: out of a timer', attempts: 1 }
  expect((await thrown.look()).state).toEqual({ type: 'failed', error })
})

test('body and compensations are called through who confines them', async () => {
  const called: string[] = []
  const body: Body = async (ctx) => {
    called.push('body')
    await ctx.tx('pay', () => 1, { compensate: async () => void called.push('compensation') })
    throw new Error('no')
  }
  const confine = <T>(act: () => T): T => {
    called.push('confined')
    return act()
  }
  const { state } = await new Driver({ body, options: { confine } }).run()
  expect([state.type, called]).toEqual(['failed', ['confined', 'body', 'confined', 'compensation']])
})

test('what is thrown away undoes nothing, whatever its branches do then', async () => {
  const late = Promise.withResolvers<never>()
  const undone: string[] = []
  const body: Body = async (ctx) => {
    const compensate = async () => void undone.push('pay')
    await ctx.all([() => late.promise, async (c) => c.step('pay', () => 1, { compensate }).then(() => c.sleep('a', 1))])
  }
  const driver = new Driver({
    body,
    perform: ({ spec }) => (spec.kind === 'step' ? { type: 'ok', json: '1' } : undefined),
  })
  expect((await driver.run()).state).toEqual({ type: 'waiting' })
  driver.execution.discard()
  late.reject(new Error('too late'))
  await macrotask()
  expect(undone).toEqual([])
})

test('a promise that is handed out settles once, and not when it was dropped', async () => {
  const order = { count: 0 }
  const pledge = new Pledge('a', order, () => undefined)
  pledge.resolve(1)
  pledge.reject(new Error('no'))
  expect([await pledge.op, order.count]).toEqual([1, 1])
  const dropped = new Pledge('b', order, () => undefined)
  dropped.drop('ended')
  dropped.reject(new Error('no'))
  dropped.resolve(1)
  expect([dropped.settledAs, order.count]).toEqual([undefined, 1])
})
