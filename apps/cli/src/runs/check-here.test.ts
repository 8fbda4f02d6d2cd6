/** `tenax runs check --config`: code that is not deployed, against the runs of a server. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTenaxClient } from '@tenax/client'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { fakeIo } from '../fixtures/fake-context.ts'
import { checkRuns } from './check-command.ts'

const { createTenax, workflow } = await import('tenax')

const CONFIG = join(import.meta.dirname, '../fixtures/project/tenax.config.ts')

/** What the server has loaded: it knows no insurance. */
const trip = workflow({ name: 'trip', input: z.object({ days: z.number() }) }, async (ctx) => {
  await ctx.step('pack', () => 'packed')
  await ctx.sleep('away', '1d')
})
/** Its record is longer than one that leaves a server. */
const large = workflow({ name: 'large', input: z.object({}) }, async (ctx) => {
  for (let part = 0; part < 17; part += 1) await ctx.step('part', () => 'x'.repeat(1_000_000))
  await ctx.sleep('long', '1d')
})
const other = workflow({ name: 'other', input: z.object({}) }, (ctx) => ctx.sleep('long', '1d'))

async function untilAsleep(list: () => Promise<{ readonly runs: readonly unknown[] }>, count: number): Promise<void> {
  while ((await list()).runs.length < count) await new Promise((resolve) => setImmediate(resolve))
}

test('check --config names the runs that code would block before a server has it', async () => {
  const data = mkdtempSync(join(tmpdir(), 'tenax-cli-'))
  const tenax = await createTenax({ data, shardCount: 1, workflows: [trip, other, large] })
  onTestFinished(async () => {
    await tenax.close()
    rmSync(data, { recursive: true, force: true })
  })
  const acme = tenax.tenant('acme')
  await acme.create()
  await acme.runs.start(trip, { days: 3 }, { id: 'short' })
  await acme.runs.start(trip, { days: 14 }, { id: 'long' })
  await untilAsleep(() => acme.runs.list({ status: 'waiting' }), 2)
  const client = createTenaxClient({ url: 'http://localhost', fetch: tenax.fetch })
  const check = async (given: { readonly run?: string }) => {
    const io = fakeIo()
    const work = checkRuns({ io, json: true, client }, { tenant: 'acme', config: CONFIG, ...given })
    const code = await work.then(
      () => 'ok',
      (error: { readonly code: string }) => (error.code === 'runs_blocked' ? error.code : Promise.reject(error)),
    )
    return [code, JSON.parse(io.out())]
  }
  expect(await check({ run: 'short' })).toEqual(['ok', { checkedCount: 1, refused: [], tooLarge: [] }])
  await acme.runs.start(other, {}, { id: 'gone' })
  await acme.runs.start(large, {}, { id: 'large' })
  await untilAsleep(() => acme.runs.list({ status: 'waiting' }), 4)
  const [code, { checkedCount, refused, tooLarge }] = await check({})
  expect(tooLarge).toEqual(['large'])
  expect([code, checkedCount]).toEqual(['runs_blocked', 3])
  expect(refused.toSorted((a: { run: string }, b: { run: string }) => a.run.localeCompare(b.run))).toEqual([
    ...[{ run: 'gone', ok: false, code: 'workflow_unknown', recorded: expect.any(String), asked: expect.any(String) }],
    {
      ...{ run: 'long', ok: false, code: 'workflow_changed' },
      ...{ recorded: expect.stringContaining('pack#1'), asked: expect.stringContaining('insure#1') },
    },
  ])
})
