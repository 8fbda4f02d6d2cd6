/** Workflows of test D: two that kill their process, one that computes honestly, and one that does nothing wrong. */
import { appendFileSync } from 'node:fs'
import { sleep, systemClock } from '@tenax/kernel'
import { workflow } from '@tenax/workflow'
import { z } from 'zod'

/** A line of the outside file: an attempt that has begun. */
export interface AttemptLine {
  readonly run: string
  readonly step: string
  readonly number: number
}

const input = z.object({ path: z.string() })

function note(path: string, line: AttemptLine): void {
  appendFileSync(path, `${JSON.stringify(line)}\n`)
}

/** Allocates until the process dies. */
export const allocate = workflow({ name: 'allocate', input }, (ctx, { path }) =>
  ctx.step('allocate', ({ number }) => {
    note(path, { run: ctx.run.id, step: 'allocate', number })
    const kept: unknown[] = []
    for (;;) kept.push(new Array(1_000).fill(kept.length))
  }),
)

/** Holds the event loop for ever. */
export const spin = workflow({ name: 'spin', input }, (ctx, { path }) =>
  ctx.step('spin', async ({ number }) => {
    note(path, { run: ctx.run.id, step: 'spin', number })
    await new Promise((resolve) => setImmediate(resolve))
    for (;;);
  }),
)

/** Five steps of a second of computing each. */
export const honest = workflow({ name: 'honest', input }, async (ctx, { path }) => {
  for (const step of ['one', 'two', 'three', 'four', 'five']) {
    await ctx.step(step, ({ number }) => {
      note(path, { run: ctx.run.id, step, number })
      for (const endMs = systemClock.monotonicMs() + 1_000; systemClock.monotonicMs() < endMs; );
    })
  }
  return 'computed'
})

const turns = z.object({ path: z.string(), roundCount: z.number(), sleepMs: z.number() })

/** Steps that take a moment, and a sleep behind each. */
export const innocent = workflow({ name: 'innocent', input: turns }, async (ctx, { path, roundCount, sleepMs }) => {
  for (let round = 0; round < roundCount; round += 1) {
    const step = `round ${round}`
    await ctx.step(step, async ({ number }) => {
      note(path, { run: ctx.run.id, step, number })
      await sleep(systemClock, 20)
    })
    await ctx.sleep('a while', sleepMs)
  }
  return 'done'
})
