/** Slots, whatever is done to the runs that need them. */
import type { SqlValue } from '@tenax/kernel'
import type { SqliteFile } from '@tenax/sqlite'
import { workflow } from '@tenax/workflow'
import fc from 'fast-check'
import { beforeAll, expect, it } from 'vitest'
import { z } from 'zod'
import { ACME, hostMaker, type OpenHost, SteppedClock } from '../fixtures/test-bed.ts'
import { newEffects } from './announcement.ts'
import { claimableRuns } from './claims.ts'
import { endRun, requestCancel } from './endings.ts'
import { insertRun, type NewRun, writeBlocked } from './runs.ts'
import { queueDueRuns, readSlotWait, SLOT_QUERIES, settleSlots } from './slots.ts'

const openHost = hostMaker()
const idle = workflow({ name: 'idle', input: z.object({}) }, async (ctx) => ctx.sleep('long', '10w'))
const NOW_MS = 1_700_000_000_000

let host: OpenHost
beforeAll(async () => {
  host = await openHost({ workflows: [idle], clock: new SteppedClock() })
  await host.start('idle')
})

function onEmptyFile<T>(body: (file: SqliteFile) => T): Promise<T> {
  return host.tenancy.use(ACME, (handle) =>
    handle.commit((file) => {
      file.engine('DELETE FROM tenax_run').get()
      return body(file)
    }),
  )
}

it.each(Object.entries(SLOT_QUERIES))('the question "%s" is a look into an index, without sorting', async (_, sql) => {
  const plan = await onEmptyFile((file) =>
    file
      .engine(`EXPLAIN QUERY PLAN ${sql}`)
      .all(Array.from(sql.matchAll(/\?/g), (): SqlValue => 1n))
      .map((row) => String(row[3])),
  )
  const onTable = plan.filter((line) => line.includes('tenax_run'))
  // The index of the unsettled holds nothing but what the commit has brought out of order.
  const look = /^SEARCH tenax_run USING |^SCAN tenax_run USING (COVERING )?INDEX tenax_run_(unsettled|slot)$/
  expect(onTable.filter((line) => !look.test(line))).toEqual([])
  expect(plan.filter((line) => line.includes('TEMP B-TREE'))).toEqual([])
})

const KEYS = ['a', 'b'] as const
const MAX = 2
const deeds = fc.array(
  fc.record({
    deed: fc.constantFrom(
      'start',
      'start',
      'claim',
      'claim',
      'rest',
      'sleep',
      'wake',
      'arrive',
      'end',
      'cancel',
      'block',
      'release',
      'crash',
    ),
    key: fc.constantFrom(...KEYS),
    holds: fc.constantFrom('active' as const, 'run' as const),
    priority: fc.integer({ min: -1, max: 1 }),
    pick: fc.nat(),
  }),
  { minLength: 1, maxLength: 60 },
)

it('no key has more at work than it may, and nobody waits while a slot is free', async () => {
  await fc.assert(
    fc.asyncProperty(deeds, (program) =>
      onEmptyFile((file) => {
        for (const [step, deed] of program.entries()) {
          perform(file, { ...deed, nowMs: NOW_MS + step })
          settleSlots(file, () => MAX)
          for (const key of KEYS) checkKey(file, key)
          expect(file.engine(SLOT_QUERIES.unsettled).all([])).toEqual([])
        }
      }),
    ),
    { numRuns: 60 },
  )
})

interface Deed {
  readonly deed: string
  readonly key: string
  readonly holds: 'active' | 'run'
  readonly priority: number
  readonly pick: number
  readonly nowMs: number
}

/** What the engine and its verbs do to rows; each says how the run is, and nothing of slots. */
function perform(file: SqliteFile, { deed, key, holds, priority, pick, nowMs }: Deed): void {
  const effects = newEffects(nowMs)
  const one = (where: string): bigint => {
    const found = file
      .engine(`SELECT number FROM tenax_run WHERE ended_at_ms IS NULL AND ${where} ORDER BY number`)
      .all([])
    return (found[pick % Math.max(1, found.length)]?.[0] as bigint | undefined) ?? 0n
  }
  const write = (set: string, where: string) =>
    file.engine(`UPDATE tenax_run SET ${set} WHERE number = ?`).get([one(where)])
  if (deed === 'start')
    insertRun(file, { ...newRun(`run ${nowMs}`, priority, nowMs), limits: { concurrency: { key, holds } } }, { nowMs })
  else if (deed === 'claim') {
    const [number] = claimableRuns(file, nowMs, 1).numbers
    const set = `readiness = 2, status = 'running', started_at_ms = coalesce(started_at_ms, ${nowMs})`
    if (number !== undefined) file.engine(`UPDATE tenax_run SET ${set} WHERE number = ?`).get([BigInt(number)])
  } else if (deed === 'rest') write("readiness = 0, status = 'waiting'", 'readiness = 2')
  else if (deed === 'sleep') write(`readiness = 0, status = 'waiting', wake_at_ms = ${nowMs + 2}`, 'readiness = 2')
  else if (deed === 'wake') queueDueRuns(file, claimableRuns(file, nowMs, 10).slotless, nowMs)
  else if (deed === 'arrive') write('readiness = max(readiness, 1)', 'blocked_reason IS NULL')
  else if (deed === 'end') endRun(file, Number(one('true')), { status: 'terminated' }, effects)
  else if (deed === 'cancel') requestCancel(file, Number(one('true')), effects)
  else if (deed === 'block') writeBlocked(file, Number(one('true')), 'changed', '')
  else if (deed === 'release') write('blocked_reason = NULL, readiness = 1', 'blocked_reason IS NOT NULL')
  else file.engine('UPDATE tenax_run SET readiness = 1 WHERE readiness = 2').get()
}

function checkKey(file: SqliteFile, key: string): void {
  const numbers = (where: string) =>
    file
      .engine(`SELECT number FROM tenax_run WHERE slot_key = ? AND ${where} ORDER BY claim_at_ms, number`)
      .all([key])
      .map(([number]) => Number(number))
  const held = numbers('has_slot = 1')
  const waiting = numbers('readiness = 3')
  expect(held.length).toBeLessThanOrEqual(MAX)
  if (waiting.length > 0) expect(held.length).toBe(MAX)
  expect(numbers('readiness IN (1, 2) AND has_slot = 0')).toEqual([])
  expect(numbers("has_slot = 1 AND (ended_at_ms IS NOT NULL OR slot_holds = 'active' AND readiness = 0)")).toEqual([])
  expect(waiting.map((number) => readSlotWait(file, number)?.aheadCount)).toEqual(waiting.map((_, index) => index))
}

it('a slot that comes free wakes the next of its key, and reads no others', async () => {
  const woken = await onEmptyFile((file) => {
    const limits = { concurrency: { key: 'a', holds: 'active' } } as const
    const numbers = Array.from({ length: 50 }, (_, index) =>
      insertRun(file, { ...newRun(`run ${index}`, 0, NOW_MS), limits }, { nowMs: NOW_MS }),
    )
    settleSlots(file, () => 1)
    const ready = () => claimableRuns(file, NOW_MS, 100).numbers
    const before = ready()
    endRun(file, numbers[0] ?? 0, { status: 'completed' }, newEffects(NOW_MS))
    settleSlots(file, () => 1)
    return { numbers, before, after: ready() }
  })
  expect([woken.before, woken.after]).toEqual([woken.numbers.slice(0, 1), woken.numbers.slice(1, 2)])
})

it('lets everybody go on when the limit is gone from the code', async () => {
  const ready = await onEmptyFile((file) => {
    const limits = { concurrency: { key: '', holds: 'active' } } as const
    for (let index = 0; index < 3; index += 1) {
      insertRun(file, { ...newRun(`run ${index}`, 0, NOW_MS), limits }, { nowMs: NOW_MS })
    }
    settleSlots(file, () => 1)
    endRun(file, claimableRuns(file, NOW_MS, 1).numbers[0] ?? 0, { status: 'completed' }, newEffects(NOW_MS))
    settleSlots(file, () => undefined)
    return claimableRuns(file, NOW_MS, 10).numbers.length
  })
  expect(ready).toBe(2)
})

function newRun(id: string, priority: number, startAtMs: number): NewRun {
  const unsaid = { version: undefined, inputJson: undefined, idempotencyKey: undefined }
  return { ...unsaid, id, workflow: 'idle', priority, startAtMs, inputHash: '', seed: id }
}
