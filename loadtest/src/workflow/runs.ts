/** Runs per second of a workflow of three steps that do nothing, beside commits of one small row over the same tenants. */
import { join } from 'node:path'
import { ENGINE_TABLES, Workflows } from '@tenax/engine'
import { systemClock, type TenantId } from '@tenax/kernel'
import { systemRandomId } from '@tenax/tenancy'
import { workflow } from '@tenax/workflow'
import { z } from 'zod'
import { scratchDirectory } from '../bench/fixture.ts'
import { holdTenants, insert, openTenancy, tenantIds } from '../ledger/host.ts'
import { median, percentile } from '../statistics.ts'

/** How much. */
export interface RunPlan {
  readonly tenantCount: number
  readonly inFlight: number
  readonly rounds: number
  readonly sliceMs: number
  readonly warmUpMs: number
}

/** The sides: a run from `start` to its result, and one insert from call to acknowledgement. */
export const RUN_SIDES = ['run', 'commit'] as const

/** Medians over the rounds. */
export interface RunRow {
  readonly side: (typeof RUN_SIDES)[number]
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Processor time of the whole process for one. */
  readonly processorUs: number
}

type Work = (index: number) => Promise<unknown>

/** Runs both sides in turns. */
export async function measureRuns(plan: RunPlan): Promise<RunRow[]> {
  using scratch = scratchDirectory()
  const tenancy = await openTenancy(join(scratch.path, 'runs'), plan.tenantCount + 8, ENGINE_TABLES)
  const held = await holdTenants(tenancy, plan.tenantCount)
  const tenants = tenantIds(plan.tenantCount)
  const parts = { tenancy, clock: systemClock, randomId: systemRandomId, onEvent: () => undefined }
  const workflows = Workflows.create({ ...parts, workflows: [idle] })
  const sides: Readonly<Record<RunRow['side'], Work>> = {
    run: (index) => runOne(workflows, pick(tenants, index)),
    commit: (index) => insert(pick(held.handles, index), index),
  }
  for (const side of RUN_SIDES) await runSlice(sides[side], { ...plan, sliceMs: plan.warmUpMs })
  const slices: RunRow[] = []
  for (let round = 0; round < plan.rounds; round += 1) {
    for (const side of round % 2 === 0 ? RUN_SIDES : RUN_SIDES.toReversed()) {
      slices.push({ side, ...(await runSlice(sides[side], plan)) })
    }
  }
  await workflows.close()
  await held.release()
  await tenancy.close()
  return RUN_SIDES.map((side) => rowOf(slices.filter((slice) => slice.side === side)))
}

const idle = workflow({ name: 'idle', input: z.object({}) }, async (ctx) => {
  await ctx.step('one', () => 1)
  await ctx.step('two', () => 2)
  await ctx.step('three', () => 3)
})

async function runOne(workflows: Workflows, tenant: TenantId): Promise<void> {
  const { run } = await workflows.start(tenant, { workflow: 'idle', input: {} })
  const { status } = await workflows.result(tenant, run.id, { timeoutMs: 60_000 })
  if (status !== 'completed') throw new Error(`a run is ${status}`)
}

function pick<T>(items: readonly T[], index: number): T {
  const item = items[index % items.length]
  if (item === undefined) throw new Error('there are tenants')
  return item
}

async function runSlice(work: Work, { inFlight, sliceMs }: RunPlan) {
  const latenciesMs: number[] = []
  const processor = process.cpuUsage()
  const startMs = performance.now()
  let next = 0
  const worker = async () => {
    while (performance.now() - startMs < sliceMs) {
      const beforeMs = performance.now()
      await work(next++)
      latenciesMs.push(performance.now() - beforeMs)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, worker))
  const elapsedMs = performance.now() - startMs
  const { user, system } = process.cpuUsage(processor)
  const sorted = latenciesMs.sort((a, b) => a - b)
  return {
    perSecond: (sorted.length / elapsedMs) * 1_000,
    p50Ms: percentile(sorted, 0.5),
    p99Ms: percentile(sorted, 0.99),
    processorUs: (user + system) / sorted.length,
  }
}

function rowOf(slices: readonly RunRow[]): RunRow {
  const of = (member: Exclude<keyof RunRow, 'side'>) => median(slices.map((slice) => slice[member]))
  const side = slices[0]?.side ?? 'run'
  return { side, perSecond: of('perSecond'), p50Ms: of('p50Ms'), p99Ms: of('p99Ms'), processorUs: of('processorUs') }
}
