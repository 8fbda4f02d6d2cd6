/** Histories against code that was changed. */
import { event, workflow } from '@tenax/workflow'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { AnyWorkflow } from '../port.ts'
import { checkReplay } from './check-replay.ts'
import { testTenant } from './test-tenant.ts'

const input = z.object({ to: z.string() })
const yes = event('yes', z.object({ ok: z.boolean() }))

const greeting = (nap: '1d' | '2d', step = 'greet', more = false): AnyWorkflow =>
  workflow({ name: 'greeting', input }, async (ctx, { to }) => {
    if (more) await ctx.step('more', () => 0)
    await ctx.step(step, () => `hello ${to}`)
    ctx.emit('greeted')
    await ctx.sleep('nap', nap)
    const got = await ctx.waitFor(yes, { timeout: '1d' })
    return ctx.patched('polite') ? `thank you, ${to}` : got
  })

async function historyAfter(advance: '1h' | '3d') {
  const code = greeting('1d')
  await using t = await testTenant({ workflows: [code] })
  const run = await t.start({ name: 'greeting' }, { to: 'ada' })
  await t.advance(advance)
  return JSON.parse(JSON.stringify(await t.history(run))) as unknown
}

describe('checkReplay()', () => {
  test('is content with the code that made the record, on the way and at the end', async () => {
    expect(await checkReplay(await historyAfter('1h'), greeting('1d'))).toEqual({
      ok: true,
      state: 'waiting',
      asks: [],
    })
    expect(await checkReplay(await historyAfter('3d'), greeting('1d'))).toEqual({
      ...{ ok: true, state: 'completed', asks: [] },
    })
  })

  test.each([
    ['a renamed step', greeting('1d', 'welcome'), 'greet#1', 'welcome#1'],
    ['another duration', greeting('2d'), 'nap#1', 'nap#1'],
    ['a step in between', greeting('1d', 'greet', true), 'greet#1', 'more#1'],
  ])('names both sides of %s', async (_change, code, recorded, asked) => {
    const check = await checkReplay(await historyAfter('1h'), code)
    expect(check).toEqual({
      ok: false,
      code: 'workflow_changed',
      recorded: expect.stringContaining(recorded),
      asked: expect.stringContaining(asked),
    })
  })

  test('says what longer code would do next', async () => {
    const longer = workflow({ name: 'greeting', input }, async (ctx, { to }) => {
      await ctx.step('greet', () => `hello ${to}`)
      ctx.emit('greeted')
      await Promise.all([ctx.sleep('nap', '1d'), ctx.step('extra', () => 0)])
    })
    const check = await checkReplay(await historyAfter('1h'), longer)
    expect(check).toEqual({ ok: true, state: 'waiting', asks: ['extra#1'] })
  })

  test('refuses what is no history, is of a newer version, or of another workflow', async () => {
    const history = (await historyAfter('1h')) as object
    const code = greeting('1d')
    const codeOf = (value: unknown) => checkReplay(value, code).then(String, (error: { code: string }) => error.code)
    expect(await codeOf(undefined)).toBe('argument_invalid')
    expect(await codeOf({ ...history, format: 'other' })).toBe('argument_invalid')
    expect(await codeOf({ ...history, version: 2 })).toBe('data_format_newer')
    expect(await codeOf({ ...history, operations: [{ seq: 2 }] })).toBe('argument_invalid')
    expect(await codeOf({ ...history, run: { workflow: 'other', seed: '' } })).toBe('argument_invalid')
  })
})
