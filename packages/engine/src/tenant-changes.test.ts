/** What runs and those who wait for them notice of the verbs on their tenant. */
import { Readable } from 'node:stream'
import { event, workflow } from '@tenax/workflow'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { ACME, codeOf, hostMaker, macrotasks, type OpenHost, SteppedClock, until } from './fixtures/test-bed.ts'
import { LOOK_MS_MAX } from './limits.ts'
import type { FeedItem, OutputFeed } from './output-feed.ts'

const open = hostMaker()
const input = z.object({})
const go = event('go', z.object({}))
const patient = workflow({ name: 'patient', input }, async (ctx) => (await ctx.waitFor(go)) !== undefined)
const asleep = workflow({ name: 'asleep', input }, async (ctx) => {
  await ctx.sleep('a minute', '1m')
  return 'slept'
})

test('a tenant that is resumed goes on at once with what has become due', async () => {
  const clock = new SteppedClock(1_700_000_000_000)
  const host = await open({ workflows: [asleep], clock })
  await host.start('asleep', {}, 'one')
  await host.tenancy.suspend(ACME)
  clock.advance(60_000)
  await until(() => host.workflows.awakeCount === 0)
  await host.tenancy.resume(ACME)
  const resumedAtMs = clock.nowMs()
  let status = ''
  await until(async () => {
    clock.advance(1)
    await host.tenancy.settled()
    status = (await host.workflows.get(ACME, 'one')).status
    return status === 'completed' || clock.nowMs() - resumedAtMs >= LOOK_MS_MAX / 2
  })
  expect(status).toBe('completed')
})

async function endOf(feed: OutputFeed): Promise<FeedItem | undefined> {
  let last: FeedItem | undefined
  for await (const item of feed) last = item
  return last
}

/** The file of `acme` as it is now. */
async function exported({ tenancy }: OpenHost): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = []
  await tenancy.export(ACME, async (file) => {
    for await (const chunk of file.chunks) chunks.push(chunk)
  })
  return chunks
}

const VERBS = {
  deleted: ({ tenancy }: OpenHost) => tenancy.delete(ACME),
  suspended: ({ tenancy }: OpenHost) => tenancy.suspend(ACME),
  replaced: ({ tenancy }: OpenHost, file: readonly Uint8Array[]) => tenancy.import(ACME, Readable.from(file)),
}

test.each([
  ['deleted', 'tenant_not_found', 'tenant_not_found'],
  ['suspended', 'tenant_suspended', 'tenant_suspended'],
  ['replaced', 'run_not_found', 'tenant_in_transition'],
] as const)(
  'who waits for a run of a tenant that is %s is answered %s at once, who follows it %s',
  async (verb, ofResult, ofFeed) => {
    const host = await open({ workflows: [patient], clock: new SteppedClock(1_700_000_000_000) })
    const file = await exported(host)
    await host.start('patient', {}, 'one')
    const waiting = codeOf(host.ended('one'))
    const following = codeOf(endOf(await host.workflows.follow(ACME, 'one')))
    await host.workflows.get(ACME, 'one')
    await VERBS[verb](host, file)
    expect([await waiting, await following]).toEqual([ofResult, ofFeed])
  },
)

test('who waits for a run, or follows it, goes on when its tenant serves again', async () => {
  const host = await open({ workflows: [patient], clock: new SteppedClock(1_700_000_000_000) })
  await host.start('patient', {}, 'one')
  const waiting = host.ended('one')
  const following = endOf(await host.workflows.follow(ACME, 'one'))
  await host.workflows.get(ACME, 'one')
  await host.tenancy.resume(ACME)
  await macrotasks(50)
  await host.workflows.send(ACME, { name: 'go', payload: {} })
  expect(await waiting).toMatchObject({ status: 'completed', output: true })
  expect(await following).toMatchObject({ type: 'end', status: 'completed' })
})
