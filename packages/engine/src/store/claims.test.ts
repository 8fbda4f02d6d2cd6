/** What a claim costs, and whom it takes first. */
import type { SqlValue } from '@tenax/kernel'
import { workflow } from '@tenax/workflow'
import fc from 'fast-check'
import { beforeAll, expect, it } from 'vitest'
import { z } from 'zod'
import { ACME, hostMaker, type OpenHost, SteppedClock } from '../fixtures/test-bed.ts'
import { PRIORITY_STEP_MS } from '../limits.ts'
import { CLAIM_QUERIES, claimableRuns, readBacklog, writeLater } from './claims.ts'
import { insertRun, type NewRun } from './runs.ts'
import { makeReady } from './standing.ts'

const openHost = hostMaker()
const idle = workflow({ name: 'idle', input: z.object({}) }, async (ctx) => ctx.sleep('long', '10w'))

let host: OpenHost
beforeAll(async () => {
  host = await openHost({ workflows: [idle], clock: new SteppedClock() })
  await host.start('idle')
})

it.each(Object.entries(CLAIM_QUERIES))('the question "%s" is a look into an index, without sorting', async (_, sql) => {
  const plan = await host.tenancy.use(ACME, (handle) =>
    handle.read((file) =>
      file
        .engine(`EXPLAIN QUERY PLAN ${sql}`)
        .all(Array.from(sql.matchAll(/\?/g), (): SqlValue => 1n))
        .map((row) => String(row[3])),
    ),
  )
  const onTable = plan.filter((line) => line.includes('tenax_run'))
  expect(onTable.length).toBeGreaterThan(0)
  expect(onTable.filter((line) => !/^SEARCH tenax_run USING (COVERING )?INDEX/.test(line))).toEqual([])
  expect(plan.filter((line) => line.includes('TEMP B-TREE'))).toEqual([])
})

const arrivals = fc.array(
  fc.record({
    priority: fc.integer({ min: -100, max: 100 }),
    // Around the length at which a priority is made up for by waiting.
    afterMs: fc.integer({ min: 0, max: 20 * PRIORITY_STEP_MS }),
    claims: fc.integer({ min: 0, max: 3 }),
  }),
  { minLength: 1, maxLength: 40 },
)

it('a higher priority goes first, and no stream of higher ones keeps a run waiting for ever', async () => {
  await fc.assert(
    fc.asyncProperty(arrivals, (stream) =>
      host.tenancy.use(ACME, (handle) =>
        handle.commit((file) => {
          file.engine('DELETE FROM tenax_run').get()
          const waiting = new Map<number, { readonly readyAtMs: number; readonly priority: number }>()
          const claim = () => {
            const [number] = claimableRuns(file, 0, 1).numbers
            const claimed = waiting.get(number ?? 0)
            if (number === undefined || claimed === undefined) return expect(waiting.size).toBe(0)
            waiting.delete(number)
            file.engine('UPDATE tenax_run SET readiness = 2 WHERE number = ?').get([BigInt(number)])
            for (const other of waiting.values()) {
              // Whoever overtakes is above the other, by a step for each minute that it came later at the least.
              const aheadMs = claimed.readyAtMs - other.readyAtMs
              expect(aheadMs).toBeLessThanOrEqual((claimed.priority - other.priority) * PRIORITY_STEP_MS)
            }
          }
          let nowMs = 1_700_000_000_000
          for (const [index, { priority, afterMs, claims }] of stream.entries()) {
            nowMs += afterMs
            waiting.set(insertRun(file, newRun(`run ${index}`, priority, nowMs), { nowMs }), {
              readyAtMs: nowMs,
              priority,
            })
            for (let count = 0; count < claims; count += 1) claim()
          }
          while (waiting.size > 0) claim()
        }),
      ),
    ),
    { numRuns: 30 },
  )
})

it('a run whose sleep is over takes its place among those that wait to begin', async () => {
  const nowMs = 1_700_000_000_000
  const found = await host.tenancy.use(ACME, (handle) =>
    handle.commit((file) => {
      file.engine('DELETE FROM tenax_run').get()
      const queued = [-2, 0, 2].map((at) =>
        insertRun(file, newRun(`queued ${at}`, 0, nowMs + at), { nowMs: nowMs + at }),
      )
      const due = [-1, 1].map((at) => insertRun(file, newRun(`due ${at}`, 0, nowMs + at), { nowMs: nowMs - 10 }))
      const asked = [nowMs + 1, nowMs].map((atMs) => claimableRuns(file, atMs, 2))
      return { queued, due, asked }
    }),
  )
  const [[first], [early]] = [found.queued, found.due]
  expect(found.asked.map(({ numbers }) => numbers.slice(0, 2))).toEqual([
    [first, early],
    [first, early],
  ])
})

it('a claim that is given back for a time is claimed at its end, and that of a paused run not before it goes on', async () => {
  await host.tenancy.use(ACME, (handle) =>
    handle.commit((file) => {
      file.engine('DELETE FROM tenax_run').get()
      for (const id of ['one', 'paused']) insertRun(file, newRun(id, 0, 0), { nowMs: 0 })
      const [one = 0, paused = 0] = claimableRuns(file, 0, 2).numbers
      file.engine('UPDATE tenax_run SET readiness = 2').get()
      file.engine("UPDATE tenax_run SET paused_at_ms = 1 WHERE id = 'paused'").get()
      for (const number of [one, paused]) writeLater(file, number, 1_000)
      expect(claimableRuns(file, 999, 2).numbers).toEqual([])
      expect(claimableRuns(file, 1_000, 2).numbers).toEqual([one])
      file.engine("UPDATE tenax_run SET paused_at_ms = NULL WHERE id = 'paused'").get()
      makeReady(file, paused, 1_000)
      expect(claimableRuns(file, 1_000, 2).numbers.toSorted()).toEqual([one, paused])
    }),
  )
})

it('the backlog is without those that were taken, and only without those', async () => {
  const dues = fc.array(fc.record({ atMs: fc.integer({ min: 1, max: 9 }), isTaken: fc.boolean() }), { maxLength: 12 })
  await fc.assert(
    fc.asyncProperty(dues, (runs) =>
      host.tenancy.use(ACME, (handle) =>
        handle.commit((file) => {
          file.engine('DELETE FROM tenax_run').get()
          const taken = new Set<number>()
          for (const [index, { atMs, isTaken }] of runs.entries()) {
            const number = insertRun(file, newRun(`run ${index}`, 0, atMs), { nowMs: 0 })
            if (isTaken) taken.add(number)
          }
          const left = runs.filter(({ isTaken }) => !isTaken).map(({ atMs }) => atMs)
          const nextDueMs = left.length === 0 ? undefined : Math.min(...left)
          expect(readBacklog(file, { only: undefined, taken })).toEqual({ hasReady: false, nextDueMs })
        }),
      ),
    ),
    { numRuns: 30 },
  )
})

function newRun(id: string, priority: number, startAtMs: number): NewRun {
  const unsaid = { version: undefined, inputJson: undefined, idempotencyKey: undefined }
  return { ...unsaid, id, workflow: 'idle', priority, startAtMs, inputHash: '', seed: id }
}
