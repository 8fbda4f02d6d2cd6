import { expect, test } from 'vitest'
import { createTenaxClient } from './client.ts'
import { fakeServer } from './contract.ts'

async function start() {
  const server = fakeServer()
  const client = createTenaxClient({ url: 'http://tenax.test', fetch: server.fetch })
  await client.tenants.create('acme')
  return { server, client, acme: client.tenant('acme') }
}

test('a run is started by its name or its definition, with all that may be said about it', async () => {
  const { server, acme } = await start()
  const startAt = new Date('2026-12-01T00:00:00Z')
  const options = { id: 'r-1', idempotencyKey: 'k', startAt, priority: 3 }
  expect(await acme.runs.start('trial', { email: 'a@b.c' }, options)).toMatchObject({
    ...{ id: 'r-1', workflow: 'trial', status: 'queued', priority: 3, startAt: startAt.toISOString(), isNew: true },
  })
  const typed: { readonly name: string; readonly '~io'?: (input: { a: number }) => string } = { name: 'other' }
  expect(await acme.runs.start(typed, { a: 1 })).toMatchObject({ workflow: 'other', isNew: true })
  expect(JSON.parse(server.seen.at(-1)?.body ?? '')).toEqual({ workflow: 'other', input: { a: 1 } })
})

test('a second start with the same id or key says that it is none', async () => {
  const { acme } = await start()
  const first = await acme.runs.start('trial', {}, { idempotencyKey: 'k' })
  expect(await acme.runs.start('trial', {}, { idempotencyKey: 'k' })).toEqual({ ...first, isNew: false })
  expect(await acme.runs.start('trial', {}, { id: first.id })).toEqual({ ...first, isNew: false })
})

test('runs are listed page by page, filtered', async () => {
  const { server, acme } = await start()
  for (const id of ['a', 'b', 'c']) await acme.runs.start(id === 'b' ? 'other' : 'trial', {}, { id })
  const first = await acme.runs.list({ limit: 2 })
  expect(first.runs.map(({ id }) => id)).toEqual(['c', 'b'])
  const cursor = first.nextCursor ?? undefined
  expect(await acme.runs.list({ limit: 2, cursor })).toMatchObject({ runs: [{ id: 'a' }], nextCursor: null })
  expect((await acme.runs.list({ workflow: 'other' })).runs).toMatchObject([{ id: 'b' }])
  server.runs.change('a', { status: 'failed' })
  expect((await acme.runs.list({ status: 'failed' })).runs).toMatchObject([{ id: 'a' }])
  await expect(acme.runs.list({ limit: 501 })).rejects.toMatchObject({ code: 'argument_invalid' })
})

test('get() has steps and waits, result() what came of it', async () => {
  const { server, acme } = await start()
  const { id } = await acme.runs.start('trial', { a: 1 })
  expect(await acme.runs.get(id)).toMatchObject({ id, input: { a: 1 }, steps: [], waitsFor: [] })
  server.runs.change(id, { status: 'completed', endedAt: '2026-11-22T12:00:01.000Z', output: { paid: true } })
  expect(await acme.runs.result(id, { timeoutMs: 5 })).toMatchObject({ status: 'completed', output: { paid: true } })
  expect(server.seen.at(-1)?.path).toBe(`/t/acme/runs/${id}/result`)
})

test('cancel() and terminate() answer the run, and an ended one refuses', async () => {
  const { acme } = await start()
  const { id } = await acme.runs.start('trial', {})
  expect(await acme.runs.cancel(id)).toMatchObject({ cancelRequestedAt: expect.any(String) })
  expect(await acme.runs.terminate(id)).toMatchObject({ status: 'terminated' })
  await expect(acme.runs.cancel(id)).rejects.toMatchObject({ code: 'run_ended', kind: 'conflict' })
})

test('pause() and resume() answer the run', async () => {
  const { acme } = await start()
  const { id } = await acme.runs.start('trial', {})
  expect(await acme.runs.pause(id)).toMatchObject({ pausedAt: expect.any(String) })
  expect(await acme.runs.resume(id)).toMatchObject({ pausedAt: null })
})

test('retry(), skip(), rerun() and previewRerun() answer what became of the run', async () => {
  const { acme } = await start()
  const { id } = await acme.runs.start('trial', {})
  expect(await acme.runs.retry(id)).toMatchObject({ id })
  await expect(acme.runs.skip(id)).rejects.toMatchObject({ code: 'run_not_stuck' })
  await expect(acme.runs.rerun(id)).rejects.toMatchObject({ code: 'run_not_ended', kind: 'conflict' })
  await acme.runs.terminate(id)
  await expect(acme.runs.retry(id)).rejects.toMatchObject({ code: 'run_not_retryable' })
  expect(await acme.runs.previewRerun(id)).toEqual({ kept: [], keptCount: 0, again: [], againCount: 0 })
  expect(await acme.runs.rerun(id, { input: { a: 1 } })).toMatchObject({ isNew: true, origin: id })
})

test('an event is received once per id', async () => {
  const { acme } = await start()
  const { id } = await acme.runs.start('trial', {})
  expect(await acme.events.send('approval', { yes: true }, { key: '7', id: 'e-1' })).toMatchObject({ isNew: true })
  expect(await acme.events.send('approval', { yes: true }, { key: '7', id: 'e-1' })).toMatchObject({ isNew: false })
  await acme.runs.terminate(id)
  await expect(acme.events.send('approval', {}, { run: id })).rejects.toMatchObject({ code: 'run_ended' })
})

test.each(['', '.', '..'])('the run %j sends nothing', async (run) => {
  const { server, acme } = await start()
  const seenCount = server.seen.length
  for (const ask of [acme.runs.get(run), acme.runs.result(run), acme.runs.cancel(run), acme.runs.terminate(run)]) {
    await expect(ask).rejects.toMatchObject({ code: 'argument_invalid' })
  }
  expect(server.seen).toHaveLength(seenCount)
})

test('a run of another tenant, and an unknown workflow, are not found', async () => {
  const { client, acme } = await start()
  await client.tenants.create('other')
  const { id } = await acme.runs.start('trial', {})
  await expect(client.tenant('other').runs.get(id)).rejects.toMatchObject({ code: 'run_not_found' })
  await expect(acme.runs.start('unknown', {})).rejects.toMatchObject({ code: 'workflow_unknown' })
})

test('history() and check() answer the record of a run, and whether the code goes on with it', async () => {
  const { server, acme } = await start()
  const { id } = await acme.runs.start('trial', {})
  expect(await acme.runs.history(id)).toMatchObject({ format: 'tenax-run-history', tenant: 'acme', run: { id } })
  expect(await acme.runs.check(id)).toEqual({ ok: true, state: 'waiting', asks: [] })
  const refused = { ok: false, code: 'workflow_changed', recorded: 'a', asked: 'b' } as const
  server.runs.judge(id, refused)
  expect(await acme.runs.check(id)).toEqual(refused)
  await expect(acme.runs.history('lost')).rejects.toMatchObject({ code: 'run_not_found' })
})
