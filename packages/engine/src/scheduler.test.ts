/** What is in memory, and for how long; who goes first. */
import { parseTenantId, type TenantId } from '@tenax/kernel'
import { workflow } from '@tenax/workflow'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { newRun } from './child-plan.ts'
import { bareParts } from './fixtures/bare-parts.ts'
import { ACME, codeOf, hostMaker, macrotasks, type OpenHost, SteppedClock, until } from './fixtures/test-bed.ts'
import { LINGER_MS } from './limits.ts'
import type { EngineParts } from './parts.ts'
import { Places } from './places.ts'
import { Scheduler } from './scheduler.ts'
import { TenantRunner } from './tenant-runner.ts'

const openHost = hostMaker()
const nap = workflow({ name: 'nap', input: z.object({ ms: z.number() }) }, async (ctx, { ms }) => {
  await ctx.sleep('nap', ms)
  return 'awake'
})

async function tenantsOf({ tenancy }: OpenHost, count: number): Promise<TenantId[]> {
  const tenants = Array.from({ length: count }, (_, index) => parseTenantId(`t${index}`))
  for (const tenant of tenants) await tenancy.create(tenant)
  return tenants
}

/** Moves time on until no tenant is in memory. */
const asleep = ({ workflows }: OpenHost, clock: SteppedClock) =>
  until(() => {
    clock.advance(100)
    return workflows.awakeCount === 0
  })

it('keeps nothing for tenants whose runs sleep, and wakes each when its run is due', async () => {
  const clock = new SteppedClock()
  const host = await openHost({ workflows: [nap], clock })
  const tenants = await tenantsOf(host, 5)
  // Handles have timers of their own.
  for (const tenant of tenants) await host.workflows.list(tenant)
  const timerCount = clock.pending
  const startedAtMs = clock.nowMs()
  const start = (tenant: TenantId) => host.workflows.start(tenant, { workflow: 'nap', input: { ms: 3_600_000 } })
  const started = await Promise.all(tenants.map(start))
  expect(host.workflows.awakeCount).toBe(5)
  await asleep(host, clock)
  await host.tenancy.settled() // which has timers of its own meanwhile
  await macrotasks(10)
  expect(clock.pending).toBeLessThanOrEqual(timerCount)
  clock.advance(3_600_000 - 1_000 - (clock.nowMs() - startedAtMs))
  await macrotasks(10)
  expect(host.workflows.awakeCount).toBe(0)
  clock.advance(1_000)
  for (const [index, tenant] of tenants.entries()) {
    const run = started[index]?.run.id ?? ''
    await until(async () => {
      clock.advance(1)
      return (await host.workflows.get(tenant, run)).output === 'awake'
    })
  }
})

it('keeps the time at which a tenant is due when all that came meanwhile was refused', async () => {
  const clock = new SteppedClock()
  const host = await openHost({ workflows: [nap], clock })
  const dueAtMs = clock.nowMs() + 3_600_000
  await host.start('nap', { ms: 3_600_000 }, 'one')
  await asleep(host, clock)
  const due = () => host.tenancy.dueTenants(Number.MAX_SAFE_INTEGER, 1)
  expect(due()).toEqual([{ id: ACME, wakeAtMs: dueAtMs }])
  expect(await codeOf(host.start('nap', { ms: 1 }, 'one'))).toBe('run_id_reused')
  await asleep(host, clock)
  expect(due()).toEqual([{ id: ACME, wakeAtMs: dueAtMs }])
})

it('lets the run of one tenant end while another has a thousand in its queue', async () => {
  const quick = workflow({ name: 'quick', input: z.object({}) }, async (ctx) => {
    for (let index = 0; index < 3; index += 1) await ctx.step('work', () => index)
  })
  const host = await openHost({ workflows: [quick] })
  const [other = ACME] = await tenantsOf(host, 1)
  const flood = Array.from({ length: 1_000 }, () => host.start('quick'))
  const { run } = await host.workflows.start(other, { workflow: 'quick', input: {} })
  await host.ended(run.id, other)
  const completed = await host.sql("SELECT count(*) FROM tenax_run WHERE status = 'completed'")
  expect(Number(completed[0]?.[0])).toBeLessThan(1_000)
  const runs = await Promise.all(flood)
  for (const id of runs) expect((await host.ended(id)).status).toBe('completed')
})

it('stays for a moment behind its work, and not while others wait for its place', async () => {
  const quick = workflow({ name: 'quick', input: z.object({}) }, (ctx) => ctx.step('work', () => 1))
  const host = await openHost({ workflows: [] })
  const clock = new SteppedClock()
  const ended = Promise.withResolvers<void>()
  const parts: EngineParts = { ...(await bareParts(host, clock, quick)), runEnded: () => ended.resolve() }
  const runner = new TenantRunner(parts, ACME)
  await runner.start(await newRun(parts, { workflow: quick }, {}), quick)
  await ended.promise
  await until(() => runner.nextLookMs === clock.nowMs() + LINGER_MS)
  await macrotasks(20)
  expect([runner.look(clock.nowMs()), runner.nextLookMs]).toEqual([false, clock.nowMs() + LINGER_MS])
  runner.linger(0)
  expect([runner.nextLookMs, runner.look(clock.nowMs())]).toEqual([clock.nowMs(), true])
})

it('has a bounded number of tenants awake, and all have their turn', async () => {
  let now = 0
  let most = 0
  const busy = workflow({ name: 'busy', input: z.object({}) }, async (ctx) => {
    await ctx.step('count', async () => {
      now += 1
      most = Math.max(most, now)
      await macrotasks(3)
      now -= 1
    })
  })
  const host = await openHost({ workflows: [] })
  const tenants = await tenantsOf(host, 9)
  const clock = new SteppedClock()
  const ended = new Set<string>()
  const parts: EngineParts = {
    ...(await bareParts(host, clock, busy)),
    runEnded: (tenant) => void ended.add(tenant),
    plan: (tenant, atMs) => scheduler.plan(tenant, atMs),
  }
  const scheduler = new Scheduler(parts, { awakeMax: 2, wakingMax: 9 })
  for (const tenant of tenants) {
    await scheduler.runner(tenant).start(await newRun(parts, { workflow: busy }, {}), busy)
  }
  await until(() => {
    clock.advance(100)
    return ended.size === tenants.length
  })
  expect(most).toBeLessThanOrEqual(2)
  await scheduler.close()
})

it('gives places in turn to who waits for one', () => {
  const places = new Places(2)
  const order: string[] = []
  const wanting = (name: string) => {
    const want = () => void (places.take() ? order.push(name) : places.wait(want))
    return want
  }
  for (const name of ['a', 'b', 'c', 'd']) wanting(name)()
  expect(order).toEqual(['a', 'b'])
  places.release()
  expect(order).toEqual(['a', 'b', 'c'])
  places.release()
  places.release()
  expect([order, places.take(), places.take()]).toEqual([['a', 'b', 'c', 'd'], true, false])
})
