/**
 * What one tenant's backlog does to the others (WORKFLOWS 27): twenty tenants start a run a second each, first alone, then while
 * another has queued 20,000 at once. And what a run costs with a short backlog before it, and with a long one.
 */
import { join } from 'node:path'
import { ENGINE_TABLES, Workflows } from '@tenax/engine'
import { parseTenantId, sleep, systemClock, type TenantId } from '@tenax/kernel'
import { systemRandomId, type Tenancy } from '@tenax/tenancy'
import { workflow } from '@tenax/workflow'
import { z } from 'zod'
import { scratchDirectory } from '../bench/fixture.ts'
import { keptAlive } from '../bench/kept-alive.ts'
import { openTenancy, tenantIds } from '../ledger/host.ts'
import { waitedMs } from '../proc-files.ts'
import { type LatencySummary, summarise } from '../statistics.ts'

/** How much. */
export interface FairPlan {
  /** Tenants that start a run a second each. */
  readonly otherCount: number
  /** Runs that one more tenant queues at once. */
  readonly backlogCount: number
  /** How often: each time the others alone, then beside a new backlog. */
  readonly rounds: number
  readonly phaseMs: number
  /** Length of each slice that says what a run costs. */
  readonly sliceMs: number
}

/** All that was measured. */
export interface FairFigures {
  readonly plan: FairPlan
  readonly alone: PhaseFigures
  /** While the backlog is being accepted, and while it is worked off. */
  readonly queueing: PhaseFigures
  readonly working: PhaseFigures
  /** Both. */
  readonly beside: PhaseFigures
  /** Of the tenant with the backlog: starts accepted, and runs completed. */
  readonly acceptedPerSecond: number
  readonly drainedPerSecond: number
  readonly costs: readonly CostFigures[]
}

/** The others' runs. */
export interface PhaseFigures {
  /** From the moment at which the start was due to the result in hand. */
  readonly latency: LatencySummary
  /** The same without what the event loop waited for a processor meanwhile. */
  readonly quietLatency: LatencySummary
  /** Processor time of the event loop from the call of `start` to the result, for whomever: others change little in it. */
  readonly loop: LatencySummary
  /** Part of the time in which the event loop was not idle, 0 to 1. */
  readonly loopUse: number
}

/** What a run costs while so many wait before it. */
export interface CostFigures {
  readonly waitingCount: number
  readonly perSecond: number
  /** Processor time of the event loop for one run, with its start. */
  readonly loopUs: number
  /** Commits for one: runs that go on together share them. */
  readonly commits: number
}

interface Host {
  readonly tenancy: Tenancy
  readonly workflows: Workflows
  readonly completed: Completed
}

/** Runs of `counted` that have come to their ends, by tenant, and who hears of each. */
interface Completed {
  readonly counts: Map<string, number>
  heard: (tenant: string) => void
}

/** One run of the others. */
interface Sample {
  readonly dueMs: number
  readonly latencyMs: number
  readonly quietMs: number
  readonly loopMs: number
}

const SHORT_BACKLOG = 100

/** Runs the whole plan. */
export async function measureFairness(plan: FairPlan, say: (text: string) => void): Promise<FairFigures> {
  using scratch = scratchDirectory()
  using _alive = keptAlive()
  const completed: Completed = { counts: new Map(), heard: () => undefined }
  const tenancy = await openTenancy(join(scratch.path, 'fairness'), plan.otherCount + 16, ENGINE_TABLES)
  const parts = { tenancy, clock: systemClock, randomId: systemRandomId, onEvent: () => undefined }
  const host: Host = { tenancy, completed, workflows: Workflows.create({ ...parts, workflows: [counted(completed)] }) }
  try {
    const others = tenantIds(plan.otherCount)
    for (const id of others) await tenancy.create(id)
    await runOthers(host, others, plan.phaseMs / 4)
    const rounds: Round[] = []
    for (let round = 0; round < plan.rounds; round += 1) {
      const alone = await phaseOf(() => runOthers(host, others, plan.phaseMs))
      rounds.push({ alone, ...(await besideBacklog(host, others, { plan, round })) })
      say(`round ${round + 1} of ${plan.rounds}`)
    }
    const costs: CostFigures[] = []
    for (const waitingCount of [SHORT_BACKLOG, plan.backlogCount]) costs.push(await costOf(host, waitingCount, plan))
    return { plan, costs, ...figuresOf(rounds) }
  } finally {
    await host.workflows.close()
    await tenancy.close()
  }
}

function counted(completed: Completed) {
  return workflow({ name: 'counted', input: z.object({}) }, async (ctx) => {
    await ctx.step('one', () => 1)
    await ctx.step('two', () => 2)
    await ctx.step('three', () => 3)
    const { tenant } = ctx.run
    completed.counts.set(tenant, (completed.counts.get(tenant) ?? 0) + 1)
    completed.heard(tenant)
  })
}

interface Phase {
  readonly samples: readonly Sample[]
  readonly loopUse: number
}

interface Beside {
  readonly beside: Phase
  readonly beganMs: number
  /** When the last run of the backlog was accepted, or the phase was over. */
  readonly queuedMs: number
  readonly endedMs: number
  readonly acceptedCount: number
  readonly drainedCount: number
}

interface Round extends Beside {
  readonly alone: Phase
}

async function phaseOf(work: () => Promise<Sample[]>): Promise<Phase> {
  const before = performance.eventLoopUtilization()
  const samples = await work()
  return { samples, loopUse: performance.eventLoopUtilization(before).utilization }
}

/** Each of the others starts a run a second, evenly spread; whoever is late does not make the next one late. */
async function runOthers({ workflows }: Host, others: readonly TenantId[], forMs: number): Promise<Sample[]> {
  const samples: Sample[] = []
  const beganMs = performance.now()
  const runs: Promise<void>[] = []
  const each = async (tenant: TenantId, index: number) => {
    for (let dueMs = beganMs + (index * 1_000) / others.length; dueMs < beganMs + forMs; dueMs += 1_000) {
      await sleep(systemClock, Math.max(0, dueMs - performance.now()))
      runs.push(runOne(workflows, tenant, dueMs).then((sample) => void samples.push(sample)))
    }
  }
  await Promise.all(others.map(each))
  await Promise.all(runs)
  return samples
}

async function runOne(workflows: Workflows, tenant: TenantId, dueMs: number): Promise<Sample> {
  const [waited, cpu] = [waitedMs(process.pid), process.threadCpuUsage()]
  const { run } = await workflows.start(tenant, { workflow: 'counted', input: {} })
  const { status } = await workflows.result(tenant, run.id, { timeoutMs: 120_000 })
  if (status !== 'completed') throw new Error(`a run is ${status}`)
  const latencyMs = performance.now() - dueMs
  const { user, system } = process.threadCpuUsage(cpu)
  const quietMs = latencyMs - (waitedMs(process.pid) - waited)
  return { dueMs, latencyMs, quietMs, loopMs: (user + system) / 1_000 }
}

async function besideBacklog(
  host: Host,
  others: readonly TenantId[],
  { plan, round }: { readonly plan: FairPlan; readonly round: number },
): Promise<Beside> {
  const noisy = parseTenantId(`noisy-${round}`)
  await host.tenancy.create(noisy)
  let acceptedCount = 0
  let queuedMs = Number.POSITIVE_INFINITY
  const beganMs = performance.now()
  const beside = await phaseOf(() => {
    for (let count = 0; count < plan.backlogCount; count += 1) {
      void host.workflows.start(noisy, { workflow: 'counted', input: {} }).then(() => {
        acceptedCount += 1
        if (acceptedCount === plan.backlogCount) queuedMs = performance.now()
      }, ignored)
    }
    return runOthers(host, others, plan.phaseMs)
  })
  const endedMs = performance.now()
  const drainedCount = host.completed.counts.get(noisy) ?? 0
  await host.tenancy.delete(noisy)
  return { beside, beganMs, queuedMs: Math.min(queuedMs, endedMs), endedMs, acceptedCount, drainedCount }
}

/** What was not accepted when its tenant goes is of no interest. */
const ignored = () => undefined

/** A tenant alone, that starts a run for each one that ends, so that always so many wait. */
async function costOf(host: Host, waitingCount: number, { sliceMs }: FairPlan): Promise<CostFigures> {
  const tenant = parseTenantId(`waiting-${waitingCount}`)
  await host.tenancy.create(tenant)
  const start = () => host.workflows.start(tenant, { workflow: 'counted', input: {} })
  const gone = new Set<Promise<unknown>>()
  host.completed.heard = (name) => {
    if (name === tenant) gone.add(start().catch(ignored))
  }
  await Promise.all(Array.from({ length: waitingCount }, start))
  const countNow = () => host.completed.counts.get(tenant) ?? 0
  await sleep(systemClock, sliceMs / 4)
  const commitsNow = () => host.tenancy.ledgerStats().entryCount
  const [beganMs, count, cpu, commits] = [performance.now(), countNow(), process.threadCpuUsage(), commitsNow()]
  await sleep(systemClock, sliceMs)
  const { user, system } = process.threadCpuUsage(cpu)
  const done = countNow() - count
  const perSecond = (done / (performance.now() - beganMs)) * 1_000
  const each = (commitsNow() - commits) / done
  host.completed.heard = () => undefined
  await host.tenancy.delete(tenant)
  await Promise.all(gone)
  return { waitingCount, perSecond, loopUs: (user + system) / done, commits: each }
}

function figuresOf(rounds: readonly Round[]): Omit<FairFigures, 'plan' | 'costs'> {
  const sum = (of: (round: Round) => number) => rounds.reduce((total, round) => total + of(round), 0)
  const mean = (of: (round: Round) => number) => sum(of) / rounds.length
  const besides = (keep: (sample: Sample, round: Round) => boolean) =>
    phaseFigures(
      rounds.flatMap((round) => round.beside.samples.filter((sample) => keep(sample, round))),
      mean(({ beside }) => beside.loopUse),
    )
  return {
    alone: phaseFigures(
      rounds.flatMap(({ alone }) => alone.samples),
      mean(({ alone }) => alone.loopUse),
    ),
    queueing: besides(({ dueMs }, { queuedMs }) => dueMs < queuedMs),
    working: besides(({ dueMs }, { queuedMs }) => dueMs >= queuedMs),
    beside: besides(() => true),
    acceptedPerSecond: (sum((each) => each.acceptedCount) / sum((each) => each.queuedMs - each.beganMs)) * 1_000,
    drainedPerSecond: (sum((each) => each.drainedCount) / sum((each) => each.endedMs - each.beganMs)) * 1_000,
  }
}

function phaseFigures(samples: readonly Sample[], loopUse: number): PhaseFigures {
  return {
    latency: summarise(samples.map(({ latencyMs }) => latencyMs)),
    quietLatency: summarise(samples.map(({ quietMs }) => quietMs)),
    loop: summarise(samples.map(({ loopMs }) => loopMs)),
    loopUse,
  }
}
