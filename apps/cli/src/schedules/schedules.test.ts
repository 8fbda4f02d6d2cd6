import { expect, test } from 'vitest'
import { fakeContext, fakeIo } from '../fixtures/fake-context.ts'
import { listSchedules, putSchedule, SCHEDULE_VERBS } from './schedule-commands.ts'

const NIGHTLY = { tenant: 'acme', id: 'nightly', workflow: 'report', input: { a: 1 }, cron: '30 2 * * *' }

test('put says when it fires next, list shows all, and show the one', async () => {
  const context = await fakeContext({ ids: ['acme'] })
  await putSchedule(context, { ...NIGHTLY, timeZone: 'Europe/Berlin', spread: '10m' })
  expect(context.io.out()).toBe('schedule nightly fires next at 2026-11-23T02:30:00.000Z\n')
  const listing = { ...context, io: fakeIo() }
  await listSchedules(listing, 'acme')
  expect(listing.io.out().split('\n')).toEqual([
    'id       workflow  times                       state  next                      last run',
    '-------  --------  --------------------------  -----  ------------------------  --------',
    'nightly  report    30 2 * * * (Europe/Berlin)  on     2026-11-23T02:30:00.000Z',
    '',
  ])
  const shown = { ...context, io: fakeIo() }
  await SCHEDULE_VERBS.show(shown, 'acme', 'nightly')
  expect(shown.io.out().split('\n')).toEqual([
    ...['schedule  nightly', 'workflow  report', 'times     30 2 * * * (Europe/Berlin)', 'state     on'],
    ...['input     {"a":1}', 'overlap   skip', 'catch up  1', 'spread    600000 ms'],
    ...['next      2026-11-23T02:30:00.000Z', ''],
  ])
})

test('pause, resume, trigger and delete say what they did', async () => {
  const context = await fakeContext({ ids: ['acme'] })
  await putSchedule({ ...context, io: fakeIo() }, { ...NIGHTLY, overlap: 'allow' })
  for (const verb of ['pause', 'resume', 'trigger', 'delete'] as const) {
    await SCHEDULE_VERBS[verb](context, 'acme', 'nightly')
  }
  expect(context.io.out().split('\n')).toEqual([
    ...['schedule nightly is paused', 'schedule nightly fires next at 2026-11-23T02:30:00.000Z'],
    ...['started run nightly:now:1', 'deleted schedule nightly', ''],
  ])
  await expect(SCHEDULE_VERBS.show(context, 'acme', 'nightly')).rejects.toMatchObject({ code: 'schedule_not_found' })
})

test('with --json each answer is JSON, and a policy that is none is refused', async () => {
  const context = await fakeContext({ ids: ['acme'], json: true })
  await putSchedule(context, { tenant: 'acme', id: 's', workflow: 'w', input: undefined, every: '1h' })
  expect(JSON.parse(context.io.out())).toMatchObject({ id: 's', everyMs: 3_600_000 })
  const listing = { ...context, io: fakeIo() }
  await listSchedules(listing, 'acme')
  expect(JSON.parse(listing.io.out())).toMatchObject({ schedules: [{ id: 's' }] })
  for (const verb of ['show', 'pause', 'resume', 'trigger', 'delete'] as const) {
    const one = { ...context, io: fakeIo() }
    await SCHEDULE_VERBS[verb](one, 'acme', 's')
    expect(JSON.parse(one.io.out())).toHaveProperty('id')
  }
  await expect(putSchedule(context, { ...NIGHTLY, overlap: 'wait' })).rejects.toMatchObject({ code: 'usage' })
})
