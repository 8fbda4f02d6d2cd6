/** A run that something unexpected throws out of memory: it is tried again later, and put aside; the others go on. */
import { workflow } from '@tenax/workflow'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { ACME, hostMaker, type OpenHost, SteppedClock, until } from './fixtures/test-bed.ts'
import { RUN_FAULT_FIRST_MS, RUN_FAULTS_MAX } from './limits.ts'

const open = hostMaker()
const input = z.object({})

/** Longer than a tenant stays in memory behind its work. */
const ASLEEP_MS = 60_000

/** A definition that throws when a child is made of it, which no definition should; `one` starts in a second, and needs it. */
async function openBrittle() {
  const clock = new SteppedClock(1_700_000_000_000)
  const state = { faultCount: 0, isBroken: false }
  const sound = workflow({ name: 'kid', input }, async () => 'grown')
  const def = {
    ...sound.def,
    get version() {
      if (!state.isBroken) return '1'
      state.faultCount += 1
      throw new Error('broken')
    },
  }
  const kid = { ...sound, def }
  const parent = workflow({ name: 'parent', input }, async (ctx) => {
    await ctx.sql('begin', [{ sql: 'SELECT 1' }])
    return ctx.child('kid', kid, {})
  })
  const asleep = workflow({ name: 'asleep', input }, (ctx) => ctx.sleep('a while', ASLEEP_MS))
  const host = await open({ workflows: [parent, kid, asleep], clock })
  await host.start('asleep', {}, 'other')
  await host.workflows.start(ACME, { workflow: 'parent', input: {}, id: 'one', startAtMs: clock.nowMs() + 1_000 })
  state.isBroken = true
  return { host, clock, state }
}

/** Turns the clock until `claim` holds, no faster than the disk. */
function later({ host, clock }: { host: OpenHost; clock: SteppedClock }, stepMs: number, claim: () => unknown) {
  return until(async () => {
    clock.advance(stepMs)
    await host.tenancy.settled()
    return Boolean(await claim())
  })
}

const statusOf = async ({ workflows }: OpenHost, run: string) => (await workflows.get(ACME, run)).status

test('is left alone longer and longer, then blocked with a code, and goes on when it is released', async () => {
  const bed = await openBrittle()
  const { host, clock, state } = bed
  const times: number[] = []
  for (let count = 1; count <= RUN_FAULTS_MAX; count += 1) {
    await later(bed, 10, () => state.faultCount >= count)
    times.push(clock.nowMs())
  }
  for (const [index, atMs] of times.slice(1).entries()) {
    expect(atMs - (times[index] ?? 0)).toBeGreaterThanOrEqual(RUN_FAULT_FIRST_MS * 2 ** index)
  }
  await until(() => host.events.length > 0)
  expect(host.events).toEqual([{ type: 'run_blocked', tenant: ACME, run: 'one', reason: 'engine_fault: broken' }])
  await later(bed, 1_000, async () => (await statusOf(host, 'other')) === 'completed')
  expect(state.faultCount).toBe(RUN_FAULTS_MAX)
  state.isBroken = false
  expect(await host.workflows.release(ACME)).toBe(1)
  await later(bed, 1_000, async () => (await statusOf(host, 'one')) === 'completed')
})

test('goes on at once when something comes in for it while it is left alone', async () => {
  const bed = await openBrittle()
  const { host, clock, state } = bed
  const isLeftAlone = async () => {
    const [row] = await host.sql("SELECT wake_at_ms FROM tenax_run WHERE id = 'one' AND started_at_ms IS NOT NULL")
    return typeof row?.[0] === 'bigint' && row[0] > clock.nowMs()
  }
  await later(bed, 10, () => state.faultCount > 0)
  await until(isLeftAlone)
  state.isBroken = false
  await host.workflows.cancel(ACME, 'one')
  // The clock stands still: nothing is due.
  await until(async () => (await statusOf(host, 'one')) === 'cancelled')
})

test('keeps its tenant awake no longer than until it would have been tried again', async () => {
  const bed = await openBrittle()
  const { host, state } = bed
  await later(bed, 10, () => state.faultCount > 0)
  await host.workflows.terminate(ACME, 'one')
  await later(bed, 100, () => host.workflows.awakeCount === 0)
  expect(state.faultCount).toBe(1)
  expect(await statusOf(host, 'other')).toBe('waiting')
})
