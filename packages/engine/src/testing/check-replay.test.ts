/** Histories against code that was changed. */
import { isTenaxError, type TenaxError } from '@tenax/kernel'
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
    const history = (await historyAfter('1h')) as { run: object; operations: object[] }
    const said = (value: unknown, code: unknown = greeting('1d')) =>
      checkReplay(value, code as AnyWorkflow).then(String, (error: TenaxError) => `${error.code}: ${error.message}`)
    const not = 'argument_invalid: this is not the history of a run:'
    expect(await said(undefined)).toBe(`${not} it is no object`)
    expect(await said('{}')).toBe(`${not} it is a text: give what JSON.parse makes of it`)
    expect(await said({ ...history, format: 'other' })).toBe(`${not} its format is "other", not "tenax-run-history"`)
    expect(await said({ ...history, version: '1' })).toBe(`${not} its version is "1", not the number 1`)
    expect(await said({ ...history, version: undefined })).toBe(`${not} its version is undefined, not the number 1`)
    expect(await said({ ...history, version: 2 })).toMatch(/^data_format_newer: the history has version 2; /)
    expect(await said({ ...history, run: undefined })).toBe(`${not} run is no object`)
    expect(await said({ ...history, run: { ...history.run, seed: 7 } })).toBe(`${not} run.seed is no text`)
    expect(await said({ ...history, run: { ...history.run, inputJson: '{' } })).toBe(
      `${not} run.inputJson is no JSON text`,
    )
    expect(await said({ ...history, operations: {} })).toBe(`${not} operations is no list`)
    const operations = history.operations.slice(1)
    expect(await said({ ...history, operations })).toBe(
      `${not} operations[0].seq is not 1: it is the place in the list`,
    )
    const [first] = history.operations
    const twice = [first, { ...first, seq: 2 }]
    expect(await said({ ...history, operations: twice })).toBe(
      `${not} operations[1].completion.number is 1 too: each has a place of its own, from 1 on`,
    )
    const late = [{ ...first, completion: { number: 2, atMs: 0, outcome: { type: 'ok' } } }]
    expect(await said({ ...history, operations: late })).toBe(`${not} no operation has completion.number 1`)
    const other = { ...history, run: { ...history.run, workflow: 'other' } }
    expect(await said(other)).toBe('argument_invalid: the history is of a run of "other", not of "greeting"')
    expect(await said(history, { name: 'greeting' })).toMatch(/^argument_invalid: checkReplay\(\) needs a workflow/)
  })

  test('whatever is wrong in a history, it says so with a code', async () => {
    const failing = workflow({ name: 'failing', input }, async (ctx) => {
      if (ctx.patched('new')) ctx.set('a', 1)
      await ctx.step('ok', () => ({ a: [1] }))
      const pay = ctx.step('no', () => Promise.reject(Object.assign(new Error('no'), { data: 7 })), { retry: false })
      await pay.catch(() => undefined)
      return ctx.sleep('nap', '1d')
    })
    await using t = await testTenant({ workflows: [failing] })
    const run = await t.start(failing, { to: 'ada' })
    await t.cancel(run)
    const text = JSON.stringify(await t.history(run))
    expect(await checkReplay(JSON.parse(text), failing)).toMatchObject({ ok: true, state: 'cancelled' })
    const raw: string[] = []
    for (const path of pathsOf(JSON.parse(text), [])) {
      for (const wrong of [undefined, null, true, -1, 1.5, 'x', [], [null], {}]) {
        const changed = withMember(JSON.parse(text), path, wrong)
        const error = await checkReplay(changed, failing).then(
          () => undefined,
          (thrown: unknown) => thrown,
        )
        if (error !== undefined && !isTenaxError(error)) raw.push(`${path.join('.')} = ${wrong}: ${error}`)
      }
    }
    expect(raw).toEqual([])
  })
})

type Path = readonly string[]

function pathsOf(value: unknown, path: Path): Path[] {
  if (typeof value !== 'object' || value === null) return [path]
  return [path, ...Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, [...path, key]))]
}

function withMember(document: unknown, path: Path, value: unknown): unknown {
  const [key, ...rest] = path
  if (key === undefined) return value
  const members = document as Record<string, unknown>
  members[key] = withMember(members[key], rest, value)
  return members
}
