/** What a run costs, counted: a commit, a row or a page more per step is felt by every run of every tenant. */
import { workflow } from '@tenax/workflow'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { ACME, hostMaker, type OpenHost } from './fixtures/test-bed.ts'
import { newEffects } from './store/announcement.ts'
import { recordTurn, StaleRun } from './store/turn-record.ts'

const openHost = hostMaker()

const steps = workflow({ name: 'steps', input: z.object({}) }, async (ctx) => {
  await ctx.step('one', () => 1)
  await ctx.step('two', () => 2)
  await ctx.step('three', () => 3)
})

/** Commits to the tenant's file, and rows of it that were changed. */
function counts({ tenancy }: OpenHost): Promise<{ commits: number; rows: number }> {
  return tenancy.use(ACME, async (handle) => {
    const [rows] = await handle.read((file) => file.engine('SELECT total_changes()').get() ?? [])
    return { commits: Number(handle.progress().committedLsn), rows: Number(rows) }
  })
}

it('takes four commits for three steps, and writes the row of the run in the first and in the last', async () => {
  const host = await openHost({ workflows: [steps] })
  await host.ended(await host.start('steps')) // makes the tables
  const before = await counts(host)
  await host.ended(await host.start('steps'))
  const after = await counts(host)
  // Two rows of the run, each step when it is asked for and when it is settled, and the number of each commit.
  expect({ commits: after.commits - before.commits, rows: after.rows - before.rows }).toEqual({ commits: 4, rows: 12 })
})

it('records runs of one tenant that go on at the same time in one commit', async () => {
  const host = await openHost({ workflows: [steps] })
  await host.ended(await host.start('steps'))
  const before = await counts(host)
  const runs = await Promise.all(Array.from({ length: 16 }, () => host.start('steps')))
  await Promise.all(runs.map((run) => host.ended(run)))
  const { commits } = await counts(host)
  // Each by itself would be 64.
  expect(commits - before.commits).toBeLessThanOrEqual(16)
})

const asleep = workflow({ name: 'asleep', input: z.object({}) }, (ctx) => ctx.sleep('nap', '1h'))

it('records nothing of an execution that was thrown away', async () => {
  const host = await openHost({ workflows: [asleep] })
  await host.start('asleep')
  const input = { run: 1, isOver: () => true } as Parameters<typeof recordTurn>[1]
  const record = () =>
    host.tenancy.use(ACME, (handle) => handle.commit((file) => recordTurn(file, input, newEffects(0))))
  await expect(record()).rejects.toThrow(StaleRun)
})

it('answers a start with the run as it was accepted', async () => {
  const host = await openHost({ workflows: [steps] })
  const { run } = await host.workflows.start(ACME, { workflow: 'steps', input: {}, priority: 3 })
  const { input, output, error, values, ...known } = await host.workflows.get(ACME, run.id)
  expect({ ...run, status: known.status, endedAtMs: known.endedAtMs }).toEqual(known)
  expect({ status: run.status, endedAtMs: run.endedAtMs, input, values }).toEqual({
    ...{ status: 'running', endedAtMs: undefined, input: {}, values: {} },
  })
  await host.ended(run.id)
})
