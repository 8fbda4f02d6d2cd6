/** Texts that a database does not give back as they were, on their way through a body. */
import { workflow } from '@tenax/workflow'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { testTenant } from './testing/test-tenant.ts'

const input = z.object({})
const ODD = 'a\0b \ud800 c'

test.each(['step', 'tx', 'body'] as const)(
  'the message of an error from a %s is the same live and when it is replayed',
  async (place) => {
    const fail = (): never => {
      throw new Error(ODD)
    }
    const child = workflow({ name: 'child', input }, async () => fail())
    const flow = workflow({ name: 'flow', input }, async (ctx) => {
      const asked =
        place === 'step'
          ? ctx.step('f', fail, { retry: false })
          : place === 'tx'
            ? ctx.tx('f', fail)
            : ctx.child('f', child, {})
      const message = await asked.then(String, (error: Error) => error.message)
      await ctx.sql('note', [{ sql: 'select ?', args: [message] }])
      await ctx.sleep('night', '1d')
      return message
    })
    await using t = await testTenant({ workflows: [flow, child] })
    const run = await t.start(flow, {})
    await t.crash()
    await t.advance('2d')
    expect(await t.result(run)).toBe('a\ufffdb \ufffd c')
  },
)

test('what was thrown and is no Error is cut between characters', async () => {
  const flow = workflow({ name: 'flow', input }, async (ctx) => {
    const fail = () => Promise.reject('😀'.repeat(300))
    const message = await ctx.step('f', fail, { retry: false }).then(String, (error: Error) => error.message)
    await ctx.sql('note', [{ sql: 'select ?', args: [message] }])
    return message.length
  })
  await using t = await testTenant({ workflows: [flow] })
  expect(await t.result(await t.start(flow, {}))).toBeGreaterThan(200)
})

test('half of a surrogate pair is no argument of a statement', async () => {
  const flow = workflow({ name: 'flow', input }, async (ctx) => {
    const codes = [
      ctx.tx('one', (db) => db.run('insert into note values (?)', ODD)),
      ctx.sql('two', [{ sql: 'insert into note values (?)', args: [ODD] }]),
      ctx.sql('three', [{ sql: `select '${ODD.slice(3)}'` }]),
    ].map((op) => (op as PromiseLike<unknown>).then(JSON.stringify, (error: { code: string }) => error.code))
    return Promise.all(codes)
  })
  await using t = await testTenant({ workflows: [flow], sql: 'create table note (text text)' })
  expect(await t.result(await t.start(flow, {}))).toEqual(['argument_invalid', 'argument_invalid', 'argument_invalid'])
})
