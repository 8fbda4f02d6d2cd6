/** How tenants are woken: a bounded number at once, each looked at once, and none forgotten on the way. */
import { ManualClock, parseTenantId, type TenantId, TenaxError } from '@tenax/kernel'
import { workflow } from '@tenax/workflow'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { newRun } from './child-plan.ts'
import { Deaths } from './deaths.ts'
import { bareParts } from './fixtures/bare-parts.ts'
import { ACME, hostMaker, macrotasks, type OpenHost, until } from './fixtures/test-bed.ts'
import { WAKING_LOOK_MS, WAKING_MS_MAX } from './limits.ts'
import type { EngineParts } from './parts.ts'
import { Registry } from './registry.ts'
import { Scheduler } from './scheduler.ts'
import { PLAIN_SEAMS } from './seams.ts'
import type { EngineHandle, EngineTenancy } from './tenancy-port.ts'
import { TenantRunner } from './tenant-runner.ts'

const openHost = hostMaker()
const HOUR_MS = 3_600_000

/** Whose stopwatch stands still as well: what is looked at soon is looked at when the test says so. */
class StillClock extends ManualClock {
  override after(delayMs: number, fn: () => void) {
    return super.after(Math.ceil(delayMs), fn)
  }
}

/** Starts a run in each tenant that begins in an hour, and lets all of them fall asleep; `held` are the steps that are under way. */
async function sleepers(tenantCount: number, wakingMax: number) {
  const held: (() => void)[] = []
  const waits = workflow({ name: 'waits', input: z.object({}) }, (ctx) =>
    ctx.step('wait', () => new Promise<void>((resolve) => held.push(resolve))),
  )
  const host = await openHost({ workflows: [] })
  const clock = new StillClock()
  const ended = new Set<string>()
  const parts: EngineParts = {
    ...(await bareParts(host, clock, waits)),
    seams: { ...PLAIN_SEAMS, lookRestMs: 0 },
    runEnded: (tenant) => void ended.add(tenant),
    plan: (tenant, atMs) => scheduler.plan(tenant, atMs),
  }
  const scheduler = new Scheduler(parts, { awakeMax: 100, wakingMax })
  const startAtMs = clock.nowMs() + HOUR_MS
  for (let index = 0; index < tenantCount; index += 1) {
    const tenant = parseTenantId(`t${index}`)
    await host.tenancy.create(tenant)
    await scheduler.runner(tenant).start(await newRun(parts, { workflow: waits, startAtMs }, {}), waits)
  }
  await until(() => {
    clock.advance(100)
    return scheduler.awakeCount === 0
  })
  clock.advance(startAtMs - clock.nowMs())
  const heldCount = (count: number) =>
    until(() => {
      clock.advance(0)
      return held.length >= count
    })
  return { held, heldCount, clock, ended, scheduler }
}

it('wakes a bounded number of tenants at once, and the next when one has come to rest', async () => {
  const { held, heldCount, clock, ended, scheduler } = await sleepers(6, 2)
  for (let left = 6; left > 0; left -= 1) {
    const count = Math.min(2, left)
    await heldCount(count)
    expect(held.length).toBe(count)
    held.shift()?.()
  }
  await until(() => {
    clock.advance(0)
    return ended.size === 6
  })
  await scheduler.close()
})

it('those that wait for a step keep the others asleep for a second, not for as long as it takes', async () => {
  const { held, heldCount, clock, ended, scheduler } = await sleepers(5, 2)
  for (const count of [2, 4, 5]) {
    await heldCount(count)
    clock.advance(WAKING_MS_MAX + WAKING_LOOK_MS)
  }
  for (const release of held) release()
  await until(() => {
    clock.advance(0)
    return ended.size === 5
  })
  await scheduler.close()
})

/** Two runs of ACME that are due, and one that begins an hour later; its tenancy counts reads, and may be held up. */
async function dueRuns(about: {
  readonly beforeUse?: (counts: { readonly reads: number }) => void
  readonly beforeCommit?: () => Promise<void>
}) {
  const idle = workflow({ name: 'idle', input: z.object({}) }, async (ctx) => ctx.sleep('long', '10w'))
  const clock = new ManualClock()
  const host = await openHost({ workflows: [idle], clock })
  const laterMs = clock.nowMs() + 2 * HOUR_MS
  for (const startAtMs of [laterMs - HOUR_MS, laterMs - HOUR_MS, laterMs]) {
    await host.workflows.start(ACME, { workflow: 'idle', input: {}, startAtMs })
  }
  await until(() => {
    clock.advance(100)
    return host.workflows.awakeCount === 0
  })
  const parts = await bareParts(host, clock, idle)
  clock.advance(laterMs - HOUR_MS - clock.nowMs())
  const counts = { reads: 0 }
  const onRead = () => {
    counts.reads += 1
  }
  const tenancy = watched(host, { ...about, beforeUse: () => about.beforeUse?.(counts), onRead })
  return { parts: { ...parts, tenancy }, clock, counts, laterMs, host }
}

/** The tenancy of a host, with something before each use, each read and each commit. */
function watched(
  { tenancy }: OpenHost,
  about: {
    readonly beforeUse: () => void
    readonly beforeCommit?: () => Promise<void>
    readonly onRead: () => void
  },
): EngineTenancy {
  return {
    use: async (tenant, fn) => {
      about.beforeUse()
      return tenancy.use(tenant, (handle) => {
        const watchedHandle: EngineHandle = {
          meta: handle.meta,
          commit: async (body) => {
            await about.beforeCommit?.()
            return handle.commit(body)
          },
          read: (body) => {
            about.onRead()
            return handle.read(body)
          },
          gated: (work) => handle.gated(work),
          wayOut: () => handle.wayOut(),
          settled: () => handle.settled(),
        }
        return fn(watchedHandle)
      })
    },
    setWake: (tenant: TenantId, wakeAtMs) => tenancy.setWake(tenant, wakeAtMs),
    dueTenants: (nowMs, limit) => tenancy.dueTenants(nowMs, limit),
  }
}

it('looks once for runs that are due, and not again while those it has taken are on their way into the record', async () => {
  const commits = Promise.withResolvers<void>()
  let asked = 0
  const beforeCommit = () => {
    asked += 1
    return commits.promise
  }
  const { parts, clock, counts, laterMs } = await dueRuns({ beforeCommit })
  const runner = new TenantRunner(parts, ACME)
  runner.wake()
  await until(() => asked > 0)
  await macrotasks(20)
  expect([runner.nextLookMs, runner.look(clock.nowMs()), counts.reads]).toEqual([laterMs, false, 1])
  commits.resolve()
  await until(() => runner.isAtRest)
  // Both sleep for weeks now.
  expect(runner.nextLookMs).toBe(clock.nowMs() + 1_000)
  clock.advance(1_000)
  expect([runner.look(clock.nowMs()), runner.retire()]).toEqual([true, laterMs])
})

it('runs that were taken and could not come into memory are not forgotten by a tenant that has to go', async () => {
  let refusedCount = 0
  const beforeUse = ({ reads }: { readonly reads: number }) => {
    if (reads === 0) return
    refusedCount += 1
    throw new TenaxError('overloaded', 'there is no turn')
  }
  const { parts, clock, host } = await dueRuns({ beforeUse })
  // Claims are written first: in that commit there is no turn.
  const deaths = new Deaths({ type: 'died', mark: undefined }, new Registry([]), clock.nowMs())
  const before = host.tenancy.dueTenants(clock.nowMs(), 1)
  const runner = new TenantRunner({ ...parts, deaths }, ACME)
  runner.wake()
  await until(() => refusedCount > 0)
  runner.drain()
  await until(() => {
    clock.advance(10)
    return runner.isAtRest
  })
  expect([runner.look(clock.nowMs()), runner.retire()]).toEqual([true, 0])
  expect(host.tenancy.dueTenants(clock.nowMs(), 1)[0]?.wakeAtMs).toBeLessThanOrEqual(before[0]?.wakeAtMs ?? 0)
})
