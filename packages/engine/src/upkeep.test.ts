/** What is kept no longer is deleted: ended runs by the retention of their definition, events by their age (WORKFLOWS 15, 33). */
import type { SqliteFile } from '@tenax/sqlite'
import { event, workflow } from '@tenax/workflow'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { JumpingClock } from './fixtures/jumping-clock.ts'
import { ACME, codeOf, hostMaker, type OpenHost, until } from './fixtures/test-bed.ts'
import { expireEvents, forgetEvents, readEventPage } from './store/event-expiry.ts'
import { purgeRuns } from './store/retention.ts'

const openHost = hostMaker()
const START_MS = Date.parse('2026-05-01T12:00Z')
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const go = event('go', z.null())
const nothing = z.object({})

const short = workflow({ name: 'short', retention: '1d', input: nothing }, async (ctx) => {
  ctx.emit('out')
  return ctx.step('work', () => 'x'.repeat(1_000))
})
const long = workflow({ name: 'long', input: nothing }, (ctx) => ctx.step('work', () => 1))
const waiting = workflow({ name: 'waiting', retention: '1d', input: nothing }, (ctx) => ctx.waitFor(go))
const parent = workflow({ name: 'parent', retention: '1d', input: nothing }, async (ctx) => {
  await ctx.child('done', short, {})
  await ctx.sleep('rest', '3d')
})
const leaving = workflow({ name: 'leaving', retention: '1d', input: nothing }, (ctx) =>
  ctx.race({ left: ctx.child('left', waiting, {}, { onParentClose: 'abandon' }), ended: ctx.sleep('soon', '1s') }),
)
const chatty = workflow({ name: 'chatty', retention: '1d', input: nothing }, async (ctx) => {
  for (let index = 0; index < 1_200; index += 1) ctx.emit('x'.repeat(1_000))
})
const WORKFLOWS = [short, long, waiting, parent, leaving, chatty]

async function opened(clock: JumpingClock, dataPath?: string): Promise<OpenHost> {
  return openHost({ workflows: WORKFLOWS, clock, ...(dataPath === undefined ? {} : { dataPath }) })
}

const runIds = async (host: OpenHost) => (await host.sql('SELECT id FROM tenax_run ORDER BY number')).map(([id]) => id)

/** Moves time on until `claim` holds. */
const later = (clock: JumpingClock, claim: () => boolean | Promise<boolean>) =>
  until(() => {
    clock.advance(500)
    return claim()
  })

const asleep = (host: OpenHost, clock: JumpingClock) => later(clock, () => host.workflows.awakeCount === 0)

/** Sets the hour, and lets whoever is due wake, work and sleep again. */
async function goTo(host: OpenHost, clock: JumpingClock, atMs: number): Promise<void> {
  await asleep(host, clock)
  clock.jumpTo(atMs)
  const [due] = host.tenancy.dueTenants(clock.nowMs(), 1)
  if (due !== undefined) await later(clock, () => host.workflows.awakeCount > 0)
  await asleep(host, clock)
}

it('deletes ended runs when their time is over, within an hour, in a tenant that sleeps and after a restart', async () => {
  const clock = new JumpingClock(START_MS)
  const first = await opened(clock)
  for (const name of ['short', 'long', 'short'])
    await first.ended(await first.start(name, {}, `${name}-${clock.nowMs()}`))
  await first.ended(await first.start('short', {}, 'newest'))
  await first.close()
  const host = await opened(clock, first.dataPath)
  await goTo(host, clock, START_MS + DAY_MS - HOUR_MS / 2)
  expect(await runIds(host)).toHaveLength(3)
  await goTo(host, clock, START_MS + DAY_MS + HOUR_MS + 60_000)
  expect(await runIds(host)).toEqual([`long-${START_MS}`, 'newest'])
  expect(await codeOf(host.workflows.get(ACME, `short-${START_MS}`))).toBe('run_not_found')
  expect(await host.sql('SELECT count(*) FROM tenax_step')).toEqual([[2n]])
  expect(await host.sql('SELECT count(*) FROM tenax_output')).toEqual([[1n]])
  // The newest stays until there is a newer one; 30 days are for those that say nothing.
  await host.ended(await host.start('long', {}, 'newer'))
  await goTo(host, clock, START_MS + 3 * DAY_MS)
  expect(await runIds(host)).toEqual([`long-${START_MS}`, 'newer'])
  await goTo(host, clock, START_MS + 30 * DAY_MS + 2 * HOUR_MS)
  expect(await runIds(host)).toEqual(['newer'])
  await asleep(host, clock)
})

it('keeps a run while its parent or its child has not ended', async () => {
  const clock = new JumpingClock(START_MS)
  const host = await opened(clock)
  await host.start('parent', {}, 'parent')
  await host.start('leaving', {}, 'leaving')
  await later(clock, async () => (await host.workflows.get(ACME, 'leaving')).endedAtMs !== undefined)
  await host.ended(await host.start('long', {}, 'newest'))
  await goTo(host, clock, START_MS + 2 * DAY_MS)
  expect(await runIds(host)).toHaveLength(5)
  await host.workflows.cancel(ACME, 'parent')
  await host.workflows.send(ACME, { name: 'go', payload: null })
  for (const day of [4, 6]) await goTo(host, clock, START_MS + day * DAY_MS)
  expect(await runIds(host)).toEqual(['newest'])
})

it('deletes a large run in slices, and gives the pages back', async () => {
  const clock = new JumpingClock(START_MS)
  const host = await opened(clock)
  await host.start('chatty', {}, 'chatty')
  await host.ended('chatty')
  await host.ended(await host.start('long', {}, 'newest'))
  const pages = async () => Number((await host.sql('PRAGMA page_count'))[0]?.[0])
  const before = await pages()
  const purge = () => host.tenancy.use(ACME, (handle) => handle.commit((file) => purgeRuns(file, [1], START_MS)))
  expect(await purge()).toEqual([1])
  expect(await runIds(host)).toEqual(['chatty', 'newest'])
  await goTo(host, clock, START_MS + 2 * DAY_MS)
  expect(await runIds(host)).toEqual(['newest'])
  expect(await host.sql('SELECT count(*) FROM tenax_output')).toEqual([[0n]])
  expect(await pages()).toBeLessThan(before / 2)
  expect(await host.sql('PRAGMA integrity_check')).toEqual([['ok']])
})

it('keeps the key of a run that it has deleted for seven days', async () => {
  const clock = new JumpingClock(START_MS)
  const host = await opened(clock)
  const started = () => host.workflows.start(ACME, { workflow: 'short', input: {}, idempotencyKey: 'once' })
  const { run } = await started()
  await host.ended(run.id)
  await host.ended(await host.start('long', {}, 'newest'))
  await goTo(host, clock, START_MS + 2 * DAY_MS)
  expect(await runIds(host)).toEqual(['newest'])
  expect(await started()).toMatchObject({ isNew: false, run: { id: run.id, status: 'completed' } })
  await goTo(host, clock, START_MS + 10 * DAY_MS)
  expect(await host.sql('SELECT count(*) FROM tenax_kept_key')).toEqual([[0n]])
  expect((await started()).isNew).toBe(true)
})

it('shows an event that nobody took in a week, gives it to nobody, and forgets it a month later', async () => {
  const clock = new JumpingClock(START_MS)
  const host = await opened(clock)
  const expired = async () => (await host.sql('SELECT id FROM tenax_event_expired ORDER BY number')).map(([id]) => id)
  const all = async () => (await host.sql('SELECT id FROM tenax_event ORDER BY number')).map(([id]) => id)
  const run = await host.start('waiting')
  await host.workflows.send(ACME, { name: 'go', payload: null, id: 'taken' })
  await host.ended(run)
  await host.workflows.send(ACME, { name: 'go', payload: { a: 1 }, id: 'left' })
  await goTo(host, clock, START_MS + 6 * DAY_MS)
  expect([await all(), await expired()]).toEqual([['taken', 'left'], []])
  await goTo(host, clock, START_MS + 7 * DAY_MS + 2 * HOUR_MS)
  expect([await all(), await expired()]).toEqual([['left'], ['left']])
  // A wait takes what came since its run was made, and this looks back.
  const back = workflow({ name: 'back', input: nothing }, (ctx) => ctx.waitFor(go, { lookback: '60d', timeout: '1s' }))
  await host.close()
  const second = await openHost({ workflows: [...WORKFLOWS, back], clock, dataPath: host.dataPath })
  const looked = await second.start('back')
  await later(clock, async () => (await second.workflows.get(ACME, looked)).endedAtMs !== undefined)
  expect((await second.workflows.get(ACME, looked)).output).toBeUndefined()
  await second.workflows.send(ACME, { name: 'go', payload: null, id: 'newest' })
  await goTo(second, clock, START_MS + 38 * DAY_MS)
  expect((await second.sql('SELECT id FROM tenax_event')).map(([id]) => id)).toEqual(['newest'])
})

it('lets the oldest of too many events expire early, and forgets the oldest of too many expired ones', async () => {
  const host = await opened(new JumpingClock(START_MS))
  await host.ended(await host.start('long'))
  const commit = <T>(body: (file: SqliteFile) => T) => host.tenancy.use(ACME, (handle) => handle.commit(body))
  const fill = (count: number) => `INSERT INTO tenax_event (number, id, name, key, received_at_ms)
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count}) SELECT i, 'e' || i, 'go', '', ${START_MS} FROM n`
  await commit((file) => file.engine(fill(100_003)).get())
  const page = await commit((file) => readEventPage(file, 0, START_MS))
  expect(page).toEqual({ untilNumber: 3, isLast: true, nextMs: START_MS + 7 * DAY_MS })
  await commit((file) => expireEvents(file, { afterNumber: 0, untilNumber: 3, nowMs: START_MS }))
  expect(await host.sql('SELECT id FROM tenax_event_expired ORDER BY number')).toEqual([['e1'], ['e2'], ['e3']])
  await commit((file) => expireEvents(file, { afterNumber: 3, untilNumber: 10_002, nowMs: START_MS + 1 }))
  expect(await commit((file) => forgetEvents(file, START_MS + 2))).toBe(false)
  expect(await host.sql('SELECT min(number), count(*) FROM tenax_event_expired')).toEqual([[3n, 10_000n]])
})
