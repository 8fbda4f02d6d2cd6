/** A tenant's schedules over HTTP and in-process. */
import { runSchema, scheduleDetailSchema, scheduleListSchema, scheduleSchema } from '@tenax/protocol'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { codeOf, createTenants, type HostBed, member, openHost, send } from './fixtures/host-bed.ts'
import { greet, WORKFLOWS } from './fixtures/workflows.ts'

let bed: HostBed
beforeAll(async () => {
  bed = await openHost({ workflows: WORKFLOWS })
  await createTenants(bed, 'acme', 'embedded')
})
afterAll(() => bed[Symbol.asyncDispose]())

const NIGHTLY = { workflow: 'greet', input: { name: 'Ada' }, cron: '30 2 * * *', timeZone: 'Europe/Berlin' }

test('a schedule is made with 201, changed with 200, shown, listed and deleted', async () => {
  const made = await send(bed, 'PUT /t/acme/schedules/nightly', { json: NIGHTLY })
  expect([made.status, made.headers.get('location')]).toEqual([201, '/t/acme/schedules/nightly'])
  expect(made.headers.get('tenax-durability')).toBe('local')
  const schedule = scheduleDetailSchema.parse(made.json)
  expect(schedule).toMatchObject({
    ...NIGHTLY,
    overlap: 'skip',
    catchUp: 1,
    pausedAt: null,
    lastRun: null,
    error: null,
  })
  const again = await send(bed, 'PUT /t/acme/schedules/nightly', { json: NIGHTLY })
  expect([again.status, again.json]).toEqual([200, made.json])
  const changed = await send(bed, 'POST /t/acme/schedules', {
    json: { ...NIGHTLY, id: 'nightly', overlap: 'allow', catchUp: 3 },
  })
  expect([changed.status, member(changed.json, 'nextAt')]).toEqual([200, schedule.nextAt])
  expect((await send(bed, 'GET /t/acme/schedules/nightly')).json).toEqual(changed.json)
  const unnamed = await send(bed, 'POST /t/acme/schedules', { json: { workflow: 'nap', everyMs: 60_000 } })
  expect(unnamed.status, unnamed.text).toBe(201)
  const { schedules } = scheduleListSchema.parse((await send(bed, 'GET /t/acme/schedules')).json)
  expect(schedules.map(({ id }) => id)).toContain('nightly')
  expect(schedules).toHaveLength(2)
  expect((await send(bed, 'DELETE /t/acme/schedules/nightly')).json).toEqual({ id: 'nightly' })
  expect(await send(bed, 'DELETE /t/acme/schedules/nightly')).toMatchObject({ status: 404 })
})

test('a schedule is paused, resumed, and triggered while it is paused', async () => {
  await send(bed, 'PUT /t/acme/schedules/paused', { json: NIGHTLY })
  const paused = scheduleSchema.parse((await send(bed, 'POST /t/acme/schedules/paused/pause')).json)
  expect(paused).toMatchObject({ nextAt: null, dueAt: null })
  expect(paused.pausedAt).not.toBeNull()
  const triggered = await send(bed, 'POST /t/acme/schedules/paused/trigger')
  expect(triggered.status, triggered.text).toBe(202)
  const run = runSchema.parse(triggered.json)
  expect(triggered.headers.get('location')).toBe(`/t/acme/runs/${encodeURIComponent(run.id)}`)
  expect((await send(bed, `GET /t/acme/runs/${run.id}/result`)).json).toMatchObject({ output: 'Hello Ada' })
  const resumed = scheduleSchema.parse((await send(bed, 'POST /t/acme/schedules/paused/resume')).json)
  expect(resumed).toMatchObject({ pausedAt: null, lastRun: run.id })
  expect(resumed.nextAt).not.toBeNull()
})

test('a schedule whose run has not ended is busy', async () => {
  await send(bed, 'PUT /t/acme/schedules/naps', { json: { workflow: 'nap', input: {}, cron: '@yearly' } })
  expect((await send(bed, 'POST /t/acme/schedules/naps/trigger')).status).toBe(202)
  expect(await send(bed, 'POST /t/acme/schedules/naps/trigger')).toMatchObject({
    ...{ status: 409, json: { code: 'schedule_busy' } },
  })
})

test.each([
  ['a cron that is none', { ...NIGHTLY, cron: 'daily' }, 400, 'cron_invalid'],
  ['a day that never comes', { ...NIGHTLY, cron: '0 0 31 4 *' }, 400, 'cron_never_fires'],
  ['an unknown zone', { ...NIGHTLY, timeZone: 'Nowhere' }, 400, 'time_zone_unknown'],
  ['an interval under a second', { workflow: 'nap', everyMs: 1 }, 400, 'argument_invalid'],
  ['cron and interval', { ...NIGHTLY, everyMs: 60_000 }, 400, 'argument_invalid'],
  ['an unknown policy', { ...NIGHTLY, overlap: 'wait' }, 400, 'body_invalid'],
  ['an unknown workflow', { ...NIGHTLY, workflow: 'lost' }, 404, 'workflow_unknown'],
  ['a wrong input', { ...NIGHTLY, input: {} }, 400, 'input_invalid'],
])('%s is refused', async (_what, json, status, code) => {
  expect(await send(bed, 'PUT /t/acme/schedules/bad', { json })).toMatchObject({ status, json: { code } })
  expect(await send(bed, 'GET /t/acme/schedules/bad')).toMatchObject({ json: { code: 'schedule_not_found' } })
})

test('an id that is no segment of a path is refused', async () => {
  const json = { ...NIGHTLY, id: 'a/b' }
  expect(await send(bed, 'POST /t/acme/schedules', { json })).toMatchObject({ json: { code: 'argument_invalid' } })
})

test('an embedded tenant has schedules with durations, and they fire', async () => {
  const { schedules, runs } = bed.tenax.tenant('embedded')
  const options = { input: { name: 'Lin' }, every: '1s', overlap: 'allow' } as const
  const { isNew, schedule } = await schedules.put('often', greet, options)
  expect([isNew, schedule.everyMs]).toEqual([true, 1_000])
  const first = `often:${new Date(schedule.nextAtMs ?? 0).toISOString()}`
  while ((await runs.list()).runs.length === 0) await new Promise((resolve) => setImmediate(resolve))
  expect(await runs.result(first)).toMatchObject({ output: 'Hello Lin' })
  await schedules.pause('often')
  expect((await schedules.list()).map(({ id, nextAtMs }) => [id, nextAtMs])).toEqual([['often', undefined]])
  await schedules.resume('often')
  await schedules.delete('often')
  expect(await codeOf(schedules.trigger('often'))).toBe('schedule_not_found')
})
