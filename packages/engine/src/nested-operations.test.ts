/** Operations that are asked for where no replay would ask for them again: inside of a step, a tx, or a callback of one. */
import { type EmbeddedCtx, workflow } from '@tenax/workflow'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { hostMaker } from './fixtures/test-bed.ts'

const open = hostMaker()
const input = z.object({})

const ASKED: readonly [name: string, ask: (ctx: EmbeddedCtx) => unknown][] = [
  ['step', (ctx) => ctx.step('inner', () => 1)],
  ['tx', (ctx) => ctx.tx('inner', () => 1)],
  ['sleep', (ctx) => ctx.sleep('inner', 1)],
  ['waitFor', (ctx) => ctx.waitFor({ name: 'inner' })],
  ['all', (ctx) => ctx.all([async () => 1])],
  ['race', (ctx) => ctx.race({ one: async () => 1 })],
  ['map', (ctx) => ctx.map('inner', [1], { key: String }, async () => 1)],
  ['mapSettled', (ctx) => ctx.mapSettled('inner', [1], { key: String }, async () => 1)],
  ['shielded', (ctx) => ctx.shielded(async () => 1)],
  ['continueAs', (ctx) => ctx.continueAs({})],
  ['patched', (ctx) => ctx.patched('inner')],
  ['random', (ctx) => ctx.random()],
  ['uuid', (ctx) => ctx.uuid()],
  ['set', (ctx) => ctx.set('inner', 1)],
  ['emit', (ctx) => ctx.emit(1)],
  ['log', (ctx) => ctx.log('inner')],
]

const where = z.object({ which: z.int(), place: z.enum(['step', 'tx']) })

test('whatever is asked of ctx inside of a step or a tx fails that at once, in its first attempt, and is not recorded', async () => {
  let attempts = 0
  const nested = workflow({ name: 'nested', input: where }, (ctx, { which, place }) => {
    const ask = ASKED[which]?.[1]
    if (place === 'tx') return ctx.tx('outer', () => void ask?.(ctx))
    return ctx.step('outer', async () => {
      attempts += 1
      await new Promise((resolve) => setImmediate(resolve))
      await ask?.(ctx)
    })
  })
  const host = await open({ workflows: [nested] })
  for (const [which, [method]] of ASKED.entries()) {
    for (const place of ['step', 'tx']) {
      const run = await host.start('nested', { which, place })
      const { status, error } = await host.ended(run)
      expect([status, error?.code], `${method} in ${place}`).toEqual(['failed', 'nested_operation'])
      expect(error?.message).toContain(`ctx.${method}() was called inside of the ${place} "outer"`)
    }
  }
  expect(attempts).toBe(ASKED.length)
  expect(await host.sql("SELECT identity FROM tenax_step WHERE identity <> 'outer#1'")).toEqual([])
  expect(await host.sql('SELECT * FROM tenax_output')).toEqual([])
})

test('a callback that decides on another attempt asks for nothing', async () => {
  const nested = workflow({ name: 'nested', input }, (ctx) => {
    const when = () => ctx.patched('inner')
    const fail = () => Promise.reject(new Error('no'))
    return ctx.step('outer', fail, { retry: { when } })
  })
  const host = await open({ workflows: [nested] })
  await host.start('nested', {}, 'one')
  expect((await host.ended('one')).error?.message).toContain('retry.when() threw: ctx.patched() was called inside of')
})

test('a body goes on behind what a step has called, and a compensation asks as before', async () => {
  let call: (value: number) => void = () => undefined
  const called = workflow({ name: 'called', input }, async (ctx) => {
    await ctx.all([
      async (c) => {
        const { promise, resolve } = Promise.withResolvers<number>()
        call = resolve
        await promise
        await c.step('behind', () => 2)
      },
      ctx.step('caller', () => call(1), { compensate: async (c) => void (await c.tx('undo', () => 3)) }),
    ])
    throw new Error('enough')
  })
  const host = await open({ workflows: [called] })
  await host.start('called', {}, 'one')
  expect((await host.ended('one')).error?.message).toBe('enough')
  const steps = await host.sql("SELECT identity FROM tenax_step WHERE status = 'completed' ORDER BY seq")
  expect(steps.flat()).toEqual(['caller#1', 'all#1[0]/behind#1', 'compensate[caller%231]/undo#1'])
})
