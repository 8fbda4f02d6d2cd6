/** Runs that do not simply complete: failures and retries, cancellation, termination, and what puts a run aside. */
import { systemClock } from '@tenax/kernel'
import { event, NonRetryableError, workflow } from '@tenax/workflow'
import { expect, it } from 'vitest'
import { z } from 'zod'
import {
  ACME,
  codeOf,
  heldFile,
  hostMaker,
  macrotasks,
  type OpenHost,
  SteppedClock,
  until,
} from './fixtures/test-bed.ts'

const openHost = hostMaker()
const empty = z.object({})
const go = event('go', z.null())

const status = async (host: OpenHost, run: string) => (await host.workflows.get(ACME, run)).status
const hasOpen = (host: OpenHost, run: string, kind: string) => async () =>
  (await host.workflows.steps(ACME, run)).some((step) => step.kind === kind && step.status === 'open')

it('tries a failing step again after its waits, and counts attempts across restarts', async () => {
  const clock = new SteppedClock()
  const attempts: [number, unknown][] = []
  const flaky = workflow({ name: 'flaky', input: empty }, (ctx) =>
    ctx.step(
      'try',
      ({ number, last, progress }) => {
        attempts.push([number, last])
        progress({ seen: number })
        if (number < 4) throw new Error(`attempt ${number}`)
        return number
      },
      { retry: { attempts: 4, first: '10s', factor: 2, max: '15s', jitter: false } },
    ),
  )
  const first = await openHost({ workflows: [flaky], clock })
  const run = await first.start('flaky')
  const attempted = (host: OpenHost, count: number) => async () =>
    (await host.workflows.steps(ACME, run))[0]?.attempts === count && (await status(host, run)) === 'waiting'
  await until(attempted(first, 1))
  const [step] = await first.workflows.steps(ACME, run)
  expect(step).toMatchObject({
    status: 'open',
    dueAtMs: clock.nowMs() + 10_000,
    error: { code: 'failed', message: 'attempt 1' },
  })
  clock.advance(9_999)
  await first.sql('SELECT 1')
  expect(attempts.length).toBe(1)
  clock.advance(1)
  await until(attempted(first, 2))
  expect((await first.workflows.steps(ACME, run))[0]?.dueAtMs).toBe(clock.nowMs() + 15_000)
  await first.close()
  clock.advance(20_000)
  const second = await openHost({ workflows: [flaky], clock, dataPath: first.dataPath })
  await until(attempted(second, 3))
  clock.advance(15_000)
  await until(async () => (await status(second, run)) === 'completed')
  expect((await second.workflows.get(ACME, run)).output).toBe(4)
  expect(attempts).toEqual([
    [1, undefined],
    [2, { seen: 1 }],
    [3, { seen: 2 }],
    [4, { seen: 3 }],
  ])
})

it('begins no further attempt before the one before it is recorded', async () => {
  const clock = new SteppedClock()
  const fail = Promise.withResolvers<void>()
  const attempts: number[] = []
  const flaky = workflow({ name: 'flaky', input: empty }, (ctx) =>
    ctx.step('try', async ({ number }) => {
      attempts.push(number)
      if (number === 1) await fail.promise
    }),
  )
  const host = await openHost({ workflows: [flaky], clock })
  await host.start('flaky')
  await until(() => attempts.length === 1)
  const release = await heldFile(host)
  fail.reject(new Error('too early'))
  await macrotasks(20)
  // Longer than the wait for the next attempt, shorter than that for a turn at the file.
  clock.advance(12_000)
  await macrotasks(20)
  expect(attempts).toEqual([1])
  release()
  await until(() => {
    clock.advance(1)
    return attempts.length > 1
  })
  expect(attempts).toEqual([1, 2])
})

it('keeps what it has in memory while the file of its tenant has no turn to give', async () => {
  const clock = new SteppedClock()
  const end = Promise.withResolvers<void>()
  let count = 0
  const slow = workflow({ name: 'slow', input: empty }, (ctx) =>
    ctx.step('work', () => {
      count += 1
      return end.promise
    }),
  )
  const host = await openHost({ workflows: [slow], clock })
  const run = await host.start('slow')
  await until(() => count === 1)
  const release = await heldFile(host)
  end.resolve()
  await macrotasks(20)
  clock.advance(16_000)
  await macrotasks(20)
  release()
  await until(async () => {
    clock.advance(50)
    return (await status(host, run)) === 'completed'
  })
  expect([count, host.events]).toEqual([1, []])
})

it('fails a run with the error of a step that nobody caught, and tries a NonRetryableError once', async () => {
  let count = 0
  const failing = workflow({ name: 'failing', input: empty }, (ctx) =>
    ctx.step('charge', () => {
      count += 1
      throw new NonRetryableError('no money', { code: 'no_money', data: { missing: 3 } })
    }),
  )
  const host = await openHost({ workflows: [failing] })
  const run = await host.ended(await host.start('failing'))
  expect(run).toMatchObject({
    status: 'failed',
    error: { code: 'no_money', message: 'no money', data: { missing: 3 } },
  })
  expect(count).toBe(1)
})

it('fails a step or a tx that throws what cannot be read, and its tenant goes on', async () => {
  const oddities: Record<string, () => unknown> = {
    'message no text': () => Object.assign(new Error('x'), { message: { reason: 1 } }),
    'message a symbol': () => Object.assign(new Error('x'), { message: Symbol('x') }),
    'no prototype': () => Object.create(null),
    'a getter that throws': () => Object.defineProperty(new Error('x'), 'code', { get: () => JSON.parse('{') }),
  }
  const odd = workflow({ name: 'odd', input: z.object({ what: z.string() }) }, async (ctx, { what }) => {
    const fail = () => {
      throw oddities[what]?.()
    }
    const when = fail
    const codes = []
    for (const op of [
      () => ctx.step('step', fail, { retry: false }),
      () => ctx.step('when', fail, { retry: { when } }),
      () => ctx.tx('tx', fail),
    ])
      codes.push(await op().catch((error) => error.code))
    return codes
  })
  const host = await openHost({ workflows: [odd] })
  for (const what of Object.keys(oddities)) {
    const { output } = await host.ended(await host.start('odd', { what }))
    expect([what, output]).toEqual([what, Array(3).fill(what === 'no prototype' ? 'not_an_error' : 'failed')])
  }
})

it('rolls a tx back that throws, and gives its error to the body', async () => {
  const odd = workflow({ name: 'odd', input: empty }, async (ctx) => {
    await ctx.tx('make', (db) => db.run('CREATE TABLE t (a INTEGER UNIQUE)'))
    const failure = await ctx
      .tx('twice', (db) => {
        db.run('INSERT INTO t VALUES (1)')
        return db.run('INSERT INTO t VALUES (1)').changes
      })
      .catch((error) => error.code)
    const own = await ctx.tx('steal', (db) => db.run('DELETE FROM tenax_run').changes).catch((error) => error.code)
    return [failure, own, await ctx.tx('count', (db) => db.one<{ n: number }>('SELECT count(*) AS n FROM t').n)]
  })
  const host = await openHost({ workflows: [odd] })
  const { output } = await host.ended(await host.start('odd'))
  expect(output).toEqual([expect.stringMatching(/^SQLITE_CONSTRAINT|^sql_/), 'sql_refused', 0])
})

function saga() {
  const ran: string[] = []
  const trip = workflow({ name: 'trip', input: empty }, async (ctx) => {
    const undo = (name: string) => ({
      compensate: async (inner: typeof ctx) =>
        void (await inner.step(`undo ${name}`, () => void ran.push(`undo ${name}`))),
    })
    await ctx.step('hotel', () => void ran.push('hotel'), undo('hotel'))
    await ctx.step('flight', () => void ran.push('flight'), undo('flight'))
    await ctx.waitFor(go)
    return 'gone'
  })
  return { trip, ran }
}

it('runs compensations in reverse when a run is cancelled, and cancels once', async () => {
  const { trip, ran } = saga()
  const host = await openHost({ workflows: [trip] })
  const run = await host.start('trip')
  await until(hasOpen(host, run, 'wait'))
  expect((await host.workflows.cancel(ACME, run)).cancelRequestedAtMs).toBeTypeOf('number')
  expect((await host.ended(run)).status).toBe('cancelled')
  expect(ran).toEqual(['hotel', 'flight', 'undo flight', 'undo hotel'])
  expect(await codeOf(host.workflows.cancel(ACME, run))).toBe('run_ended')
})

it('cancels behind a restart what was asked to end before it', async () => {
  const { trip, ran } = saga()
  const first = await openHost({ workflows: [trip] })
  const run = await first.start('trip')
  await until(hasOpen(first, run, 'wait'))
  const asked = first.workflows.cancel(ACME, run)
  await Promise.all([asked, first.close()])
  const second = await openHost({ workflows: [trip], dataPath: first.dataPath })
  expect((await second.ended(run)).status).toBe('cancelled')
  expect(new Set(ran)).toEqual(new Set(['hotel', 'flight', 'undo flight', 'undo hotel']))
})

it('ends a run at once when it is terminated, aborts its step, and undoes nothing', async () => {
  const ran: string[] = []
  const stubborn = workflow({ name: 'stubborn', input: empty }, async (ctx) => {
    await ctx.step('first', () => 1, { compensate: async () => void ran.push('undone') })
    await ctx.step(
      'hang',
      ({ signal }) =>
        new Promise((resolve) => {
          ran.push('begun')
          signal.addEventListener('abort', () => {
            ran.push('aborted')
            resolve(1)
          })
        }),
    )
    ran.push('went on')
  })
  const host = await openHost({ workflows: [stubborn] })
  const run = await host.start('stubborn')
  await until(() => ran.length > 0)
  const ended = host.ended(run)
  expect((await host.workflows.terminate(ACME, run)).status).toBe('terminated')
  expect((await ended).status).toBe('terminated')
  await until(() => ran.length > 1)
  expect(ran).toEqual(['begun', 'aborted'])
})

it('leaves a run alone whose workflow is not loaded, says why, and goes on when it is', async () => {
  const patient = workflow({ name: 'patient', input: empty }, async (ctx) => {
    await ctx.waitFor(go)
    return 'went'
  })
  const first = await openHost({ workflows: [patient] })
  const run = await first.start('patient')
  await until(hasOpen(first, run, 'wait'))
  await first.close()
  const other = workflow({ name: 'other', input: empty }, async () => 'fine')
  const second = await openHost({ workflows: [other], dataPath: first.dataPath })
  expect((await second.workflows.get(ACME, run)).blockedReason).toBeUndefined()
  await second.workflows.send(ACME, { name: 'go', run, payload: null })
  await until(async () => (await second.workflows.get(ACME, run)).blockedReason !== undefined)
  expect((await second.workflows.get(ACME, run)).blockedReason).toMatch(/^workflow_unknown: .*"patient"/)
  expect(second.events).toMatchObject([{ type: 'run_blocked', run }])
  expect((await second.ended(await second.start('other'))).output).toBe('fine')
  await second.close()
  const third = await openHost({ workflows: [patient], dataPath: first.dataPath })
  expect((await third.ended(run)).output).toBe('went')
})

it('blocks a run whose code asks for something else, names both sides, and goes on with the old code', async () => {
  const ran: string[] = []
  const body = (name: string) =>
    workflow({ name: 'changing', input: empty }, async (ctx) => {
      await ctx.step(name, () => void ran.push(name))
      await ctx.waitFor(go)
      return name
    })
  const before = body('old')
  const after = workflow({ name: 'changing', input: empty }, async (ctx) => {
    await ctx.step('new', () => void ran.push('new'))
    return 'new'
  })
  const first = await openHost({ workflows: [before] })
  const run = await first.start('changing')
  await until(hasOpen(first, run, 'wait'))
  await first.close()
  const second = await openHost({ workflows: [after], dataPath: first.dataPath })
  await second.workflows.send(ACME, { name: 'go', run, payload: null })
  await until(async () => (await second.workflows.get(ACME, run)).blockedReason !== undefined)
  expect((await second.workflows.get(ACME, run)).blockedReason).toMatch(/^workflow_changed: .*old.*new/)
  expect(second.events).toMatchObject([{ type: 'run_blocked' }])
  await second.close()
  const third = await openHost({ workflows: [before], dataPath: first.dataPath })
  expect((await third.ended(run)).output).toBe('old')
  expect(ran).toEqual(['old'])
})

it('goes on with a run whose code is there, however many are blocked before it', async () => {
  const named = (name: string) =>
    workflow({ name, input: empty }, async (ctx) => {
      await ctx.waitFor(go)
      return 'went'
    })
  const first = await openHost({ workflows: [named('gone'), named('back')] })
  const gone = await Promise.all(Array.from({ length: 101 }, () => first.start('gone')))
  const run = await first.start('back')
  await until(hasOpen(first, run, 'wait'))
  await first.close()
  const second = await openHost({ workflows: [], dataPath: first.dataPath })
  for (const to of [...gone, run]) await second.workflows.send(ACME, { name: 'go', run: to, payload: null })
  await until(() => second.events.length === 102)
  await second.close()
  const third = await openHost({ workflows: [named('back')], dataPath: first.dataPath })
  expect((await third.ended(run)).output).toBe('went')
  expect((await third.workflows.get(ACME, gone[0] ?? '')).blockedReason).toMatch(/^workflow_unknown/)
})

it('looks again at a body that awaits something of its own', async () => {
  const clock = systemClock
  const stuck = workflow({ name: 'stuck', input: empty }, async () => {
    await new Promise((resolve) => clock.after(30, () => resolve(undefined)))
    return 'slow, but there'
  })
  const host = await openHost({ workflows: [stuck] })
  expect((await host.ended(await host.start('stuck'))).output).toBe('slow, but there')
})

it('gives a parent the failure of its child, and cancels the child with its parent', async () => {
  const child = workflow({ name: 'child', input: z.object({ fails: z.boolean() }) }, async (ctx, { fails }) => {
    if (fails) await ctx.step('fail', () => Promise.reject(new NonRetryableError('no', { code: 'child_says_no' })))
    await ctx.waitFor(go)
  })
  const parent = workflow({ name: 'parent', input: z.object({ fails: z.boolean() }) }, async (ctx, input) =>
    ctx.child('kid', child, input).catch((error) => {
      if (error.name === 'CancelledError') throw error
      return error.code
    }),
  )
  const host = await openHost({ workflows: [parent, child] })
  expect((await host.ended(await host.start('parent', { fails: true }))).output).toBe('child_says_no')
  const run = await host.start('parent', { fails: false })
  await until(hasOpen(host, run, 'child'))
  const kid = (await host.workflows.steps(ACME, run))[0]?.child ?? ''
  await until(hasOpen(host, kid, 'wait'))
  await host.workflows.cancel(ACME, run)
  expect([(await host.ended(run)).status, (await host.ended(kid)).status]).toEqual(['cancelled', 'cancelled'])
})

it('goes on as a successor with continueAs, whose result its starter finds', async () => {
  const counting = workflow({ name: 'counting', input: z.object({ n: z.number() }) }, async (ctx, { n }) => {
    await ctx.step('work', () => n)
    if (n < 3) ctx.continueAs({ n: n + 1 })
    return n
  })
  const host = await openHost({ workflows: [counting] })
  const first = await host.ended(await host.start('counting', { n: 1 }))
  expect(first.status).toBe('continued')
  const second = await host.ended(first.successor ?? '')
  expect((await host.ended(second.successor ?? '')).output).toBe(3)
})

it('replays a body that awaits something of its own between what is recorded', async () => {
  const slow = workflow({ name: 'slow', input: empty }, async (ctx) => {
    await new Promise((resolve) => systemClock.after(20, () => resolve(undefined)))
    await ctx.step('work', () => 1)
    await ctx.waitFor(go)
    return 'went'
  })
  const first = await openHost({ workflows: [slow] })
  const run = await first.start('slow')
  await until(hasOpen(first, run, 'wait'))
  await first.close()
  const second = await openHost({ workflows: [slow], dataPath: first.dataPath })
  await second.workflows.send(ACME, { name: 'go', run, payload: null })
  expect((await second.ended(run)).output).toBe('went')
})
