/** The three workflows of the specification, through their whole lives. */
import { agent, approval, ingest, trial, upgraded } from '@tenax/workflow/examples'
import { describe, expect, test } from 'vitest'
import { replayEverywhere } from './replay-everywhere.ts'
import type { MockAttempt } from './step-calls.ts'
import { testTenant } from './test-tenant.ts'

const DAY_MS = 86_400_000
const ada = { customer: 'ada', email: 'ada@example.com' }

describe('trial', () => {
  // The constraint stands for a fault of the last write, behind a charge that went through.
  const sql = "create table sub (id integer primary key, c text, paid integer check (c <> 'odd' or paid is null))"
  const paying = { charge: () => ({ id: 'c1', at: new Date(0) }), dun: () => null, refund: () => null }
  const failing = (...keys: string[]) => ({
    ...paying,
    charge: ({ key }: MockAttempt) => {
      if (keys.includes(key ?? '')) throw new Error('declined')
      return paying.charge()
    },
  })
  const paidRows = [{ c: 'ada', paid: 1 }]

  test('is charged when its fortnight is over', async () => {
    await using t = await testTenant({ workflows: [trial], sql, mocks: paying })
    const run = await t.start(trial, ada)
    await t.advance(14 * DAY_MS - 1)
    expect(t.calls()).toEqual([])
    await t.advance('1s')
    expect(await t.result(run)).toEqual({ paid: true })
    expect(await t.sql('select c, paid from sub')).toEqual(paidRows)
  })

  test('is charged at once when it upgrades, and keeps the plan', async () => {
    await using t = await testTenant({ workflows: [trial], sql, mocks: paying })
    const run = await t.start(trial, ada)
    await t.advance('2d')
    await t.send(upgraded, { plan: 'team' }, { key: 'ada' })
    expect(await t.run(run)).toMatchObject({ status: 'completed', values: { plan: 'team' } })
  })

  test('is dunned between charges, which are tried three times each', async () => {
    await using t = await testTenant({ workflows: [trial], sql, mocks: failing('0', '1') })
    const run = await t.start(trial, ada)
    await t.advance('23d')
    expect(await t.result(run)).toEqual({ paid: true })
    const begun = t.calls().map(({ step, key, attempt }) => `${step} ${key} ${attempt}`)
    expect(begun).toEqual([
      ...['charge 0 1', 'charge 0 2', 'charge 0 3', 'dun 0 1'],
      ...['charge 1 1', 'charge 1 2', 'charge 1 3', 'dun 1 1', 'charge 2 1'],
    ])
  })

  test('ends unpaid when no charge goes through', async () => {
    await using t = await testTenant({ workflows: [trial], sql, mocks: failing('0', '1', '2', '3') })
    const run = await t.start(trial, ada)
    await t.advance('30d')
    expect(await t.result(run)).toEqual({ paid: false })
    expect(t.calls('dun')).toHaveLength(4)
  })

  test('that is cancelled behind a charge gives the money back', async () => {
    await using t = await testTenant({ workflows: [trial], sql, mocks: paying })
    const run = await t.start(trial, { ...ada, customer: 'odd' })
    await t.advance('15d')
    await t.cancel(run)
    await expect(t.result(run)).rejects.toMatchObject({ code: 'cancelled' })
    expect(t.calls('refund').map(({ identity }) => identity)).toEqual(['compensate[charge%5b0%5d]/refund#1'])
  })

  test.each([
    ['is dunned and paid', 'ada', false],
    ['is cancelled behind a charge', 'odd', true],
  ])('stands every crash when it %s', async (_what, customer, isCancelled) => {
    const { commits } = await replayEverywhere(
      trial,
      { ...ada, customer },
      {
        ...{ sql, mocks: () => failing('1') },
        during: async (t, run) => {
          await t.advance('15d')
          if (isCancelled) await t.cancel(run)
        },
      },
    )
    expect(commits).toBeGreaterThan(6)
  })
})

describe('ingest', () => {
  const sql = 'create table chunk (doc text, page integer, vector text, primary key (doc, page))'
  const input = { doc: 'd', url: 'https://example.com/d' }
  const mocks = {
    split: () => 9,
    embed: ({ identity, number }: MockAttempt) => {
      const page = Number(/^page#1\[(\d+)\]/.exec(identity)?.[1])
      if (page === 3 || (page === 5 && number < 3)) throw new Error('overloaded')
      return [page, number]
    },
  }

  test('counts the page that fails for good, and stores the others once', async () => {
    await using t = await testTenant({ workflows: [ingest], sql, mocks })
    const run = await t.start(ingest, input)
    await t.advance('5m')
    expect(await t.result(run)).toEqual({ failed: 1 })
    expect(await t.sql('select page from chunk order by page')).toEqual(
      [0, 1, 2, 4, 5, 6, 7, 8].map((page) => ({ page })),
    )
    expect(t.calls('embed')).toHaveLength(7 + 4 + 3)
  })

  test('stands every crash', async () => {
    const { crashes } = await replayEverywhere(ingest, input, { sql, mocks: () => mocks })
    expect(crashes).toBeGreaterThan(20)
  })
})

describe('agent', () => {
  const call = (id: string, tool: string) => ({ id, tool, args: id })
  const turns = [
    { text: 'look and pay', calls: [call('c1', 'search'), call('c2', 'pay')] },
    { text: 'pay again', calls: [call('c3', 'pay')] },
    { text: 'done', calls: [] },
  ]
  const mocks = { llm: ({ key }: MockAttempt) => turns[Number(key)], call: ({ identity }: MockAttempt) => identity }
  const input = { goal: 'g', messages: [] }

  test('calls its tools, pays when that is approved, and not when the day is over', async () => {
    await using t = await testTenant({ workflows: [agent], mocks })
    const run = await t.start(agent, input)
    await t.advance('1h')
    await t.send(approval, { yes: true }, { key: 'c2' })
    await t.advance('1d')
    expect(t.calls('llm')).toHaveLength(2)
    await t.advance('1h')
    expect(await t.result(run)).toBe('done')
    expect(t.calls('call').map(({ identity }) => identity)).toEqual(['tools 0#1[c1]/call#1', 'tools 0#1[c2]/call#1'])
  })

  test('goes on as another run after fifty turns, with what was said', async () => {
    await using t = await testTenant({ workflows: [agent], mocks: { call: () => 'found' } })
    t.mock('llm', ({ key, run }) => {
      const { messages } = run.input as { messages: string[] }
      if (messages.length > 0) return { text: `${messages.length} messages`, calls: [] }
      return { text: 'look', calls: [call(`${key}`, 'search')] }
    })
    const run = await t.start(agent, input)
    expect(await t.result(run)).toBe('100 messages')
    expect((await t.run(run)).status).toBe('continued')
  })

  test('stands every crash', async () => {
    const { crashes } = await replayEverywhere(agent, input, {
      mocks: () => mocks,
      during: (t) => t.send(approval, { yes: true }, { key: 'c2' }),
    })
    expect(crashes).toBeGreaterThan(20)
  })
})
