/** What a run of a workflow costs whose steps do nothing, beside commits of one small row over the same tenants. */
import { join } from 'node:path'
import { ENGINE_TABLES, Workflows } from '@tenax/engine'
import { systemClock, type TenantId } from '@tenax/kernel'
import { systemRandomId, type Tenancy } from '@tenax/tenancy'
import { workflow } from '@tenax/workflow'
import { z } from 'zod'
import { scratchDirectory } from '../bench/fixture.ts'
import { holdTenants, insert, openTenancy, tenantIds } from '../ledger/host.ts'
import { waitedMs, writtenBytes } from '../proc-files.ts'
import { type LatencySummary, median, summarise } from '../statistics.ts'

/** How much. */
export interface RunPlan {
  readonly tenantCount: number
  readonly rounds: number
  readonly sliceMs: number
  readonly warmUpMs: number
}

/** What is compared: runs of three steps or one, and single commits, so many in flight. */
export const SIDES = [
  { name: '3 steps, 64 in flight', kind: 'three', inFlight: 64 },
  { name: '3 steps, 1,024 in flight', kind: 'three', inFlight: 1_024 },
  { name: '1 step, 64 in flight', kind: 'one', inFlight: 64 },
  { name: 'single commits, 64 in flight', kind: 'commit', inFlight: 64 },
  { name: '3 steps, one at a time', kind: 'three', inFlight: 1 },
  { name: '1 step, one at a time', kind: 'one', inFlight: 1 },
  { name: 'single commits, one at a time', kind: 'commit', inFlight: 1 },
] as const

/** One of {@link SIDES}. */
export type Side = (typeof SIDES)[number]

/** Steps of one run of each kind. */
export const STEP_COUNTS = { three: 3, one: 1, commit: 0 } as const

/** Of one run or commit: medians over the rounds. */
export interface RunRow extends Slice {
  readonly side: Side
}

/** What a slice of time shows. */
export interface Slice {
  readonly perSecond: number
  /** From the call of `start` to the result in hand, or from a commit's call to its acknowledgement. */
  readonly latency: LatencySummary
  /** Processor time of the event loop, and of the whole process, for one. */
  readonly loopUs: number
  readonly processorUs: number
  /** A slice's time for one, without what the event loop waited for a processor. */
  readonly quietUs: number
  readonly commits: number
  readonly flushes: number
  /** Bytes that the process has written for one: logs of the tenants' files, the ledger, checkpoints. */
  readonly writtenBytes: number
}

type Work = (index: number) => Promise<unknown>

/** Runs all sides in turns, forwards and backwards. */
export async function measureRuns(plan: RunPlan): Promise<RunRow[]> {
  using scratch = scratchDirectory()
  const tenancy = await openTenancy(join(scratch.path, 'runs'), plan.tenantCount + 8, ENGINE_TABLES)
  const held = await holdTenants(tenancy, plan.tenantCount)
  const tenants = tenantIds(plan.tenantCount)
  const parts = { tenancy, clock: systemClock, randomId: systemRandomId, onEvent: () => undefined }
  const workflows = Workflows.create({ ...parts, workflows: [three, one] })
  const works: Readonly<Record<Side['kind'], Work>> = {
    three: (index) => runOne(workflows, 'three', pick(tenants, index)),
    one: (index) => runOne(workflows, 'one', pick(tenants, index)),
    commit: (index) => insert(pick(held.handles, index), index),
  }
  const slices: (Slice & { readonly side: Side })[] = []
  for (const side of SIDES) await runSlice(works[side.kind], { tenancy, ...side, sliceMs: plan.warmUpMs })
  for (let round = 0; round < plan.rounds; round += 1) {
    for (const side of round % 2 === 0 ? SIDES : SIDES.toReversed()) {
      slices.push({ side, ...(await runSlice(works[side.kind], { tenancy, ...side, sliceMs: plan.sliceMs })) })
    }
  }
  await workflows.close()
  await held.release()
  await tenancy.close()
  return SIDES.map((side) => rowOf(slices, side))
}

const three = workflow({ name: 'three', input: z.object({}) }, async (ctx) => {
  await ctx.step('one', () => 1)
  await ctx.step('two', () => 2)
  await ctx.step('three', () => 3)
})

const one = workflow({ name: 'one', input: z.object({}) }, async (ctx) => {
  await ctx.step('one', () => 1)
})

async function runOne(workflows: Workflows, name: string, tenant: TenantId): Promise<void> {
  const { run } = await workflows.start(tenant, { workflow: name, input: {} })
  const { status } = await workflows.result(tenant, run.id, { timeoutMs: 60_000 })
  if (status !== 'completed') throw new Error(`a run is ${status}`)
}

function pick<T>(items: readonly T[], index: number): T {
  const item = items[index % items.length]
  if (item === undefined) throw new Error('there are tenants')
  return item
}

async function runSlice(
  work: Work,
  { tenancy, inFlight, sliceMs }: { readonly tenancy: Tenancy; readonly inFlight: number; readonly sliceMs: number },
): Promise<Slice> {
  const latenciesMs: number[] = []
  const before = countersOf(tenancy)
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
  const after = countersOf(tenancy)
  const count = latenciesMs.length
  const each = (member: keyof Counters) => (after[member] - before[member]) / count
  return {
    perSecond: (count / elapsedMs) * 1_000,
    latency: summarise(latenciesMs),
    loopUs: each('loopUs'),
    processorUs: each('processorUs'),
    quietUs: (elapsedMs * 1_000) / count - each('waitedMs') * 1_000,
    commits: each('commits'),
    flushes: each('flushes'),
    writtenBytes: each('writtenBytes'),
  }
}

type Counters = ReturnType<typeof countersOf>

function countersOf(tenancy: Tenancy) {
  const [all, loop] = [process.cpuUsage(), process.threadCpuUsage()]
  const { entryCount, syncCount } = tenancy.ledgerStats()
  return {
    loopUs: loop.user + loop.system,
    processorUs: all.user + all.system,
    waitedMs: waitedMs(process.pid),
    commits: entryCount,
    flushes: syncCount,
    writtenBytes: writtenBytes(process.pid),
  }
}

function rowOf(slices: readonly (Slice & { readonly side: Side })[], side: Side): RunRow {
  const own = slices.filter((slice) => slice.side === side)
  const middle = (read: (slice: Slice) => number) => median(own.map(read))
  return {
    side,
    perSecond: middle((slice) => slice.perSecond),
    latency: {
      count: middle(({ latency }) => latency.count),
      p50Ms: middle(({ latency }) => latency.p50Ms),
      p95Ms: middle(({ latency }) => latency.p95Ms),
      p99Ms: middle(({ latency }) => latency.p99Ms),
      longestMs: middle(({ latency }) => latency.longestMs),
    },
    loopUs: middle((slice) => slice.loopUs),
    processorUs: middle((slice) => slice.processorUs),
    quietUs: middle((slice) => slice.quietUs),
    commits: middle((slice) => slice.commits),
    flushes: middle((slice) => slice.flushes),
    writtenBytes: middle((slice) => slice.writtenBytes),
  }
}
