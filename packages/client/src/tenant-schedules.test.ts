import { expect, test } from 'vitest'
import { createTenaxClient } from './client.ts'
import { fakeServer } from './contract.ts'

async function start() {
  const server = fakeServer()
  const client = createTenaxClient({ url: 'http://tenax.test', fetch: server.fetch })
  await client.tenants.create('acme')
  return { server, schedules: client.tenant('acme').schedules }
}

test('a schedule is put with durations in words, listed, shown and deleted', async () => {
  const { server, schedules } = await start()
  const made = await schedules.put(
    'tick',
    { name: 'quick' },
    { every: '15m', spread: '1m', input: { a: 1 }, catchUp: 0 },
  )
  expect(made).toMatchObject({ id: 'tick', workflow: 'quick', everyMs: 900_000, spreadMs: 60_000, catchUp: 0 })
  expect(server.seen.at(-1)).toMatchObject({ method: 'PUT', path: '/t/acme/schedules/tick' })
  await schedules.put('nightly', 'report', { cron: '@daily', timeZone: 'Europe/Berlin', overlap: 'allow' })
  expect((await schedules.list()).map(({ id }) => id)).toEqual(['tick', 'nightly'])
  expect(await schedules.get('nightly')).toMatchObject({ cron: '@daily', timeZone: 'Europe/Berlin', input: null })
  await schedules.delete('tick')
  await expect(schedules.get('tick')).rejects.toMatchObject({ code: 'schedule_not_found' })
})

test('a schedule is paused, resumed and triggered', async () => {
  const { schedules } = await start()
  await schedules.put('tick', 'quick', { every: 60_000 })
  expect(await schedules.pause('tick')).toMatchObject({ nextAt: null })
  expect(await schedules.resume('tick')).toMatchObject({ pausedAt: null })
  expect(await schedules.trigger('tick')).toMatchObject({ workflow: 'quick' })
})

test.each(['', '.', '..'])('the schedule %j sends nothing', async (id) => {
  const { server, schedules } = await start()
  const seenCount = server.seen.length
  for (const ask of [schedules.get(id), schedules.delete(id), schedules.put(id, 'w', { every: '1s' })]) {
    await expect(ask).rejects.toMatchObject({ code: 'argument_invalid' })
  }
  expect(server.seen).toHaveLength(seenCount)
})
