/** WORKFLOWS 28: who was under way when processes died. A host that is closed leaves its claims, as one that is killed does. */
import { event, workflow } from '@tenax/workflow'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { ACME, codeOf, type HostOptions, hostMaker, macrotasks, type OpenHost, until } from './fixtures/test-bed.ts'
import type { LastEnd } from './port.ts'

const openHost = hostMaker()
const DIED: LastEnd = { type: 'died' }

/** A workflow whose step never ends, with a first one that does when it is told to; and the steps that have begun. */
function bed() {
  const begun: string[] = []
  const stuck = (attempt: { readonly signal: AbortSignal }) =>
    new Promise((_, reject) => attempt.signal.addEventListener('abort', () => reject(new Error('aborted'))))
  const hang = workflow({ name: 'hang', input: z.object({}) }, (ctx) =>
    ctx.step('hang', (attempt) => {
      begun.push(ctx.run.id)
      return stuck(attempt)
    }),
  )
  let beats = 0
  const busy = workflow({ name: 'busy', input: z.object({}) }, (ctx) =>
    ctx.all([
      ctx.step('hang', (attempt) => {
        begun.push(ctx.run.id)
        return stuck(attempt)
      }),
      ...[0, 1, 2].map((index) =>
        ctx.step('beat', (attempt) => (index < beats ? index : stuck(attempt)), { key: String(index) }),
      ),
    ]),
  )
  const put: string[] = []
  const probation = { add: (_: string, run: string) => void put.push(run) }
  let dataPath: string | undefined
  const live = async (lastEnd: LastEnd, options: Partial<HostOptions> = {}): Promise<OpenHost> => {
    const at = dataPath === undefined ? {} : { dataPath }
    const host = await openHost({ workflows: [hang, busy], lastEnd, probation, ...at, ...options })
    dataPath = host.dataPath
    return host
  }
  const beat = () => {
    beats += 1
  }
  return { begun, put, live, beat }
}

const blockedReason = async (host: OpenHost, run: string) => (await host.workflows.get(ACME, run)).blockedReason

test('a run that was under way in three deaths in a row is set aside to be tried alone, and told of', async () => {
  const { begun, put, live } = bed()
  let host = await live({ type: 'closed' })
  await host.start('hang', {}, 'suspect')
  for (let death = 1; death <= 3; death += 1) {
    await until(() => begun.length === death)
    await host.close()
    host = await live(DIED)
  }
  await until(() => put.length > 0)
  expect(put).toEqual(['suspect'])
  expect(await blockedReason(host, 'suspect')).toMatch(/^probation: /)
  expect(host.events).toContainEqual({ type: 'run_suspected', tenant: ACME, run: 'suspect', isAlone: true })
  expect(begun).toHaveLength(3)
  await host.close()
  // Whoever comes next remembers it.
  await (await live(DIED)).workflows.release(ACME)
  await until(() => put.length > 1)
  expect(begun).toHaveLength(3)
})

test('a stop that is no death counts nothing', async () => {
  const { begun, put, live } = bed()
  let host = await live({ type: 'closed' })
  await host.start('hang', {}, 'innocent')
  for (let stop = 1; stop <= 4; stop += 1) {
    await until(() => begun.length === stop)
    await host.close()
    host = await live({ type: 'closed' })
  }
  await until(() => begun.length === 5)
  expect(put).toEqual([])
})

test('an attempt is counted although another step of its run goes on in every life', async () => {
  const { begun, put, live, beat } = bed()
  let host = await live({ type: 'closed' })
  await host.start('busy', {}, 'suspect')
  for (let death = 1; death <= 3; death += 1) {
    await until(() => begun.length === death)
    beat()
    await host.close()
    host = await live(DIED)
    if (death === 3) break
    const done = `SELECT count(*) FROM tenax_step WHERE identity LIKE '%beat%' AND status = 'completed'`
    await until(async () => Number((await host.sql(done))[0]?.[0]) === death)
    expect((await host.sql('SELECT deaths FROM tenax_run'))[0]?.[0]).toBe(0n)
  }
  await until(() => put.length > 0)
  expect(put).toEqual(['suspect'])
})

test('a mark names the run that stood on the loop, and no other counts that death', async () => {
  const { begun, put, live } = bed()
  const mark = { epoch: 1, tenant: ACME, run: 'culprit', isKilled: false }
  let host = await live({ type: 'closed' })
  await host.start('hang', {}, 'culprit')
  await host.start('hang', {}, 'innocent')
  for (let death = 1; death <= 3; death += 1) {
    await until(() => begun.length === 2 * death)
    await host.close()
    host = await live({ type: 'died', mark })
  }
  await until(() => begun.length === 7)
  await until(() => put.length > 0)
  expect(put).toEqual(['culprit'])
  expect(begun.at(-1)).toBe('innocent')
  expect(await blockedReason(host, 'innocent')).toBeUndefined()
})

test('a run that the watcher has ended its host for is poisoned at once; released, it is tried alone', async () => {
  const { begun, put, live } = bed()
  const mark = { epoch: 1, tenant: ACME, run: 'culprit', isKilled: true }
  const first = await live({ type: 'closed' })
  await first.start('hang', {}, 'culprit')
  await first.start('hang', {}, 'innocent')
  await until(() => begun.length === 2)
  await first.close()
  const host = await live({ type: 'died', mark })
  await until(() => begun.length === 3)
  const reason = await blockedReason(host, 'culprit')
  expect(reason).toMatch(/^poisoned: it held the event loop/)
  expect(host.events).toContainEqual({ type: 'run_poisoned', tenant: ACME, run: 'culprit', reason })
  expect([begun[2], put]).toEqual(['innocent', []])
  expect(await host.workflows.release(ACME)).toBe(1)
  await until(() => put.length > 0)
  expect(await blockedReason(host, 'culprit')).toMatch(/^probation: /)
  await host.workflows.tenure.vacate(ACME, { patienceMs: 0 })
  expect(await codeOf(host.start('hang'))).toBe('tenant_in_transition')
  await host.workflows.tenure.occupy(ACME, { run: 'culprit', why: 'it died there' })
  expect(await blockedReason(host, 'culprit')).toBe('poisoned: it died there')
  expect((await host.workflows.terminate(ACME, 'culprit')).status).toBe('terminated')
})

test('without anybody who runs it alone, a suspect goes on, and is told of', async () => {
  const { begun, live } = bed()
  let host = await live({ type: 'closed' })
  await host.start('hang', {}, 'suspect')
  for (let death = 1; death <= 3; death += 1) {
    await until(() => begun.length === death)
    await host.close()
    host = await live(DIED, { probation: undefined })
  }
  await until(() => begun.length === 4)
  expect(host.events).toContainEqual({ type: 'run_suspected', tenant: ACME, run: 'suspect', isAlone: false })
})

test('an engine for one run executes it, and leaves every other alone', async () => {
  const { begun, live } = bed()
  const first = await live({ type: 'closed' })
  await first.start('hang', {}, 'other')
  await first.start('hang', {}, 'alone')
  await until(() => begun.length === 2)
  await first.close()
  const host = await live({ type: 'closed' }, { only: 'alone' })
  await until(() => begun.length === 3)
  expect(begun[2]).toBe('alone')
  await host.workflows.terminate(ACME, 'alone')
  await until(() => host.workflows.awakeCount === 0)
  expect(begun).toHaveLength(3)
})

test('an event that comes while claims are made durable behind a death reaches its run', async () => {
  const go = event('go', z.null())
  const seen = new Set<string>()
  const keys = Array.from({ length: 40 }, (_, index) => `k${index}`)
  let begunCount = 0
  const waits = workflow({ name: 'waits', input: z.object({ key: z.string() }) }, (ctx, { key }) =>
    ctx.all([
      async (c) =>
        c.step('hang', () => {
          begunCount += 1
          return new Promise(() => undefined)
        }),
      async (c) => {
        await c.waitFor(go, { key })
        seen.add(key)
      },
    ]),
  )
  const first = await openHost({ workflows: [waits] })
  for (const key of keys) await first.start('waits', { key })
  await until(() => begunCount === keys.length)
  await first.close()
  const second = await openHost({ workflows: [waits], dataPath: first.dataPath, lastEnd: DIED })
  const sent: Promise<unknown>[] = []
  for (const key of keys) {
    await macrotasks(1)
    sent.push(second.workflows.send(ACME, { name: 'go', key, payload: null }))
  }
  await Promise.all(sent)
  await until(() => seen.size === keys.length)
})
