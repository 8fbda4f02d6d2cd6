/** The workflows that are killed: operations of each kind, and steps that leave a line outside the tenant. */
import { appendFileSync } from 'node:fs'
import { event, workflow } from '@tenax/workflow'
import { z } from 'zod'
import { wideWorkflows } from './wide-workflow.ts'

/** Steps of each workflow by the order in which they become durable: a line of a later one proves the record of all before it. */
export const STAGES = {
  ...{ first: 0, child: 1, second: 2, last: 3 },
  ...{ 'each-a': 0, 'each-b': 0, 'each-c': 0, fast: 1, once: 2, tail: 3 },
  ...{ reserve: 0, charge: 1, 'undo-charge': 2, 'undo-reserve': 3 },
} as const

/** A line of the outside file. */
export interface EffectLine {
  readonly tenant: string
  readonly run: string
  readonly step: keyof typeof STAGES
  /** Number of the process that ran it. */
  readonly life: number
}

/** Leaves a line outside. */
export type Leave = (line: Omit<EffectLine, 'life'>) => void

const nudge = event('nudge', z.object({ run: z.string() }))
const input = z.object({ run: z.string(), sleepMs: z.number() })

/** The workflows, whose steps append to the file at `path`. One write below a page is whole or not there. */
export function mixedWorkflows(path: string, life: number) {
  const leave: Leave = (line) => appendFileSync(path, `${JSON.stringify({ ...line, life })}\n`)
  const kid = workflow({ name: 'kid', input }, async (ctx, { run, sleepMs }) => {
    await ctx.sleep('a moment', sleepMs)
    await ctx.step('child', () => leave({ tenant: ctx.run.tenant, run, step: 'child' }))
    return ctx.tx('count', (db) => db.run("INSERT INTO counted VALUES (?, 'child')", run).changes)
  })
  const mixed = workflow({ name: 'mixed', input }, async (ctx, { run, sleepMs }) => {
    const { tenant } = ctx.run
    await ctx.step('first', () => leave({ tenant, run, step: 'first' }))
    await ctx.tx('count', (db) => db.run("INSERT INTO counted VALUES (?, 'run')", run).changes)
    await ctx.sleep('a while', sleepMs)
    const counted = await ctx.child('kid', kid, { run, sleepMs })
    await ctx.step(
      'second',
      ({ number }) => {
        if (number === 1) throw new Error('once is not enough')
        leave({ tenant, run, step: 'second' })
      },
      { retry: { attempts: 3, first: 5 } },
    )
    const [got] = await ctx.all([ctx.waitFor(nudge, { key: run }), ctx.send('nudge', nudge, { key: run }, { run })])
    await ctx.step('last', () => leave({ tenant, run, step: 'last' }))
    return { counted, got: got?.run ?? null }
  })
  return [mixed, kid, ...wideWorkflows(leave)]
}
