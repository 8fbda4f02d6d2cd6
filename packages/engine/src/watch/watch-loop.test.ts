/** The real thread over the real loop: a run that holds it is named, wherever in its code it does so. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { workflow } from '@tenax/workflow'
import { afterAll, expect, test } from 'vitest'
import { z } from 'zod'
import { hostMaker } from '../fixtures/test-bed.ts'
import type { RunName } from './loop-note.ts'
import { readStallMark, type StallMark } from './stall-mark.ts'
import { watchLoop } from './watch-loop.ts'

const scratch = mkdtempSync(join(tmpdir(), 'tenax-watch-'))
const markPath = join(scratch, 'stalled-run.json')
afterAll(() => rmSync(scratch, { recursive: true, force: true }))
const makeHost = hostMaker()

/** Holds the loop until somebody has said who holds it. */
function spin(): StallMark | undefined {
  while (!existsSync(markPath));
  return readStallMark(markPath)
}

const input = z.object({})
const marks: (StallMark | undefined)[] = []
const places = {
  'a body': workflow({ name: 'a body', input }, async (ctx) => {
    await ctx.step('before', () => 1)
    marks.push(spin())
  }),
  'a tx': workflow({ name: 'a tx', input }, (ctx) => ctx.tx('spin', () => void marks.push(spin()))),
  'a step': workflow({ name: 'a step', input }, (ctx) => ctx.step('spin', () => void marks.push(spin()))),
  'a step, behind an await': workflow({ name: 'a step, behind an await', input }, (ctx) =>
    ctx.step('spin', async () => {
      await new Promise((resolve) => setImmediate(resolve))
      marks.push(spin())
    }),
  ),
}

test.each(Object.keys(places))('names the run that holds the event loop in %s', async (name) => {
  const host = await makeHost({ workflows: Object.values(places) })
  const stalls: (RunName | undefined)[] = []
  const recovered = Promise.withResolvers<void>()
  const watch = watchLoop({
    ...{ markPath, epoch: 7 },
    reportMs: 250,
    onStall: (_, run) => {
      if (run === undefined) return // a machine with too much to do
      stalls.push(run)
      recovered.resolve()
    },
  })
  const run = await host.start(name, {}, 'holder')
  await host.ended(run)
  await recovered.promise
  await watch.stop()
  expect(marks.pop()).toEqual({ epoch: 7, tenant: 'acme', run: 'holder', isKilled: false })
  expect(stalls).toEqual([{ tenant: 'acme', run: 'holder' }])
  expect(existsSync(markPath)).toBe(false)
})
