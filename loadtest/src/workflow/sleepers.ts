/**
 * Runs that sleep, many to each of many tenants: first until times spread over a while, then until one moment that all share.
 * Measured: what is held meanwhile, how late each is taken up, and how all of them at once share the host.
 */
import { join } from 'node:path'
import { ENGINE_TABLES, Workflows } from '@tenax/engine'
import { type Clock, sleep, systemClock, type TenantId, type Timer } from '@tenax/kernel'
import { standardSettings, systemRandomId, type Tenancy } from '@tenax/tenancy'
import { workflow } from '@tenax/workflow'
import { z } from 'zod'
import { scratchDirectory } from '../bench/fixture.ts'
import { keptAlive } from '../bench/kept-alive.ts'
import { openTenancy, tenantIds } from '../ledger/host.ts'
import { type LatencySummary, percentile, summarise } from '../statistics.ts'

/** How much. */
export interface SleepPlan {
  readonly tenantCount: number
  readonly runsPerTenant: number
  /** Length of the time over which the first due times are spread. */
  readonly spreadMs: number
}

/** What is in memory at a moment. */
export interface Held {
  readonly awakeTenants: number
  readonly handlesInUse: number
  readonly handlesIdle: number
  readonly engineTimers: number
}

/** All that was measured. */
export interface SleepFigures {
  readonly plan: SleepPlan
  /** From the first run's start to the last one's. */
  readonly setupMs: number
  readonly asleep: Held
  /** Time of the step behind a sleep, counted from the sleep's due time: of the first sleeps. */
  readonly spread: LatencySummary
  readonly atOnce: AtOnce
}

/** All runs due at one moment. */
export interface AtOnce {
  readonly runCount: number
  readonly perSecond: number
  readonly totalMs: number
  /** When a tenant's first run was taken up, and when its last one was, behind the moment: over the tenants. */
  readonly first: LatencySummary
  readonly last: LatencySummary
  /** Processor time of the whole process for one run. */
  readonly processorUs: number
}

/** Times of one kind, as they come in. */
interface Woken {
  readonly tenant: string
  readonly lateMs: number
}

interface WokenRuns {
  readonly spread: Woken[]
  readonly atOnce: Woken[]
}

/** The hour is set forward to so long before the first due time: longer than the scheduler takes to notice that. */
const AHEAD_MS = 15_000
const TENANTS_AT_A_TIME = 16
/** Between the spread and the moment for all. */
const PAUSE_MS = 5_000
/** Its multiples are spread evenly over the unit, however many there are. */
const GOLDEN = (Math.sqrt(5) - 1) / 2
const DAY_MS = 24 * 3_600_000

/** The engine's clock: it counts its timers, and its hour can be set forward, so that starting may take as long as it does. */
class BenchClock implements Clock {
  readonly #pending = new Set<object>()
  #aheadMs = 0

  nowMs(): number {
    return systemClock.nowMs() + this.#aheadMs
  }

  monotonicMs(): number {
    return systemClock.monotonicMs()
  }

  after(delayMs: number, fn: () => void): Timer {
    const key = {}
    this.#pending.add(key)
    const timer = systemClock.after(delayMs, () => {
      this.#pending.delete(key)
      fn()
    })
    const cancel = () => {
      this.#pending.delete(key)
      timer.cancel()
    }
    return { cancel }
  }

  get pending(): number {
    return this.#pending.size
  }

  setForwardTo(nowMs: number): void {
    this.#aheadMs = nowMs - systemClock.nowMs()
  }

  async until(atMs: number): Promise<void> {
    while (this.nowMs() < atMs) {
      await sleep(systemClock, Math.min(LOOK_MS, Math.max(1, atMs - this.nowMs())))
    }
  }
}

/** Runs the whole plan once. */
export async function measureSleepers(plan: SleepPlan, say: (text: string) => void): Promise<SleepFigures> {
  using scratch = scratchDirectory()
  using _alive = keptAlive()
  const { handlesMax } = standardSettings('').pool
  const tenancy = await openTenancy(join(scratch.path, 'sleepers'), handlesMax, ENGINE_TABLES)
  const clock = new BenchClock()
  const woken: WokenRuns = { spread: [], atOnce: [] }
  const parts = { tenancy, clock, randomId: systemRandomId, onEvent: () => undefined }
  const workflows = Workflows.create({ ...parts, workflows: [sleeper(woken, clock)] })
  const spreadAtMs = clock.nowMs() + DAY_MS
  const due = { spreadAtMs, allAtMs: spreadAtMs + plan.spreadMs + PAUSE_MS }
  const runCount = plan.tenantCount * plan.runsPerTenant
  try {
    const setupMs = await startAll({ tenancy, workflows }, plan, due)
    say(`${runCount} runs started in ${Math.round(setupMs / 1_000)} s`)
    clock.setForwardTo(spreadAtMs - AHEAD_MS)
    await clock.until(spreadAtMs - 1_000)
    const { pinned: handlesInUse, idle: handlesIdle } = tenancy.poolStats()
    const asleep = { awakeTenants: workflows.awakeCount, handlesInUse, handlesIdle, engineTimers: clock.pending }
    say(JSON.stringify(asleep))
    await untilCount(woken.spread, runCount, say)
    const spread = summarise(woken.spread.map(({ lateMs }) => lateMs))
    say(`first sleeps: p99 ${Math.round(spread.p99Ms)} ms late`)
    await clock.until(due.allAtMs)
    const processor = process.cpuUsage()
    await untilCount(woken.atOnce, runCount, say)
    const { user, system } = process.cpuUsage(processor)
    return { plan, setupMs, asleep, spread, atOnce: atOnceOf(woken.atOnce, (user + system) / runCount) }
  } finally {
    await workflows.close()
    await tenancy.close()
  }
}

function sleeper(woken: WokenRuns, clock: Clock) {
  const input = z.object({ spreadAtMs: z.number(), allAtMs: z.number() })
  return workflow({ name: 'sleeper', input }, async (ctx, { spreadAtMs, allAtMs }) => {
    const { tenant } = ctx.run
    await ctx.sleepUntil('spread', spreadAtMs)
    await ctx.step('woken', () => void woken.spread.push({ tenant, lateMs: clock.nowMs() - spreadAtMs }))
    await ctx.sleepUntil('all', allAtMs)
    await ctx.step('woken-with-all', () => void woken.atOnce.push({ tenant, lateMs: clock.nowMs() - allAtMs }))
  })
}

/** Makes the tenants and starts their runs; gives how long it took. */
async function startAll(
  { tenancy, workflows }: { readonly tenancy: Tenancy; readonly workflows: Workflows },
  { tenantCount, runsPerTenant, spreadMs }: SleepPlan,
  { spreadAtMs, allAtMs }: { readonly spreadAtMs: number; readonly allAtMs: number },
): Promise<number> {
  const beganMs = systemClock.monotonicMs()
  let count = 0
  const startOne = (tenant: TenantId) => {
    count += 1
    const input = { spreadAtMs: spreadAtMs + Math.floor(((count * GOLDEN) % 1) * spreadMs), allAtMs }
    return workflows.start(tenant, { workflow: 'sleeper', input })
  }
  const tenants = tenantIds(tenantCount)
  for (let index = 0; index < tenants.length; index += TENANTS_AT_A_TIME) {
    const some = tenants.slice(index, index + TENANTS_AT_A_TIME)
    await Promise.all(some.map((tenant) => tenancy.create(tenant)))
    await Promise.all(some.flatMap((tenant) => Array.from({ length: runsPerTenant }, () => startOne(tenant))))
  }
  return systemClock.monotonicMs() - beganMs
}

function atOnceOf(woken: readonly Woken[], processorUs: number): AtOnce {
  const first = new Map<string, number>()
  const last = new Map<string, number>()
  for (const { tenant, lateMs } of woken) {
    if (!first.has(tenant)) first.set(tenant, lateMs)
    last.set(tenant, lateMs)
  }
  const totalMs = percentile(
    woken.map(({ lateMs }) => lateMs).sort((a, b) => a - b),
    1,
  )
  return {
    runCount: woken.length,
    perSecond: (woken.length / totalMs) * 1_000,
    totalMs,
    first: summarise(first.values()),
    last: summarise(last.values()),
    processorUs,
  }
}

const LOOK_MS = 100
const SAY_MS = 15_000

async function untilCount(list: readonly unknown[], count: number, say: (text: string) => void): Promise<void> {
  for (let saidMs = systemClock.monotonicMs(); list.length < count; ) {
    await sleep(systemClock, LOOK_MS)
    if (systemClock.monotonicMs() - saidMs < SAY_MS) continue
    saidMs = systemClock.monotonicMs()
    say(`${list.length} of ${count}`)
  }
}
