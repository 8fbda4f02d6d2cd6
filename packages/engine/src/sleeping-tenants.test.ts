/** When sleeping tenants are given out, against the catalogs. */
import { parseTenantId, type TenantId } from '@tenax/kernel'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { SleepingTenants } from './sleeping-tenants.ts'

const LOOK_MS_MAX = 10
const tenantOf = (index: number) => parseTenantId(`t${index}`)

/** A catalog that counts how often it is asked. */
function catalog() {
  const hints = new Map<TenantId, number>()
  const asked = { count: 0 }
  const dueTenants = (nowMs: number, limit: number) => {
    asked.count += 1
    return [...hints]
      .filter(([, wakeAtMs]) => wakeAtMs <= nowMs)
      .map(([id, wakeAtMs]) => ({ id, wakeAtMs }))
      .sort((a, b) => a.wakeAtMs - b.wakeAtMs)
      .slice(0, limit)
  }
  return { hints, asked, dueTenants }
}

/** Moves to `nowMs` as the scheduler does; gives who is due. */
function lookAt(sleeping: SleepingTenants, nowMs: number, limit: number, awake: ReadonlySet<TenantId>): TenantId[] {
  if (sleeping.mustAsk(nowMs)) sleeping.ask(nowMs, limit + awake.size, (tenant) => awake.has(tenant))
  return sleeping.takeDue(nowMs)
}

const step = fc.record({
  /** Who leaves memory meanwhile, and when each is to be woken: in so long. */
  leaving: fc.array(fc.tuple(fc.nat(7), fc.option(fc.nat(40), { nil: undefined })), { maxLength: 3 }),
  /** What somebody else writes into the catalog, and says so. */
  others: fc.array(fc.tuple(fc.nat(7), fc.nat(40)), { maxLength: 1 }),
  /** What somebody else writes, and nobody says. */
  unheard: fc.array(fc.tuple(fc.nat(7), fc.nat(40)), { maxLength: 1 }),
})

it('gives out every tenant when it is due, and one of whom nobody was told when the catalogs are asked next', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 2, max: 9 }), (steps, limit) => {
      const { hints, dueTenants } = catalog()
      const sleeping = new SleepingTenants({ dueTenants }, LOOK_MS_MAX)
      const awake = new Set<TenantId>()
      const unheardAt = new Map<TenantId, number>()
      const write = (index: number, atMs: number) => {
        if (!awake.has(tenantOf(index))) hints.set(tenantOf(index), atMs)
      }
      let nowMs = 0
      const look = () => {
        // A limit cuts what is known: what is behind it is asked for when those before it have been given out.
        for (let due = lookAt(sleeping, nowMs, limit, awake); due.length > 0; ) {
          for (const tenant of due) awake.add(tenant)
          due = lookAt(sleeping, nowMs, limit, awake)
        }
        for (const [tenant, atMs] of hints) {
          const toldMs = (unheardAt.get(tenant) ?? Number.NEGATIVE_INFINITY) + LOOK_MS_MAX
          if (atMs <= nowMs && toldMs < nowMs) expect([tenant, atMs, awake.has(tenant)]).toEqual([tenant, atMs, true])
        }
      }
      for (const { leaving, others, unheard } of steps) {
        nowMs += 1
        look()
        for (const [index, inMs] of leaving) {
          const tenant = tenantOf(index)
          if (!awake.delete(tenant)) continue
          const atMs = inMs === undefined ? undefined : nowMs + inMs
          unheardAt.delete(tenant)
          if (atMs === undefined) hints.delete(tenant)
          else hints.set(tenant, atMs)
          sleeping.leave(tenant, atMs, nowMs)
        }
        for (const [index, inMs] of others) {
          write(index, nowMs + inMs)
          sleeping.askSoon()
        }
        for (const [index, inMs] of unheard) {
          write(index, nowMs + inMs)
          unheardAt.set(tenantOf(index), nowMs)
        }
      }
      nowMs += 41 + LOOK_MS_MAX
      look()
      expect(new Set(hints.keys()).difference(awake)).toEqual(new Set())
    }),
    { numRuns: 300 },
  )
})

it('asks the catalogs every so often, however many tenants come and go meanwhile', () => {
  const { hints, asked, dueTenants } = catalog()
  const sleeping = new SleepingTenants({ dueTenants }, 1_000)
  for (let index = 0; index < 50; index += 1) hints.set(tenantOf(index), index)
  let wokenCount = 0
  for (let nowMs = 0; nowMs < 10_000; nowMs += 5) {
    for (const tenant of lookAt(sleeping, nowMs, 100, new Set())) {
      wokenCount += 1
      hints.set(tenant, nowMs + 100)
      sleeping.leave(tenant, nowMs + 100, nowMs)
    }
  }
  expect(wokenCount).toBeGreaterThan(4_000)
  expect(asked.count).toBe(10)
})
