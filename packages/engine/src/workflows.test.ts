/** Whole runs over a real tenancy: every kind of operation, and a restart in the middle of them. */
import { event, workflow } from '@tenax/workflow'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { ACME, codeOf, hostMaker, type OpenHost, until } from './fixtures/test-bed.ts'

const openHost = hostMaker()
const empty = z.object({})
const approval = event('approval', z.object({ by: z.string() }))
const double = workflow({ name: 'double', input: z.object({ value: z.number() }) }, async (ctx, { value }) => {
  await ctx.sleep('a moment', 1)
  return value * 2
})

/** A workflow with one operation of each kind, and the names of the steps that ran. */
function everything() {
  const ran: string[] = []
  const order = workflow({ name: 'order', input: z.object({ amount: z.number() }) }, async (ctx, { amount }) => {
    const charge = await ctx.step('charge', ({ idempotencyKey, number }) => {
      ran.push('charge')
      return { key: idempotencyKey, number, amount }
    })
    await ctx.sleep('rest', 2)
    await ctx.tx('make', (db) => db.run('CREATE TABLE IF NOT EXISTS paid (amount INTEGER)'))
    const { changes } = await ctx.tx('write', (db) => db.run('INSERT INTO paid VALUES (?)', amount))
    const [read] = await ctx.sql<{ total: number }>('read', [{ sql: 'SELECT sum(amount) AS total FROM paid' }])
    ctx.set('stage', 'waiting')
    ctx.emit({ total: read?.rows[0]?.total ?? null })
    const approved = await ctx.waitFor(approval, { key: 'order' })
    const doubled = await ctx.child('twice', double, { value: amount })
    await ctx.step('ship', () => void ran.push('ship'))
    return { charged: charge.amount, attempt: charge.number, changes, total: read?.rows[0]?.total, approved, doubled }
  })
  return { order, ran }
}

const waits = (host: OpenHost, run: string) => async () => (await host.workflows.get(ACME, run)).status === 'waiting'
const isAt = (host: OpenHost, run: string, kind: string) => async () => {
  const steps = await host.workflows.steps(ACME, run)
  return steps.some((step) => step.kind === kind && step.status === 'open')
}

it('takes a run through every kind of operation to its result', async () => {
  const { order, ran } = everything()
  const host = await openHost({ workflows: [order, double] })
  const run = await host.start('order', { amount: 7 })
  await until(isAt(host, run, 'wait'))
  await host.workflows.send(ACME, { name: 'approval', key: 'order', payload: { by: 'ann' } })
  const { status, output, values, error } = await host.ended(run)
  expect({ status, output, values, error }).toEqual({
    status: 'completed',
    output: { charged: 7, attempt: 1, changes: 1, total: 7, approved: { by: 'ann' }, doubled: 14 },
    values: { stage: 'waiting' },
    error: undefined,
  })
  expect(ran).toEqual(['charge', 'ship'])
  const steps = await host.workflows.steps(ACME, run)
  expect(steps.map(({ kind, status: state, attempts }) => `${kind} ${state} ${attempts}`)).toEqual([
    'step completed 1',
    'sleep completed 0',
    'tx completed 0',
    'tx completed 0',
    'sql completed 0',
    'wait completed 0',
    'child completed 0',
    'step completed 1',
  ])
  expect((await host.workflows.outputs(ACME, run)).map(({ value }) => value)).toEqual([{ total: 7 }])
})

it('goes on after a restart where it was, without running a recorded step again', async () => {
  const { order, ran } = everything()
  const first = await openHost({ workflows: [order, double] })
  const run = await first.start('order', { amount: 3 })
  await until(isAt(first, run, 'wait'))
  await first.close()
  const second = await openHost({ workflows: [order, double], dataPath: first.dataPath })
  expect(
    await second.workflows.send(ACME, { name: 'approval', key: 'order', payload: { by: 'bob' }, id: 'e1' }),
  ).toMatchObject({ isNew: true })
  expect(
    await second.workflows.send(ACME, { name: 'approval', key: 'order', payload: { by: 'bob' }, id: 'e1' }),
  ).toMatchObject({ isNew: false })
  expect((await second.ended(run)).output).toMatchObject({ total: 3, approved: { by: 'bob' }, doubled: 6 })
  expect(ran).toEqual(['charge', 'ship'])
})

it('wakes a sleeping run after a restart, without anybody touching its tenant', async () => {
  const nap = workflow({ name: 'nap', input: empty }, async (ctx) => {
    await ctx.sleep('short', 300)
    return 'awake'
  })
  const first = await openHost({ workflows: [nap] })
  const run = await first.start('nap')
  await first.close()
  const second = await openHost({ workflows: [nap], dataPath: first.dataPath })
  expect((await second.ended(run)).output).toBe('awake')
})

it('starts one run for one id or one idempotency key, and refuses another input under it', async () => {
  const echo = workflow({ name: 'echo', input: z.object({ n: z.number() }) }, async (_ctx, { n }) => n)
  const { workflows, ended } = await openHost({ workflows: [echo, double] })
  const request = { workflow: 'echo', input: { n: 1 } }
  const both = await Promise.all([
    workflows.start(ACME, { ...request, id: 'one' }),
    workflows.start(ACME, { ...request, id: 'one' }),
  ])
  expect(both.map(({ run, isNew }) => [run.id, isNew])).toEqual([
    ['one', true],
    ['one', false],
  ])
  const keyed = await workflows.start(ACME, { ...request, idempotencyKey: 'k' })
  expect(await workflows.start(ACME, { ...request, idempotencyKey: 'k' })).toMatchObject({
    isNew: false,
    run: { id: keyed.run.id },
  })
  expect(await codeOf(workflows.start(ACME, { ...request, input: { n: 2 }, id: 'one' }))).toBe('run_id_reused')
  expect(await codeOf(workflows.start(ACME, { ...request, input: { n: 2 }, idempotencyKey: 'k' }))).toBe(
    'idempotency_key_reused',
  )
  expect((await ended('one')).output).toBe(1)
  expect((await workflows.list(ACME)).runs.length).toBe(2)
  // A key is one of the workflow, an id one of the tenant.
  const other = { workflow: 'double', input: { value: 1 } }
  expect(await workflows.start(ACME, { ...other, idempotencyKey: 'k' })).toMatchObject({ isNew: true })
  expect(await codeOf(workflows.start(ACME, { ...other, id: 'one' }))).toBe('run_id_reused')
})

it('refuses what is no run, no workflow, no input, or too much of one', async () => {
  const echo = workflow({ name: 'echo', input: z.object({ text: z.string() }) }, async (_ctx, { text }) => text)
  const { workflows } = await openHost({ workflows: [echo] })
  const start = (name: string, input: unknown) => codeOf(workflows.start(ACME, { workflow: name, input }))
  expect(await start('other', {})).toBe('workflow_unknown')
  expect(await start('echo', { text: 1 })).toBe('input_invalid')
  expect(await start('echo', { text: 'x'.repeat(1_100_000) })).toBe('payload_too_large')
  for (const id of ['', '.', '..', 'a/b', 'a'.repeat(129)])
    expect(await codeOf(workflows.start(ACME, { workflow: 'echo', input: { text: '' }, id }))).toBe('argument_invalid')
  expect(await codeOf(workflows.get(ACME, 'nobody'))).toBe('run_not_found')
  expect(await codeOf(workflows.send(ACME, { name: 'e', run: 'nobody', payload: 1 }))).toBe('run_not_found')
  expect((await workflows.list(ACME)).runs).toEqual([])
})

it('fails a step whose result is too large, and the body can catch that', async () => {
  const big = workflow({ name: 'big', input: empty }, async (ctx) => {
    const failure = await ctx.step('big', () => 'x'.repeat(1_100_000)).catch((error) => error)
    return failure.code
  })
  const host = await openHost({ workflows: [big] })
  expect((await host.ended(await host.start('big'))).output).toBe('payload_too_large')
})

it('records which resource a step uses, and begins none that asks for more durability than there is', async () => {
  const begun: string[] = []
  const call = workflow({ name: 'call', input: z.object({}) }, async (ctx) => {
    await ctx.step('ask', () => void begun.push('ask'), { uses: 'llm' })
    await ctx.step('pay', () => void begun.push('pay'), { durability: 'remote' })
  })
  const host = await openHost({ workflows: [call] })
  const { status, error } = await host.ended(await host.start('call'))
  expect({ status, code: error?.code, begun }).toEqual({
    status: 'failed',
    code: 'remote_not_configured',
    begun: ['ask'],
  })
  expect(await host.sql('SELECT identity, uses FROM tenax_step ORDER BY seq')).toEqual([
    ['ask#1', 'llm'],
    ['pay#1', null],
  ])
})

it('answers `result` with the run as it is when the time is over, and a wait with its timeout', async () => {
  const patient = workflow({ name: 'patient', input: empty }, async (ctx) => {
    const got = await ctx.waitFor(approval, { timeout: 200 })
    return got === undefined ? 'nobody came' : 'somebody came'
  })
  const host = await openHost({ workflows: [patient] })
  const run = await host.start('patient')
  await until(waits(host, run))
  expect((await host.workflows.result(ACME, run, { timeoutMs: 1 })).endedAtMs).toBeUndefined()
  expect((await host.ended(run)).output).toBe('nobody came')
})

it('lists the last thousand operations of a long run, so that what it waits for is among them', async () => {
  const items = Array.from({ length: 1_001 }, (_, index) => index)
  const long = workflow({ name: 'long', input: empty }, async (ctx) => {
    await ctx.map('each', items, { key: String }, (c, item) => c.sql(`row ${item}`, []))
    await ctx.waitFor(approval)
  })
  const host = await openHost({ workflows: [long] })
  const run = await host.start('long')
  await until(async () => (await host.sql("SELECT 1 FROM tenax_step WHERE kind = 'wait'")).length > 0)
  const steps = await host.workflows.steps(ACME, run)
  expect([steps.length, steps[0]?.seq, steps.at(-1)?.seq]).toEqual([1_000, 3, 1_002])
})
