/** The kinds of operations that `mixed` does not have: groups, races, times that run out, successors, and what is undone. */
import { event, workflow } from '@tenax/workflow'
import { z } from 'zod'
import type { Leave } from './mixed-workflow.ts'

const never = event('never', z.object({}))
const EACH = ['each-a', 'each-b', 'each-c'] as const
/** Longer than a chain. */
const LONG_MS = 3_600_000

const input = z.object({ run: z.string(), sleepMs: z.number(), round: z.number().default(0) })

/** Goes on as its own successor once. */
function wideWorkflow(leave: Leave) {
  return workflow({ name: 'wide', input }, async (ctx, { run, sleepMs, round }) => {
    const { tenant } = ctx.run
    const count = (who: string) => ({ sql: 'INSERT INTO counted VALUES (?, ?)', args: [run, who] })
    if (round > 0) {
      await ctx.step('tail', () => leave({ tenant, run, step: 'tail' }))
      const [{ changes } = { changes: 0 }] = await ctx.sql('count', [count('tail')])
      return { changes }
    }
    ctx.set('die', ctx.random())
    ctx.log('patched', ctx.patched('always'))
    await ctx.map('each', EACH, { key: (step) => step, concurrency: 2 }, async (each, step) => {
      await each.step('leave', () => leave({ tenant, run, step }))
      await each.tx('count', (db) => db.run('INSERT INTO counted VALUES (?, ?)', run, step).changes)
    })
    const first = await ctx.race({
      fast: ctx.step('fast', () => leave({ tenant, run, step: 'fast' })),
      slow: ctx.sleep('slow', LONG_MS),
    })
    const late = await ctx.waitFor(never, { key: run, timeout: sleepMs })
    try {
      await ctx.step('once', () => leave({ tenant, run, step: 'once' }), { atMostOnce: true })
    } catch (error) {
      ctx.log('interrupted', String(error))
    }
    await ctx.sql('count', [count(`${first.key} ${late === undefined}`), count('both')])
    return ctx.continueAs({ run, sleepMs, round: round + 1 })
  })
}

const undoneInput = z.object({ run: z.string(), sleepMs: z.number(), isToFail: z.boolean() })

/** Undoes all that it did: because it fails, or because somebody cancels it. */
function undoneWorkflow(leave: Leave) {
  return workflow({ name: 'undone', input: undoneInput }, async (ctx, { run, sleepMs, isToFail }) => {
    const { tenant } = ctx.run
    await ctx.step('reserve', () => leave({ tenant, run, step: 'reserve' }), {
      compensate: async (undo) => {
        await undo.step('give back', () => leave({ tenant, run, step: 'undo-reserve' }))
      },
    })
    await ctx.tx('hold', (db) => db.run("INSERT INTO counted VALUES (?, 'held')", run).changes, {
      compensate: async (undo) => {
        await undo.tx('release', (db) => db.run("INSERT INTO counted VALUES (?, 'released')", run).changes)
      },
    })
    await ctx.sleep('a while', sleepMs)
    await ctx.step('charge', () => leave({ tenant, run, step: 'charge' }), {
      compensate: async (undo) => {
        await undo.step('refund', () => leave({ tenant, run, step: 'undo-charge' }))
      },
    })
    if (!isToFail) await ctx.waitFor(never, { key: run })
    throw new Error('gives up')
  })
}

/** The workflows of this file. */
export function wideWorkflows(leave: Leave) {
  return [wideWorkflow(leave), undoneWorkflow(leave)]
}
