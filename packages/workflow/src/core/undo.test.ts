/** WORKFLOWS 17, 20 and 21 as far as the core knows them: losers, cancellation and compensation. */
import { expect, test } from 'vitest'
import type { EmbeddedCtx, Json } from '../api.ts'
import { CancelledError } from '../errors.ts'
import { type Body, Driver, failed, ok } from './fixtures/driver.ts'

const identities = (driver: Driver) => driver.rows.map((row) => row.identity)
const undoing = (name: string) => ({
  compensate: async (ctx: EmbeddedCtx, done: { readonly result?: unknown; readonly idempotencyKey: string }) => {
    await ctx.step(`undo ${name}`, () => 1)
    ctx.emit([name, 'result' in done ? (done.result as Json) : 'unknown'])
  },
})
const undone = (driver: Driver) =>
  driver.outputs.map((output) => ('json' in output ? JSON.parse(output.json ?? '') : undefined))

test('WORKFLOWS 17: the losers of a race are dropped with the turn that settles it, and what finished is undone', async () => {
  const driver = new Driver({
    body: async (ctx) => {
      const { key } = await ctx.race({
        slow: ctx.step('slow', () => 1),
        half: async (c) => {
          await c.step('first', () => 1, undoing('first'))
          await c.sleep('rest', '1d')
        },
        fast: ctx.sleep('fast', 1),
      })
      return key
    },
  })
  await driver.restart()
  await driver.deliver('race#1[half]/first#1', ok(7))
  const turn = await driver.deliver('fast#1', ok())
  expect(turn.dropped.map((seq) => identities(driver)[seq - 1])).toEqual(['slow#1', 'race#1[half]/rest#1'])
  expect(turn.state).toEqual({ type: 'waiting' })
  expect((await driver.run()).state).toEqual({ type: 'completed', json: '"fast"' })
  expect(undone(driver)).toEqual([['first', 7]])
})

test('WORKFLOWS 17: the older of two settled operations wins a race, and no function is begun for the rest', async () => {
  const driver = new Driver({
    body: async (ctx) => {
      const a = ctx.sleep('a', 1)
      const b = ctx.sleep('b', 1)
      await Promise.all([a, b])
      const { key } = await ctx.race({ late: async (c) => c.sleep('never', 1), a, b })
      return key
    },
    pick: (open) => open.at(-1),
  })
  expect((await driver.run()).state).toEqual({ type: 'completed', json: '"b"' })
  expect(identities(driver)).toEqual(['a#1', 'b#1'])
})

test('WORKFLOWS 17: a loser that had finished before its race is undone', async () => {
  const driver = new Driver({
    body: async (ctx) => {
      const first = ctx.step('first', () => 1, undoing('first'))
      const second = ctx.step('second', () => 2, undoing('second'))
      await ctx.all([first, second])
      await ctx.race({ second, first })
    },
  })
  await driver.run()
  expect(undone(driver)).toEqual([['second', 2]])
})

test('WORKFLOWS 17: an operation that wins under one key has not lost under another', async () => {
  const driver = new Driver({
    body: async (ctx) => {
      const one = ctx.step('one', () => 1, undoing('one'))
      return ctx.race({ a: one, b: one })
    },
  })
  expect((await driver.run()).state).toEqual({ type: 'completed', json: '{"key":"a","value":1}' })
  expect(identities(driver)).toEqual(['one#1'])
})

test('WORKFLOWS 17: a rejection settles a race too', async () => {
  const driver = new Driver({
    body: async (ctx) => {
      try {
        await ctx.race({ bad: ctx.step('bad', () => 1), good: ctx.sleep('good', 1) })
      } catch (error) {
        return String(error)
      }
      return 'no'
    },
  })
  await driver.restart()
  const turn = await driver.deliver('bad#1', failed(new Error('declined')))
  expect([turn.state, turn.dropped]).toEqual([{ type: 'completed', json: '"StepError: declined"' }, [2]])
})

test('WORKFLOWS 20: a cancellation rejects what is open, in order, and refuses what is new, but for shielded', async () => {
  const driver = new Driver({
    body: async (ctx) => {
      const seen: string[] = []
      const see = (error: unknown) => seen.push(String(error))
      await Promise.all([ctx.sleep('a', 1).catch(see), ctx.sleep('b', 1).catch(see)])
      await ctx.step('new', () => 1).catch(see)
      await ctx.shielded((c) => c.step('kept', () => 1))
      ctx.set('seen', seen)
      throw new CancelledError()
    },
  })
  await driver.restart()
  const turn = await driver.cancel()
  expect(turn).toMatchObject({
    cancelledAfter: 0,
    cancelled: [
      { seq: 1, number: 1 },
      { seq: 2, number: 2 },
    ],
  })
  expect(turn.asked.map((one) => one.identity)).toEqual(['kept#1'])
  expect((await driver.cancel()).cancelled).toEqual([])
  expect((await driver.restart()).state).toEqual({ type: 'waiting' })
  expect((await driver.deliver('kept#1', ok())).state).toEqual({ type: 'cancelled' })
  expect(undone(driver)).toEqual([Array(3).fill('CancelledError: the run was cancelled')])
  expect((await driver.cancel()).cancelledAfter).toBeUndefined()
})

test('WORKFLOWS 22: an execution says what a cancellation would reject', async () => {
  const driver = new Driver({
    body: async (ctx) => {
      await Promise.all([ctx.sleep('a', 1).catch(() => 0), ctx.shielded((c) => c.sleep('b', 1))])
      throw new Error('no')
    },
  })
  await driver.restart()
  expect(driver.execution.rejectable()).toEqual([1])
  await driver.cancel()
  expect(driver.execution.rejectable()).toEqual([])
  await driver.deliver('b#1', ok())
  expect(driver.execution.rejectable()).toEqual([])
})

test('WORKFLOWS 20: what a branch drops when another is cancelled is not cancelled as well', async () => {
  const driver = new Driver({ body: async (ctx) => ctx.all([ctx.sleep('a', 1), ctx.sleep('b', 1)]) })
  await driver.restart()
  const turn = await driver.cancel()
  expect([turn.state, turn.cancelled, turn.dropped]).toEqual([{ type: 'cancelled' }, [{ seq: 1, number: 1 }], [2]])
})

test('WORKFLOWS 20: a cancellation that was asked for before a crash takes effect behind the replay', async () => {
  const driver = new Driver({ body: async (ctx) => [await ctx.sleep('a', 1), await ctx.sleep('b', 1)] })
  await driver.restart()
  await driver.deliver('a#1', ok())
  driver.isCancelled = true
  const turn = await driver.restart()
  expect(turn).toMatchObject({ state: { type: 'cancelled' }, cancelledAfter: 1, cancelled: [{ seq: 2, number: 2 }] })
  expect(turn.reopened).toEqual([])
})

test('WORKFLOWS 20: a cancellation does not move the time, as it is applied before it has one', async () => {
  const driver = new Driver({
    body: async (ctx) => ctx.sleep('a', 1).catch(() => ctx.shielded((c) => c.sleep('b', 1))),
  })
  await driver.restart()
  const [asked] = (await driver.cancel()).asked
  expect((await driver.restart()).reopened).toEqual([asked])
})

test('WORKFLOWS 20: a run that is compensating already is not cancelled', async () => {
  const driver = new Driver({ body: TWO, pick: (open) => open.find(({ identity }) => !identity.startsWith('comp')) })
  await driver.run()
  expect(await driver.cancel()).toMatchObject({ state: { type: 'waiting' }, cancelledAfter: undefined, cancelled: [] })
  driver.isCancelled = true
  expect((await driver.restart()).reopened.map((one) => one.identity)).toEqual(['compensate[b%231]/undo b#1'])
})

test('WORKFLOWS 20: a cancelled body cannot go on as another run', async () => {
  const driver = new Driver({ body: async (ctx) => ctx.sleep('a', 1).catch(() => ctx.continueAs(1)) })
  await driver.restart()
  expect((await driver.cancel()).state).toEqual({ type: 'cancelled' })
})

test('WORKFLOWS 20: a CancelledError of a run that was not cancelled is a failure', async () => {
  const body: Body = async () => {
    throw new CancelledError()
  }
  expect((await new Driver({ body }).run()).state.type).toBe('failed')
})

test('WORKFLOWS 20: an operation that was cancelled by itself does not cancel the run on replay', async () => {
  const driver = new Driver({
    body: async (ctx) => {
      await ctx.child('c', { name: 'w' }, 1).catch(() => 0)
      await ctx.step('a', () => 1).catch(() => ctx.step('refused', () => 1).catch(() => 0))
      await ctx.shielded((c) => c.step('b', () => 1))
    },
  })
  await driver.restart()
  await driver.deliver('c#1', { type: 'cancelled' })
  await driver.cancel()
  expect(identities(driver)).toEqual(['c#1', 'a#1', 'b#1'])
  expect((await driver.restart()).state).toEqual({ type: 'waiting' })
})

test('WORKFLOWS 21: what was done is undone in reverse order of completion, before the run has failed', async () => {
  const driver = new Driver({
    body: async (ctx) => {
      const a = ctx.step('a', () => 'A', undoing('a'))
      const b = ctx.tx('b', () => 'B', undoing('b'))
      const refused = ctx.step('c', () => 1, undoing('c')).catch(() => 0)
      const unsure = ctx.step('d', () => 1, undoing('d')).catch(() => 0)
      await Promise.all([a, b, refused, unsure])
      void ctx.step('open', () => 1, undoing('open'))
      void ctx.tx('open tx', () => 1, undoing('open tx'))
      throw new Error('no')
    },
    crash: 'after each commit',
  })
  await driver.restart()
  await driver.deliver('b#1', ok('B'))
  await driver.deliver('d#1', { type: 'error', error: { code: 'step_timeout', message: '', attempts: 3 } })
  await driver.deliver('c#1', { type: 'error', error: { code: 'declined', message: '', attempts: 3 } })
  const turn = await driver.deliver('a#1', ok('A'))
  expect([turn.state, turn.isCompensating]).toEqual([{ type: 'waiting' }, true])
  expect(await driver.run()).toMatchObject({
    state: { type: 'failed', error: { message: 'no' } },
    isCompensating: false,
  })
  expect(undone(driver)).toEqual([
    ['open', 'unknown'],
    ['a', 'A'],
    ['d', 'unknown'],
    ['b', 'B'],
  ])
})

test('WORKFLOWS 21: what branches of branches did is undone too, when they lose and when the run fails', async () => {
  const driver = new Driver({
    body: async (ctx) => {
      await ctx.race({
        deep: (c) =>
          c.all({ inner: async (d) => [await d.step('lost', () => 1, undoing('lost')), await d.sleep('z', 1)] }),
        won: async (c) => [await c.sleep('won', 1), await c.step('kept', () => 1, undoing('kept'))],
      })
      await ctx.sleep('nap', 1)
      throw new Error('no')
    },
    pick: (open) => open.find(({ identity }) => !identity.endsWith('z#1')),
  })
  expect((await driver.run()).state.type).toBe('failed')
  expect(undone(driver)).toEqual([
    ['lost', 1],
    ['kept', 1],
  ])
})

test('WORKFLOWS 21: what was open when an all failed is undone, though the run goes on', async () => {
  const driver = new Driver({
    body: async (ctx) => ctx.all([ctx.step('bad', () => 1), ctx.step('open', () => 1, undoing('open'))]).catch(() => 1),
  })
  await driver.restart()
  await driver.deliver('bad#1', failed(new Error('no')))
  expect((await driver.run()).state).toEqual({ type: 'completed', json: '1' })
  expect(undone(driver)).toEqual([['open', 'unknown']])
})

test('WORKFLOWS 21: a tx that turns out to be done after it was dropped is undone then', async () => {
  const driver = new Driver({
    body: async (ctx) => {
      await ctx.race({ lost: ctx.tx('lost', () => 1, undoing('lost')), won: ctx.sleep('won', 1) })
      await ctx.sleep('nap', 1)
    },
  })
  await driver.restart()
  const lost = driver.completion('lost#1', ok(5), 2)
  const turn = await driver.deliverAll([driver.completion('won#1', ok()), lost])
  expect(turn.asked.map((one) => one.identity)).toEqual(['nap#1', 'compensate[lost%231]/undo lost#1'])
  expect((await driver.restart()).reopened).toHaveLength(2)
  await driver.run()
  expect(undone(driver)).toEqual([['lost', 5]])
})

test('WORKFLOWS 21: what a compensation did is never undone itself', async () => {
  const driver = new Driver({
    body: async (ctx) => {
      await ctx.race({
        lost: ctx.step('lost', () => 1, {
          compensate: async (c) => {
            await c.step('refund', () => 1, undoing('refund'))
          },
        }),
        won: ctx.sleep('won', 1),
      })
      await ctx.sleep('nap', 1)
      throw new Error('late')
    },
    pick: (open) => open.find((one) => one.identity !== 'lost#1'),
  })
  expect((await driver.run()).state.type).toBe('failed')
  expect(identities(driver)).toEqual(['lost#1', 'won#1', 'compensate[lost%231]/refund#1', 'nap#1'])
})

const TWO: Body = async (ctx) => {
  await ctx.step('a', () => 1, undoing('a'))
  await ctx.step('b', () => 1, undoing('b'))
  throw new Error('no')
}

test('WORKFLOWS 21: a compensation that fails for good stops the rest, until it is retried', async () => {
  const driver = new Driver({
    body: TWO,
    perform: ({ identity }) => (identity.includes('undo b') ? failed('no') : ok()),
  })
  const { state } = await driver.run()
  expect(state).toMatchObject({ type: 'stuck', compensated: 'b#1', seq: 3, error: { code: 'not_an_error' } })
  expect(identities(driver)).toHaveLength(3)
  delete driver.rows[2]?.completion
  driver.completedCount -= 1
  expect((await driver.restart()).reopened.map((one) => one.seq)).toEqual([3])
  await driver.deliver('compensate[b%231]/undo b#1', ok())
  expect((await driver.deliver('compensate[a%231]/undo a#1', ok())).state.type).toBe('failed')
})

test('WORKFLOWS 21: a compensation that is skipped lets the rest go on', async () => {
  const driver = new Driver({
    body: TWO,
    perform: ({ identity }) => (identity.includes('undo b') ? failed('no') : ok()),
  })
  await driver.run()
  driver.skipped.push('b#1')
  expect((await driver.run()).state.type).toBe('failed')
  expect(identities(driver).at(-1)).toBe('compensate[a%231]/undo a#1')
})

const undoneBy =
  (compensate: () => Promise<void>): Body =>
  async (ctx) => {
    await ctx.step('a', () => 1, { compensate })
    throw new Error('no')
  }

test('WORKFLOWS 21: a compensation may fail by itself', async () => {
  for (const [thrown, code] of [
    [new Error('a bug'), 'failed'],
    ['a bug', 'not_an_error'],
  ] as const) {
    const { state } = await new Driver({ body: undoneBy(() => Promise.reject(thrown)) }).run()
    expect(state).toMatchObject({ type: 'stuck', compensated: 'a#1', seq: undefined, error: { code } })
  }
})

test('WORKFLOWS 8: a compensation that awaits what is no operation is stalled', async () => {
  const turn = await new Driver({ body: undoneBy(() => new Promise(() => undefined)) }).run()
  expect([turn.state, turn.isCompensating]).toEqual([{ type: 'stalled' }, true])
})

const LOSERS: Body = async (ctx) => {
  await ctx.race({
    a: ctx.step('a', () => 1, undoing('a')),
    b: ctx.step('b', () => 1, undoing('b')),
    won: ctx.sleep('won', 1),
  })
  await ctx.sleep('nap', 1)
  await ctx.sleep('nip', 1)
}

/** Undoing b failed in the middle of the body, which then went on to its end. */
async function stuckBehind(): Promise<Driver> {
  const driver = new Driver({ body: LOSERS })
  await driver.restart()
  await driver.deliver('won#1', ok())
  await driver.deliver('compensate[b%231]/undo b#1', failed(new Error('no')))
  await driver.deliver('nap#1', ok())
  expect((await driver.deliver('nip#1', ok())).state).toMatchObject({ type: 'stuck', compensated: 'b#1', seq: 4 })
  return driver
}

test('WORKFLOWS 21: a skipped compensation of a loser keeps the record as it is', async () => {
  const driver = await stuckBehind()
  driver.skipped.push('b#1')
  expect((await driver.run()).state.type).toBe('completed')
  expect(identities(driver).slice(3)).toEqual([
    'compensate[b%231]/undo b#1',
    'nap#1',
    'nip#1',
    'compensate[a%231]/undo a#1',
  ])
  expect((await driver.restart()).state.type).toBe('completed')
})

test('WORKFLOWS 21: a retried compensation of a loser keeps the record as it is', async () => {
  const driver = await stuckBehind()
  delete driver.rows[3]?.completion
  for (const row of driver.rows)
    if (row.completion !== undefined && row.completion.number > 2)
      row.completion = { ...row.completion, number: row.completion.number - 1 }
  driver.completedCount -= 1
  expect((await driver.restart()).reopened.map((one) => one.seq)).toEqual([4])
  expect((await driver.run()).state.type).toBe('completed')
  expect(undone(driver)).toEqual([
    ['b', 'unknown'],
    ['a', 'unknown'],
  ])
})
