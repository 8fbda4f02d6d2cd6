/** JSON that is nested deeper than SQLite reads is refused where it is made, and harms nobody else in its tenant. */
import { event, workflow } from '@tenax/workflow'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { ACME, codeOf, hostMaker, until } from './fixtures/test-bed.ts'

const openHost = hostMaker()
const anything = z.unknown()
const told = event('told', anything)

/** Arrays inside each other, so many levels; said to be a text, since no type is as deep. */
function deep(levels: number): string {
  return JSON.parse('['.repeat(levels) + ']'.repeat(levels))
}

it('refuses inputs and payloads that are nested too deep, and a step in flight beside them goes on', async () => {
  let begunCount = 0
  const end = Promise.withResolvers<string>()
  const innocent = workflow({ name: 'innocent', input: anything }, (ctx) => {
    const wait = () => {
      begunCount += 1
      return end.promise
    }
    return ctx.step('once', wait, { atMostOnce: true })
  })
  const host = await openHost({ workflows: [innocent] })
  const run = await host.start('innocent')
  await until(() => begunCount === 1)
  expect(await codeOf(host.start('innocent', deep(1_100)))).toBe('input_invalid')
  expect(await codeOf(host.workflows.send(ACME, { name: 'told', payload: deep(1_100) }))).toBe('argument_invalid')
  const every = { workflow: 'innocent', everyMs: 60_000, input: deep(1_100) }
  expect(await codeOf(host.workflows.schedules.put(ACME, 'deep', every))).toBe('argument_invalid')
  end.resolve('done')
  expect((await host.ended(run)).output).toBe('done')
  expect([begunCount, host.events]).toEqual([1, []])
})

it.each(['result', 'error', 'tx', 'output', 'emit', 'set', 'send'])(
  'fails a run by its own fault whose %s is nested too deep',
  async (what) => {
    const flow = workflow({ name: 'flow', input: z.object({ levels: z.number() }) }, async (ctx, { levels }) => {
      const value = deep(levels)
      const data = () => Promise.reject(Object.assign(new Error('no'), { code: 'no', data: value }))
      if (what === 'result') await ctx.step('made', () => value)
      if (what === 'error') await ctx.step('made', data, { retry: false }).catch(({ code }) => expect(code).toBe('no'))
      if (what === 'tx') await ctx.tx('made', () => value)
      if (what === 'emit') ctx.emit(value)
      if (what === 'set') ctx.set('made', value)
      if (what === 'send') await ctx.send('made', told, { key: 'k' }, value)
      return what === 'output' ? value : 'went'
    })
    const host = await openHost({ workflows: [flow] })
    const [bad, good] = [await host.start('flow', { levels: 1_100 }), await host.start('flow', { levels: 400 })]
    expect((await host.ended(good)).status).toBe('completed')
    const { status, error } = await host.ended(bad)
    // What an error carries is left out, and the error stays.
    expect([status, error?.code]).toEqual(what === 'error' ? ['completed', undefined] : ['failed', 'unserialisable'])
    expect(host.events).toEqual([])
  },
)
