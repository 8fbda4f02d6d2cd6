/** Workflows that stand still in each way that somebody has to end: for a time, for an event, for a child, or for nothing. */
import { event, workflow } from '@tenax/workflow'
import { z } from 'zod'

const ping = event('ping', z.object({}))
const never = event('never', z.object({}))
const input = z.object({ run: z.string(), sleepMs: z.number() })

const AGAIN_MS = 50

/** Kinds of runs that a tenant has. `caller` waits for what `teller` says. */
export const WAKE_KINDS = ['sleeper', 'busy', 'timed', 'parent', 'teller', 'caller', 'retrying'] as const

const sleeper = workflow({ name: 'sleeper', input }, async (ctx, { sleepMs }) => {
  await ctx.sleep('a while', sleepMs)
  await ctx.sleep('again', AGAIN_MS)
})

const busy = workflow({ name: 'busy', input }, async (ctx) => {
  await ctx.step('one', () => 1)
  await ctx.tx('two', (db) => db.get('SELECT 2'))
  await ctx.step('three', () => 3)
})

const timed = workflow({ name: 'timed', input }, async (ctx, { sleepMs }) => {
  await ctx.waitFor(never, { timeout: sleepMs })
})

const parent = workflow({ name: 'parent', input }, async (ctx, { run, sleepMs }) => {
  await ctx.child('kid', sleeper, { run, sleepMs })
})

/** `caller` names the teller of its tenant as its key. */
const teller = workflow({ name: 'teller', input }, async (ctx, { run, sleepMs }) => {
  await ctx.sleep('a while', sleepMs)
  await ctx.send('say', ping, { key: run.replace('teller', 'caller') }, {})
})

const caller = workflow({ name: 'caller', input }, async (ctx, { run }) => {
  await ctx.waitFor(ping, { key: run, lookback: '1h' })
})

const retrying = workflow({ name: 'retrying', input }, async (ctx, { sleepMs }) => {
  const fail = ({ number }: { readonly number: number }) => {
    if (number === 1) throw new Error('again')
  }
  await ctx.step('work', fail, { retry: { attempts: 2, first: sleepMs } })
})

/** All of them. */
export const WAKING_WORKFLOWS = [sleeper, busy, timed, parent, teller, caller, retrying]
