/** Schedules of a tenant, fired by the clock (WORKFLOWS 31). */
import { Readable } from 'node:stream'
import { parseTenantId } from '@tenax/kernel'
import { workflow } from '@tenax/workflow'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { JumpingClock } from '../fixtures/jumping-clock.ts'
import { ACME, codeOf, hostMaker, macrotasks, type OpenHost, until } from '../fixtures/test-bed.ts'

const openHost = hostMaker()
const DAY_MS = 86_400_000
const START_MS = Date.parse('2026-05-01T12:00Z')
const NIGHTLY = { workflow: 'quick', cron: '30 2 * * *', timeZone: 'Europe/Berlin' } as const

const quick = workflow(
  { name: 'quick', input: z.object({ a: z.number().default(7) }).default({ a: 7 }) },
  async (ctx, { a }) => ctx.step('work', () => a),
)
const slow = workflow({ name: 'slow', input: z.object({}).default({}) }, (ctx) => ctx.sleep('long', '30d'))
const loop = workflow(
  { name: 'loop', input: z.object({ n: z.number().default(0) }).default({ n: 0 }) },
  async (ctx, { n }) => {
    await ctx.sleep('nap', '1h')
    return ctx.continueAs({ n: n + 1 })
  },
)
const WORKFLOWS = [quick, slow, loop]

async function opened(dataPath?: string, atMs = START_MS) {
  const clock = new JumpingClock(atMs)
  const host = await openHost({ workflows: WORKFLOWS, clock, ...(dataPath === undefined ? {} : { dataPath }) })
  return { clock, host, schedules: host.workflows.schedules }
}

/** Moves time on to `atMs`, and further until what is due is done: a host looks at the hour every 10 s. */
async function goTo(clock: JumpingClock, atMs: number, isDone: () => boolean | Promise<boolean>): Promise<void> {
  clock.jumpTo(atMs)
  await until(async () => {
    clock.advance(500)
    return isDone()
  })
}

/** Lets whoever looks at the hour look at it. */
async function look(clock: JumpingClock): Promise<void> {
  for (let count = 0; count < 25; count += 1) {
    clock.advance(500)
    await macrotasks(3)
  }
}

const asleep = ({ workflows }: OpenHost, clock: JumpingClock) =>
  until(() => {
    clock.advance(100)
    return workflows.awakeCount === 0
  })

const runIds = async (host: OpenHost) => (await host.sql('SELECT id FROM tenax_run ORDER BY number')).map(([id]) => id)
const hasRuns = (host: OpenHost, count: number) => async () => (await runIds(host)).length >= count

it('starts a run at each of its times, whose id has the time, and sleeps in between', async () => {
  const { clock, host, schedules } = await opened()
  const { schedule, isNew } = await schedules.put(ACME, 'nightly', { ...NIGHTLY, input: { a: 3 } })
  const firstMs = Date.parse('2026-05-02T00:30Z')
  expect([isNew, schedule.nextAtMs, schedule.dueAtMs]).toEqual([true, firstMs, firstMs])
  await asleep(host, clock)
  expect(host.tenancy.dueTenants(Number.MAX_SAFE_INTEGER, 1)).toEqual([{ id: ACME, wakeAtMs: firstMs }])
  clock.jumpTo(firstMs - 20_000)
  await look(clock)
  expect(await runIds(host)).toEqual([])
  await goTo(
    clock,
    firstMs,
    async () => (await host.sql("SELECT 1 FROM tenax_run WHERE status = 'completed'")).length > 0,
  )
  expect(await host.workflows.get(ACME, 'nightly:2026-05-02T00:30:00.000Z')).toMatchObject({ output: 3, priority: 0 })
  expect(await schedules.get(ACME, 'nightly')).toMatchObject({
    ...{ lastAtMs: firstMs, lastRun: 'nightly:2026-05-02T00:30:00.000Z', nextAtMs: firstMs + DAY_MS, error: undefined },
  })
  await asleep(host, clock)
  await goTo(clock, firstMs + DAY_MS, hasRuns(host, 2))
})

it('fires once what came due while no host was there, and lets go what is older', async () => {
  const first = await opened()
  const path = first.host.dataPath
  await first.schedules.put(ACME, 'nightly', NIGHTLY)
  await first.schedules.put(ACME, 'thrice', { ...NIGHTLY, catchUp: 3, overlap: 'allow' })
  await first.schedules.put(ACME, 'punctual', { ...NIGHTLY, catchUp: 0 })
  await first.host.close()
  const second = await opened(path, START_MS + 10 * DAY_MS)
  await until(hasRuns(second.host, 4))
  await asleep(second.host, second.clock)
  expect((await runIds(second.host)).toSorted()).toEqual([
    'nightly:2026-05-11T00:30:00.000Z',
    ...['09', '10', '11'].map((day) => `thrice:2026-05-${day}T00:30:00.000Z`),
  ])
  expect(await second.schedules.get(ACME, 'nightly')).toMatchObject({ missedAtMs: Date.parse('2026-05-02T00:30Z') })
  expect(await second.schedules.get(ACME, 'punctual')).toMatchObject({
    ...{ lastRun: undefined, missedAtMs: Date.parse('2026-05-02T00:30Z'), nextAtMs: Date.parse('2026-05-12T00:30Z') },
  })
})

it('makes up for the last time alone where its runs may not overlap, whatever an older row says', async () => {
  const first = await opened()
  await first.schedules.put(ACME, 'nightly', NIGHTLY)
  const older = "UPDATE tenax_schedule SET catch_up = 3 WHERE id = 'nightly'"
  await first.host.tenancy.use(ACME, (handle) => handle.commit((file) => file.engine(older).get()))
  await first.host.close()
  const second = await opened(first.host.dataPath, START_MS + 10 * DAY_MS)
  await until(hasRuns(second.host, 1))
  await asleep(second.host, second.clock)
  expect(await runIds(second.host)).toEqual(['nightly:2026-05-11T00:30:00.000Z'])
  expect(await second.schedules.get(ACME, 'nightly')).toMatchObject({
    ...{ missedAtMs: Date.parse('2026-05-02T00:30Z'), skippedAtMs: undefined },
  })
})

it('makes up for missed times one after another where the workflow takes one run at a time', async () => {
  const said: string[] = []
  const single = workflow(
    {
      name: 'single',
      input: z.object({}).default({}),
      limits: { concurrency: { max: 1, key: () => 'all', holds: 'run' } },
    },
    async (ctx) => {
      await ctx.step('begin', () => said.push('begin'))
      await ctx.sleep('nap', '5s')
      await ctx.step('end', () => said.push('end'))
    },
  )
  const clock = new JumpingClock(START_MS)
  const first = await openHost({ workflows: [single], clock })
  const request = { ...NIGHTLY, workflow: 'single', overlap: 'allow', catchUp: 3 } as const
  await first.workflows.schedules.put(ACME, 'nightly', request)
  await first.close()
  clock.jumpTo(START_MS + 10 * DAY_MS)
  const second = await openHost({ workflows: [single], clock, dataPath: first.dataPath })
  await until(async () => {
    clock.advance(500)
    return (await second.workflows.list(ACME, { status: 'completed' })).runs.length === 3
  })
  expect(said).toEqual(['begin', 'end', 'begin', 'end', 'begin', 'end'])
})

it('never fires a time twice or not at all, wherever the host is closed and opened again', async () => {
  let { clock, host, schedules } = await opened()
  const path = host.dataPath
  const everyMs = 10_000
  await schedules.put(ACME, 'tick', { workflow: 'quick', everyMs, overlap: 'allow', catchUp: 100 })
  for (let round = 0; round < 6; round += 1) {
    clock.advance(3_000 * (round % 5))
    // Closed at another moment of its firing each time.
    await macrotasks(round * 3)
    const atMs = clock.nowMs()
    await host.close()
    ;({ clock, host, schedules } = await opened(path, atMs))
  }
  clock.advance(everyMs)
  const { createdAtMs } = await schedules.get(ACME, 'tick')
  const count = Math.floor((clock.nowMs() - createdAtMs) / everyMs)
  const expected = Array.from(
    { length: count },
    (_, index) => `tick:${new Date(createdAtMs + (index + 1) * everyMs).toISOString()}`,
  )
  await until(hasRuns(host, count))
  expect(await runIds(host)).toEqual(expected)
  await host.close()
})

it('skips a time while the run before it has not ended, also when that has gone on as another', async () => {
  const { clock, host, schedules } = await opened()
  await schedules.put(ACME, 'slow', { workflow: 'slow', everyMs: DAY_MS })
  await schedules.put(ACME, 'loop', { workflow: 'loop', everyMs: DAY_MS })
  await schedules.put(ACME, 'both', { workflow: 'slow', everyMs: DAY_MS, overlap: 'allow' })
  const lastOf = async (id: string) => (await schedules.get(ACME, id)).lastAtMs ?? 0
  for (const day of [1, 2]) {
    await goTo(clock, START_MS + day * DAY_MS + 1_000, async () => {
      const times = await Promise.all(['slow', 'loop', 'both'].map(lastOf))
      return times.every((ms) => ms >= START_MS + day * DAY_MS)
    })
    // Far enough for the loop to go on as another run.
    await goTo(
      clock,
      clock.nowMs() + 3_700_000,
      async () => (await host.workflows.list(ACME, { status: 'continued' })).runs.length >= day,
    )
  }
  const started = await host.sql("SELECT substr(id, 1, 5), count(*) FROM tenax_run WHERE id LIKE '%:2026-%' GROUP BY 1")
  expect(started.map(([id, count]) => [id, Number(count)])).toEqual([
    ['both:', 2],
    ['loop:', 1],
    ['slow:', 1],
  ])
  expect((await schedules.get(ACME, 'loop')).skippedAtMs).toBeGreaterThanOrEqual(START_MS + 2 * DAY_MS)
  expect((await schedules.get(ACME, 'both')).skippedAtMs).toBeUndefined()
  expect(await codeOf(schedules.trigger(ACME, 'loop'))).toBe('schedule_busy')
})

it('is paused and resumed without making up for the pause, and triggered by hand', async () => {
  const { clock, host, schedules } = await opened()
  await schedules.put(ACME, 'nightly', NIGHTLY)
  expect(await schedules.pause(ACME, 'nightly')).toMatchObject({ nextAtMs: undefined, pausedAtMs: clock.nowMs() })
  clock.jumpTo(START_MS + 3 * DAY_MS)
  await look(clock)
  expect(await schedules.put(ACME, 'nightly', { ...NIGHTLY, input: { a: 1 } })).toMatchObject({
    ...{ isNew: false, schedule: { nextAtMs: undefined, input: { a: 1 } } },
  })
  const run = await schedules.trigger(ACME, 'nightly')
  expect(run.id).toMatch(/^nightly:now:/)
  expect((await host.ended(run.id)).output).toBe(1)
  expect(await schedules.resume(ACME, 'nightly')).toMatchObject({
    ...{ nextAtMs: Date.parse('2026-05-05T00:30Z'), pausedAtMs: undefined, lastRun: run.id },
  })
  expect(await schedules.resume(ACME, 'nightly')).toMatchObject({ nextAtMs: Date.parse('2026-05-05T00:30Z') })
  expect(await runIds(host)).toEqual([run.id])
})

it('keeps its times when it is put again, and counts anew when they change', async () => {
  const { clock, schedules } = await opened()
  const every = { workflow: 'quick', everyMs: 3_600_000 }
  const before = (await schedules.put(ACME, 'hourly', every)).schedule
  clock.advance(60_000)
  expect((await schedules.put(ACME, 'hourly', every)).schedule).toEqual(before)
  const changed = (await schedules.put(ACME, 'hourly', { ...every, catchUp: 0 })).schedule
  expect(changed).toMatchObject({
    nextAtMs: before.nextAtMs,
    updatedAtMs: clock.nowMs(),
    createdAtMs: before.createdAtMs,
  })
  const faster = (await schedules.put(ACME, 'hourly', { ...every, everyMs: 1_800_000 })).schedule
  expect(faster.nextAtMs).toBe(clock.nowMs() + 1_800_000)
  await schedules.put(ACME, 'another', NIGHTLY)
  expect((await schedules.list(ACME)).map(({ id }) => id)).toEqual(['another', 'hourly'])
  await schedules.delete(ACME, 'hourly')
  expect(await codeOf(schedules.delete(ACME, 'hourly'))).toBe('schedule_not_found')
  expect((await schedules.list(ACME)).map(({ id }) => id)).toEqual(['another'])
})

it('says what is wrong with one that cannot start its run, keeps its times, and lets others fire', async () => {
  const strict = workflow({ name: 'strict', input: z.object({}) }, async () => 'ran')
  const picky = workflow({ name: 'strict', input: z.object({ more: z.string() }) }, async () => 'ran')
  const clock = new JumpingClock(START_MS)
  const first = await openHost({ workflows: [strict, quick, slow], clock })
  for (const name of ['strict', 'slow', 'quick']) {
    await first.workflows.schedules.put(ACME, name, { workflow: name, input: {}, everyMs: 60_000 })
  }
  await first.close()
  const host = await openHost({ workflows: [picky, quick], clock, dataPath: first.dataPath })
  const { schedules } = host.workflows
  await goTo(clock, START_MS + 60_000, async () => (await schedules.get(ACME, 'quick')).lastRun !== undefined)
  await until(() => host.events.length >= 2)
  const nextAtMs = START_MS + 120_000
  expect(await schedules.get(ACME, 'strict')).toMatchObject({
    error: { code: 'input_invalid' },
    nextAtMs,
    lastRun: undefined,
  })
  expect(await schedules.get(ACME, 'slow')).toMatchObject({ error: { code: 'workflow_unknown' }, nextAtMs })
  expect(await schedules.get(ACME, 'quick')).toMatchObject({ error: undefined, nextAtMs })
  expect(host.events.map((event) => event.type === 'schedule_failed' && event.schedule).toSorted()).toEqual([
    'slow',
    'strict',
  ])
})

it('stops one whose time zone this host does not know, says so, and lets others fire', async () => {
  const { clock, host, schedules } = await opened()
  await schedules.put(ACME, 'moved', NIGHTLY)
  await schedules.put(ACME, 'other', NIGHTLY)
  const move = "UPDATE tenax_schedule SET time_zone = 'Mars/Phobos' WHERE id = 'moved'"
  await host.tenancy.use(ACME, (handle) => handle.commit((file) => file.engine(move).get()))
  await goTo(clock, Date.parse('2026-05-02T00:30Z'), hasRuns(host, 1))
  await until(() => host.events.length > 0)
  expect(await schedules.get(ACME, 'moved')).toMatchObject({
    ...{ error: { code: 'time_zone_unknown' }, nextAtMs: undefined, missedAtMs: Date.parse('2026-05-02T00:30Z') },
  })
  expect(await runIds(host)).toEqual(['other:2026-05-02T00:30:00.000Z'])
})

it('fires no time again when the hour goes back', async () => {
  const first = await opened()
  await first.schedules.put(ACME, 'hourly', { workflow: 'quick', everyMs: 3_600_000 })
  await goTo(first.clock, START_MS + 3_600_000, hasRuns(first.host, 1))
  await first.host.close()
  const second = await opened(first.host.dataPath, START_MS - DAY_MS)
  second.clock.jumpTo(START_MS + 7_180_000)
  await look(second.clock)
  expect(await runIds(second.host)).toHaveLength(1)
  await goTo(second.clock, START_MS + 7_200_000, hasRuns(second.host, 2))
})

it('comes up held in an imported tenant, and goes on with the next of its times when it is released', async () => {
  const { clock, host, schedules } = await opened()
  await schedules.put(ACME, 'nightly', NIGHTLY)
  await schedules.put(ACME, 'moved', NIGHTLY)
  const move = "UPDATE tenax_schedule SET time_zone = 'Mars/Phobos' WHERE id = 'moved'"
  await host.tenancy.use(ACME, (handle) => handle.commit((file) => file.engine(move).get()))
  const chunks: Uint8Array[] = []
  await host.tenancy.export(ACME, async (file) => {
    for await (const chunk of file.chunks) chunks.push(chunk)
  })
  const copy = parseTenantId('copy')
  await host.tenancy.import(copy, Readable.from(chunks))
  clock.jumpTo(START_MS + 3 * DAY_MS)
  await look(clock)
  expect(await schedules.get(copy, 'nightly')).toMatchObject({ blockedReason: 'held', nextAtMs: undefined })
  expect((await host.workflows.list(copy)).runs).toEqual([])
  expect(await host.workflows.release(copy)).toBe(2)
  expect(await schedules.get(copy, 'moved')).toMatchObject({
    error: { code: 'time_zone_unknown' },
    nextAtMs: undefined,
  })
  const nextAtMs = Date.parse('2026-05-05T00:30Z')
  expect(await schedules.get(copy, 'nightly')).toMatchObject({ blockedReason: undefined, nextAtMs })
  await goTo(clock, nextAtMs, async () => (await host.workflows.list(copy)).runs.length === 1)
})

it('spreads tenants with the same times, each always by the same', async () => {
  const { host, schedules } = await opened()
  const spreads: number[] = []
  for (let index = 0; index < 8; index += 1) {
    const tenant = parseTenantId(`t${index}`)
    await host.tenancy.create(tenant)
    const { schedule } = await schedules.put(tenant, 'nightly', { ...NIGHTLY, spreadMs: 3_600_000 })
    spreads.push((schedule.dueAtMs ?? 0) - (schedule.nextAtMs ?? 0))
  }
  expect(new Set(spreads).size).toBe(8)
  expect(Math.max(...spreads)).toBeLessThan(3_600_000)
  // Written down once: a change of it would move the work of everybody.
  expect(spreads.slice(0, 2)).toEqual([3_277_858, 1_873_873])
})

it.each([
  ['a day that never comes', { ...NIGHTLY, cron: '0 0 30 2 *' }, 'cron_never_fires'],
  ['no expression', { ...NIGHTLY, cron: 'often' }, 'cron_invalid'],
  ['no such zone', { ...NIGHTLY, timeZone: 'Europe/Atlantis' }, 'time_zone_unknown'],
  ['an interval that is too short', { workflow: 'quick', everyMs: 10 }, 'argument_invalid'],
  ['no times at all', { workflow: 'quick' }, 'argument_invalid'],
  ['two kinds of times', { ...NIGHTLY, everyMs: 60_000 }, 'argument_invalid'],
  ['too much catching up', { ...NIGHTLY, overlap: 'allow' as const, catchUp: 101 }, 'argument_invalid'],
  ['catching up side by side, where nothing may be', { ...NIGHTLY, catchUp: 2 }, 'argument_invalid'],
  ['an unknown workflow', { ...NIGHTLY, workflow: 'lost' }, 'workflow_unknown'],
  ['an input that is refused', { ...NIGHTLY, input: { a: 'x' } }, 'input_invalid'],
])('%s is refused', async (_what, request, code) => {
  const { host, schedules } = await shared
  expect(await codeOf(schedules.put(ACME, 'bad', request))).toBe(code)
  expect(await codeOf(schedules.get(ACME, 'bad'))).toBe('schedule_not_found')
  expect(await codeOf(schedules.pause(ACME, 'bad'))).toBe('schedule_not_found')
  expect(await schedules.list(ACME)).toEqual([])
  expect((await host.workflows.list(ACME)).runs).toEqual([])
})
const shared = opened()
