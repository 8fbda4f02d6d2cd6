import { workflow } from '@tenax/workflow'
import { beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { ACME, codeOf, hostMaker, macrotasks, type OpenHost } from './fixtures/test-bed.ts'
import { FEED_LIVE_BYTES_MAX, FEEDS_PER_TENANT_MAX, LIVE_BYTES_MAX } from './limits.ts'
import type { FeedItem, OutputFeed } from './output-feed.ts'

const open = hostMaker()
const anything = z.unknown()

/** What steps wait for until a test lets them end, by the ids of their runs. */
function gates() {
  const byRun = new Map<string, PromiseWithResolvers<void>>()
  return (run: string) => {
    const known = byRun.get(run) ?? Promise.withResolvers<void>()
    byRun.set(run, known)
    return known
  }
}

const gate = gates()

const talk = workflow({ name: 'talk', input: anything }, async (ctx) => {
  ctx.emit({ part: 1 })
  ctx.log('about to think', { hard: true })
  ctx.set('mood', 'good')
  await ctx.step('think', async (attempt) => {
    for (const word of ['a', 'b']) attempt.emit(word)
    await gate(ctx.run.id).promise
  })
  ctx.emit({ part: 2 })
  return 'said'
})

const between = workflow({ name: 'between', input: anything }, async (ctx) => {
  ctx.emit('ready')
  await ctx.step('wait', () => gate(ctx.run.id).promise)
  ctx.emit('before')
  await ctx.step('show', (attempt) => {
    attempt.emit({ piece: attempt.number })
  })
  ctx.emit('behind')
})

const flood = workflow({ name: 'flood', input: anything }, async (ctx) => {
  for (let index = 0; index < 1_100; index += 1) ctx.emit(index)
  await ctx.sleep('a while', 1)
})

const twice = workflow({ name: 'twice', input: z.object({ n: z.number() }) }, async (ctx, { n }) => {
  ctx.emit(n)
  await ctx.sleep('a while', 1)
  return n === 2 ? 'done' : ctx.continueAs({ n: n + 1 })
})

const loud = workflow({ name: 'loud', input: anything }, async (ctx) => {
  ctx.emit('ready')
  await ctx.step('shout', async (attempt) => {
    await gate(ctx.run.id).promise
    for (let bytes = 0; bytes <= 2 * FEED_LIVE_BYTES_MAX; bytes += 32_000) attempt.emit('x'.repeat(32_000))
  })
  return 'done'
})

const UNFIT = [undefined, 10n, 'x'.repeat(LIVE_BYTES_MAX)]
const unfit = workflow({ name: 'unfit', input: z.object({ index: z.number() }) }, async (ctx, { index }) => {
  await ctx.step('show', (attempt) => attempt.emit(UNFIT[index] as never), { retry: false })
})

const nap = workflow({ name: 'nap', input: anything }, (ctx) => ctx.sleep('nap', '1h'))

let host: OpenHost
beforeAll(async () => {
  host = await open({ workflows: [talk, between, flood, twice, loud, unfit, nap] })
})

async function allOf(feed: OutputFeed): Promise<FeedItem[]> {
  const items: FeedItem[] = []
  for await (const item of feed) items.push(item)
  return items
}

test('a feed gives what is recorded, in order, and the end', async () => {
  const run = await host.start('talk')
  const items = allOf(await host.workflows.follow(ACME, run))
  gate(run).resolve()
  expect((await items).filter(({ type }) => type !== 'live')).toMatchObject([
    { type: 'emit', seq: 1, value: { part: 1 } },
    { type: 'log', seq: 2, message: 'about to think', value: { hard: true } },
    { type: 'emit', seq: 4, value: { part: 2 } },
    { type: 'end', status: 'completed', successor: undefined },
  ])
})

test('what a step shows comes between what is recorded before and behind it, however late it is read', async () => {
  const run = await host.start('between')
  const items: FeedItem[] = []
  for await (const item of await host.workflows.follow(ACME, run)) {
    items.push(item)
    if (items.length > 1) continue
    gate(run).resolve()
    await host.ended(run)
  }
  expect(items).toMatchObject([
    { type: 'emit', value: 'ready' },
    { type: 'emit', value: 'before' },
    { type: 'live', step: 'show#1', attempt: 1, value: { piece: 1 }, atMs: expect.any(Number) },
    { type: 'emit', value: 'behind' },
    { type: 'end' },
  ])
})

test('a reader that comes back behind what it saw misses nothing and gets nothing twice, after a restart too', async () => {
  const first = await open({ workflows: [talk] })
  const run = await first.start('talk')
  for await (const item of await first.workflows.follow(ACME, run)) {
    expect(item).toMatchObject({ seq: 1 })
    break
  }
  await first.close()
  const second = await open({ workflows: [talk], dataPath: first.dataPath })
  const items = allOf(await second.workflows.follow(ACME, run, { afterSeq: 1 }))
  gate(run).resolve()
  const recorded = (await items).flatMap((item) => ('seq' in item ? [item.seq] : []))
  expect(recorded).toEqual([2, 4])
  expect(await allOf(await second.workflows.follow(ACME, run, { afterSeq: 4 }))).toMatchObject([{ type: 'end' }])
})

test('many outputs come in pages, none of them lost', async () => {
  const items = await allOf(await host.workflows.follow(ACME, await host.start('flood')))
  expect(items.slice(0, -1).map((item) => 'seq' in item && item.seq)).toEqual(
    Array.from({ length: 1_100 }, (_, index) => index + 1),
  )
})

test('continueAs ends the feed and names the run that goes on', async () => {
  const [, end] = await allOf(await host.workflows.follow(ACME, await host.start('twice', { n: 1 })))
  expect(end).toMatchObject({ type: 'end', status: 'continued', successor: expect.any(String) })
  const successor = end?.type === 'end' ? (end.successor ?? '') : ''
  expect(await allOf(await host.workflows.follow(ACME, successor))).toMatchObject([
    { type: 'emit', value: 2 },
    { type: 'end', status: 'completed' },
  ])
})

test('a reader that takes less than is shown is let go with a reason, and the step goes on', async () => {
  const run = await host.start('loud')
  const feed = await host.workflows.follow(ACME, run)
  const taken: FeedItem[] = []
  const reading = (async () => {
    for await (const item of feed) {
      taken.push(item)
      if (taken.length > 1) continue
      gate(run).resolve()
      expect(await host.ended(run)).toMatchObject({ output: 'done' })
    }
  })()
  expect(await codeOf(reading)).toBe('reader_too_slow')
  expect(taken.length).toBeLessThan(8)
})

test('a step that shows what cannot be shown fails, whether anybody follows or not', async () => {
  const runs = await Promise.all(UNFIT.map((_, index) => host.start('unfit', { index })))
  const ends = await Promise.all(runs.map((run) => host.ended(run)))
  const codes = ['argument_invalid', 'argument_invalid', 'payload_too_large']
  expect(ends).toMatchObject(codes.map((code) => ({ status: 'failed', error: { code } })))
})

test('who asks for changes hears of each commit of the run, behind what it put out', async () => {
  const run = await host.start('between')
  const types: string[] = []
  for await (const { type } of await host.workflows.follow(ACME, run, { hasChanges: true })) {
    if (types.length === 0) gate(run).resolve()
    types.push(type)
  }
  expect(types[0]).toBe('emit')
  expect(types.at(-1)).toBe('end')
  expect(types.slice(1, types.lastIndexOf('emit'))).toContain('change')
})

test('a run that is not there has no feed', async () => {
  expect(await codeOf(host.workflows.follow(ACME, 'lost'))).toBe('run_not_found')
})

test('places for readers are bounded, and come free', async () => {
  const run = await host.start('nap')
  const feeds: OutputFeed[] = []
  for (let count = 0; count < FEEDS_PER_TENANT_MAX; count += 1) feeds.push(await host.workflows.follow(ACME, run))
  expect(await codeOf(host.workflows.follow(ACME, run))).toBe('overloaded')
  for (let times = 0; times < 2; times += 1) feeds[0]?.close()
  const last = await host.workflows.follow(ACME, run)
  expect(await codeOf(host.workflows.follow(ACME, run))).toBe('overloaded')
  const waiting = allOf(last)
  await macrotasks(3)
  last.close()
  expect(await waiting).toEqual([])
  for (const feed of feeds) feed.close()
})

test('a feed ends with the host', async () => {
  const feed = await host.workflows.follow(ACME, await host.start('nap'))
  await host.close()
  expect(await codeOf(allOf(feed))).toBe('unavailable')
})
