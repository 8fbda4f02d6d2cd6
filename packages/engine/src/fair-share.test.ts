/** Time at the event loop, shared out by a clock that moves only when somebody works. */
import { ManualClock, parseTenantId, type TenantId } from '@tenax/kernel'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type EntryKind, FairShare } from './fair-share.ts'
import { ACCOUNTS_MAX, PASS_MS, SHARE_ALONE_MS, SHARE_MS, SHARED_MS } from './limits.ts'

const macrotask = () => new Promise<void>((resolve) => setImmediate(resolve))
const [a, b, c] = ['a', 'b', 'c'].map(parseTenantId) as [TenantId, TenantId, TenantId]

interface Work {
  readonly ms: number
  /** Asked for again as soon as it is done, until this holds. */
  readonly until: () => boolean
  readonly kind?: EntryKind
}

function bed() {
  const clock = new ManualClock()
  const share = new FairShare({ clock, macrotask })
  const servedMs = new Map<TenantId, number>()
  const order: TenantId[] = []
  const entry = async (tenant: TenantId, ms: number, { until, kind }: Partial<Work> = {}) => {
    await share.enter(tenant, kind)
    if (until?.() === true) return
    order.push(tenant)
    // What an entry does may take many microtasks.
    for (let hop = 0; hop < 5; hop += 1) await undefined
    clock.advance(ms)
    servedMs.set(tenant, (servedMs.get(tenant) ?? 0) + ms)
  }
  return {
    ...{ clock, share, order, entry },
    served: (tenant: TenantId) => servedMs.get(tenant) ?? 0,
    /** Holds when so much time has gone by. */
    after: (ms: number) => {
      const endMs = clock.monotonicMs() + ms
      return () => clock.monotonicMs() >= endMs
    },
    hungry: async (tenant: TenantId, work: Work) => {
      while (!work.until()) await entry(tenant, work.ms, work)
    },
  }
}

it('those who always want more get the same time, however long their entries are', async () => {
  const lengths = fc.array(fc.double({ min: 0.05, max: 5, noNaN: true }), { minLength: 2, maxLength: 6 })
  await fc.assert(
    fc.asyncProperty(lengths, async (entriesMs) => {
      const { hungry, served, after } = bed()
      const until = after(200)
      const tenants = entriesMs.map((ms, index) => ({ tenant: parseTenantId(`t${index}`), ms }))
      await Promise.all(tenants.map(({ tenant, ms }) => hungry(tenant, { ms, until })))
      const times = tenants.map(({ tenant }) => served(tenant))
      const slackMs = 2 * (SHARE_MS + Math.max(...entriesMs)) + SHARE_ALONE_MS
      expect(Math.max(...times) - Math.min(...times)).toBeLessThanOrEqual(slackMs)
    }),
    { numRuns: 30 },
  )
})

it('many that wait for one tenant get no more than the one of another', async () => {
  const { hungry, served, after } = bed()
  const until = after(100)
  const crowd = Array.from({ length: 64 }, () => hungry(a, { ms: 0.5, until }))
  await Promise.all([...crowd, hungry(b, { ms: 0.5, until })])
  expect(Math.abs(served(a) - served(b))).toBeLessThanOrEqual(SHARE_ALONE_MS + 2 * SHARE_MS)
})

it('one that comes now and then waits for one entry of the others, whatever they have queued', async () => {
  const { hungry, entry, order, after } = bed()
  const until = after(50)
  const others = [a, b].flatMap((tenant) => Array.from({ length: 200 }, () => hungry(tenant, { ms: 0.1, until })))
  await entry(c, 0.01) // the loop is not shared before that
  let count = 0
  while (!until()) {
    await macrotask()
    const before = order.length
    await entry(c, 0.01)
    expect(order.slice(before).filter((tenant) => tenant !== c).length).toBeLessThanOrEqual(1)
    count += 1
  }
  await Promise.all(others)
  expect(count).toBeGreaterThan(20)
})

it('between two turns of a shared loop one does no more than a pass and an entry', async () => {
  const { hungry, entry, clock, after } = bed()
  const until = after(20)
  const crowd = Array.from({ length: 50 }, () => hungry(a, { ms: 0.1, until }))
  await entry(b, 0.1)
  for (let lastMs = clock.monotonicMs(); !until(); lastMs = clock.monotonicMs()) {
    await macrotask()
    expect(clock.monotonicMs() - lastMs).toBeLessThan(PASS_MS + 0.1 + 1e-9)
    await entry(b, 0)
  }
  await Promise.all(crowd)
})

it('a long entry is paid back before the next', async () => {
  const { hungry, entry, order, after } = bed()
  await entry(a, 10)
  await macrotask()
  const until = after(30)
  await Promise.all([hungry(a, { ms: 0.5, until }), hungry(b, { ms: 0.5, until })])
  const first = order.indexOf(a, 1)
  expect(order.slice(1, first).length * 0.5).toBeGreaterThanOrEqual(10 - SHARE_ALONE_MS - SHARE_MS)
})

it('time that was not used is not saved up', async () => {
  const { hungry, entry, served, after } = bed()
  await entry(b, 0.1)
  await hungry(a, { ms: 0.5, until: after(100) })
  const [beforeA, beforeB] = [served(a), served(b)]
  const until = after(100)
  await Promise.all([hungry(a, { ms: 0.5, until }), hungry(b, { ms: 0.5, until })])
  const gap = Math.abs(served(a) - beforeA - (served(b) - beforeB))
  expect(gap).toBeLessThanOrEqual(SHARE_ALONE_MS + 3 * SHARE_MS)
})

it('inside a tenant starts and runs take turns, share by share', async () => {
  const { share, clock, after } = bed()
  const until = after(100)
  const servedMs = { run: 0, start: 0 }
  const hungry = async (kind: EntryKind) => {
    while (!until()) {
      await share.enter(a, kind)
      clock.advance(0.5)
      servedMs[kind] += 0.5
    }
  }
  await Promise.all([...Array.from({ length: 100 }, () => hungry('start')), hungry('run')])
  // Of the one run no more waits than one entry, so that the starts have what it leaves of its shares.
  expect(servedMs.run).toBeGreaterThanOrEqual(100 / SHARE_ALONE_MS / 2 / 2)
  expect(servedMs.start).toBeGreaterThanOrEqual(servedMs.run)
})

it('lets those of a tenant in in the order in which they came', async () => {
  const { share } = bed()
  const seen: number[] = []
  const count = 1_000
  await Promise.all(Array.from({ length: count }, (_, index) => share.enter(a).then(() => seen.push(index))))
  expect(seen).toEqual(Array.from({ length: count }, (_, index) => index))
})

it('knows whether the loop is shared', async () => {
  const { share, entry, clock } = bed()
  await entry(a, 1)
  await entry(a, 1)
  expect(share.isShared).toBe(false)
  await entry(b, 1)
  expect(share.isShared).toBe(true)
  clock.advance(SHARED_MS)
  expect(share.isShared).toBe(false)
})

it('forgets tenants that want nothing, and nobody who waits', async () => {
  const { entry, order } = bed()
  const tenants = Array.from({ length: 2 * ACCOUNTS_MAX + 10 }, (_, index) => parseTenantId(`t${index}`))
  await Promise.all(tenants.map((tenant) => entry(tenant, 0)))
  for (const tenant of tenants) await entry(tenant, 0)
  expect(order.length).toBe(2 * tenants.length)
})

it('lets everything run that is due before a rest is over', async () => {
  const { share } = bed()
  const seen: string[] = []
  void macrotask().then(() => seen.push('due'))
  await share.rest(a).then(() => seen.push('rested'))
  expect(seen).toEqual(['due', 'rested'])
})
