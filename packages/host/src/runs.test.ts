/** A tenant's workflows over HTTP and in-process. */
import {
  replayCheckSchema,
  rerunPreviewSchema,
  runDetailSchema,
  runHistorySchema,
  runPageSchema,
  runResultSchema,
  runSchema,
} from '@tenax/protocol'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { codeOf, createTenants, type HostBed, member, openHost, rowsOf, send } from './fixtures/host-bed.ts'
import { approve, approved, greet, WORKFLOWS } from './fixtures/workflows.ts'
import { checkReplay } from './testing.ts'

let bed: HostBed
beforeAll(async () => {
  bed = await openHost({ workflows: WORKFLOWS })
  await createTenants(bed, 'acme')
})
afterAll(() => bed[Symbol.asyncDispose]())

/** Starts a run over HTTP and answers its id. */
async function startRun(workflow: string, input: unknown = {}, id = 'acme'): Promise<string> {
  const reply = await send(bed, `POST /t/${id}/runs`, { json: { workflow, input } })
  expect(reply.status, reply.text).toBe(202)
  return runSchema.parse(reply.json).id
}

/** A run as `GET` shows it, once it waits as `type` says. */
async function untilWaits(run: string, type: string) {
  for (;;) {
    const detail = runDetailSchema.parse((await send(bed, `GET /t/acme/runs/${run}`)).json)
    if (detail.waitsFor.some((wait) => wait.type === type)) return detail
  }
}

test('a run is accepted with 202 and its place, and its result comes when it ends', async () => {
  const reply = await send(bed, 'POST /t/acme/runs', { json: { workflow: 'greet', input: { name: 'Ada' } } })
  expect(reply.status, reply.text).toBe(202)
  const { id } = runSchema.parse(reply.json)
  expect(reply.headers.get('location')).toBe(`/t/acme/runs/${id}`)
  expect(reply.headers.get('tenax-durability')).toBe('local')
  expect(reply.headers.get('tenax-lsn')).toMatch(/^[a-z0-9]{20}\.\d+$/)
  const result = await send(bed, `GET /t/acme/runs/${id}/result`)
  expect(runResultSchema.parse(result.json)).toMatchObject({
    ...{ status: 'completed', input: { name: 'Ada' }, output: 'Hello Ada', error: null },
  })
})

test('a run shows its steps, and what it waits for in words and data', async () => {
  const run = await startRun('approve', { key: 'k1' })
  const waiting = await untilWaits(run, 'event')
  expect(waiting).toMatchObject({ status: 'waiting', stepCount: 1, endedAt: null, output: null })
  expect(waiting.steps).toMatchObject([{ seq: 1, kind: 'wait', status: 'open', event: 'approved', key: 'k1' }])
  expect(waiting.waitsFor).toMatchObject([
    { type: 'event', text: 'waits for event "approved" with key "k1"', event: 'approved', key: 'k1', dueAt: null },
  ])
  const sent = await send(bed, 'POST /t/acme/events', { json: { name: 'approved', key: 'k1', payload: { by: 'Eve' } } })
  expect(sent.status, sent.text).toBe(202)
  const result = await send(bed, `GET /t/acme/runs/${run}/result`)
  expect(result.json).toMatchObject({ status: 'completed', output: { by: 'Eve' } })
  expect((await send(bed, `GET /t/acme/runs/${run}`)).json).toMatchObject({ waitsFor: [], stepCount: 1 })
})

test('a wait for a result ends with the time, and shows the run as it is', async () => {
  const run = await startRun('nap')
  const reply = await send(bed, `GET /t/acme/runs/${run}/result?timeout_ms=1`)
  expect(reply.status).toBe(200)
  expect(runResultSchema.parse(reply.json).endedAt).toBeNull()
})

test('a wait is answered by the end of its run, not by a timer', async () => {
  const run = await startRun('approve', { key: 'k2' })
  const waiting = send(bed, `GET /t/acme/runs/${run}/result?timeout_ms=30000`)
  await untilWaits(run, 'event')
  await send(bed, 'POST /t/acme/events', { json: { name: 'approved', run, payload: { by: 'Bob' }, key: 'k2' } })
  expect((await waiting).json).toMatchObject({ status: 'completed', output: { by: 'Bob' } })
})

test('a failed run has the code, the message and the data of what failed', async () => {
  const run = await startRun('unlucky')
  const { json } = await send(bed, `GET /t/acme/runs/${run}/result`)
  expect(json).toMatchObject({ status: 'failed', error: { code: 'card_refused', message: 'the card was refused' } })
  const detail = runDetailSchema.parse((await send(bed, `GET /t/acme/runs/${run}`)).json)
  expect(detail.steps).toMatchObject([{ kind: 'step', status: 'failed', error: { code: 'card_refused' } }])
})

test('one query of the tables answers which runs failed, at which step, with what error', async () => {
  await createTenants(bed, 'asked')
  const run = await startRun('unlucky', {}, 'asked')
  await send(bed, `GET /t/asked/runs/${run}/result`)
  expect(await rowsOf(bed, 'asked', FAILED_THIS_WEEK)).toEqual([
    [run, 'unlucky', expect.any(String), 'charge#1', 'card_refused', 'the card was refused'],
  ])
})

/** As docs/reference/workflows.md has it. */
const FAILED_THIS_WEEK = `
  SELECT r.id, r.workflow, datetime(r.ended_at_ms / 1000, 'unixepoch') AS ended, s.identity AS step,
         r.error_code, r.error_message
  FROM tenax_run r
  LEFT JOIN tenax_step s ON s.run = r.number AND s.seq = (
    SELECT seq FROM tenax_step WHERE run = r.number AND status = 'failed' ORDER BY completion DESC LIMIT 1)
  WHERE r.status = 'failed' AND r.ended_at_ms > unixepoch('now', '-7 days') * 1000
  ORDER BY r.ended_at_ms DESC`

test('a result over 8 KiB is left out of a shown run, and stays in SQL', async () => {
  const run = await startRun('bulky')
  expect((await send(bed, `GET /t/acme/runs/${run}/result`)).json).toMatchObject({ output: 'done' })
  const detail = runDetailSchema.parse((await send(bed, `GET /t/acme/runs/${run}`)).json)
  expect(detail.steps).toMatchObject([{ result: null, resultOmitted: true }])
  const sql = 'select length(result) from tenax_step where run = (select number from tenax_run where id = ?)'
  expect(await rowsOf(bed, 'acme', sql, [run])).toEqual([[10_002]])
})

test('runs are listed newest first, by status and workflow, page by page', async () => {
  await createTenants(bed, 'listed')
  const ids: string[] = []
  for (let index = 0; index < 3; index++) ids.unshift(await startRun('nap', {}, 'listed'))
  const greeting = await startRun('greet', { name: 'x' }, 'listed')
  await send(bed, `GET /t/listed/runs/${greeting}/result`)
  const list = async (query: string) => runPageSchema.parse((await send(bed, `GET /t/listed/runs?${query}`)).json)
  expect((await list('')).runs.map(({ id }) => id)).toEqual([greeting, ...ids])
  expect((await list('status=completed')).runs.map(({ id }) => id)).toEqual([greeting])
  const first = await list('workflow=nap&limit=2')
  expect(first.runs.map(({ id }) => id)).toEqual(ids.slice(0, 2))
  const second = await list(`workflow=nap&limit=2&cursor=${first.nextCursor}`)
  expect(second).toMatchObject({ runs: [{ id: ids[2] }], nextCursor: null })
  expect(await send(bed, 'GET /t/listed/runs?cursor=nonsense')).toMatchObject({
    ...{ status: 400, json: { code: 'cursor_invalid' } },
  })
})

test('a run is cancelled, or terminated, once', async () => {
  const run = await startRun('nap')
  const cancelled = await send(bed, `POST /t/acme/runs/${run}/cancel`)
  expect(cancelled.status, cancelled.text).toBe(200)
  expect(runSchema.parse(cancelled.json).cancelRequestedAt).not.toBeNull()
  expect((await send(bed, `GET /t/acme/runs/${run}/result`)).json).toMatchObject({ status: 'cancelled' })
  const other = await startRun('nap')
  expect(await send(bed, `POST /t/acme/runs/${other}/terminate`)).toMatchObject({
    ...{ status: 200, json: { status: 'terminated' } },
  })
  expect(await send(bed, `POST /t/acme/runs/${other}/terminate`)).toMatchObject({
    ...{ status: 409, json: { code: 'run_ended' } },
  })
})

test('a run is paused and resumed, and says so', async () => {
  const run = await startRun('nap')
  const paused = await send(bed, `POST /t/acme/runs/${run}/pause`)
  expect(paused.status, paused.text).toBe(200)
  expect(runSchema.parse(paused.json).pausedAt).not.toBeNull()
  expect((await send(bed, `GET /t/acme/runs/${run}`)).json).toMatchObject({
    waitsFor: expect.arrayContaining([expect.objectContaining({ type: 'operator', text: 'is paused' })]),
  })
  expect((await send(bed, `POST /t/acme/runs/${run}/resume`)).json).toMatchObject({ pausedAt: null })
  await send(bed, `POST /t/acme/runs/${run}/terminate`)
})

test('a run is tried again, skipped, and run again, each as the contract says', async () => {
  const first = await send(bed, 'POST /t/acme/runs', { json: { workflow: 'greet', input: { name: 'Lin' } } })
  const { id } = runSchema.parse(first.json)
  await send(bed, `GET /t/acme/runs/${id}/result`)
  const rerun = await send(bed, `POST /t/acme/runs/${id}/rerun`, { json: { input: { name: 'Ada' }, id: 'again' } })
  expect(rerun.status, rerun.text).toBe(202)
  expect(rerun.headers.get('location')).toBe('/t/acme/runs/again')
  expect(runSchema.parse(rerun.json)).toMatchObject({ id: 'again', origin: id })
  expect((await send(bed, 'GET /t/acme/runs/again/result')).json).toMatchObject({ input: { name: 'Ada' } })
  const preview = await send(bed, `POST /t/acme/runs/${id}/rerun`, { json: { preview: true } })
  expect(rerunPreviewSchema.parse(preview.json)).toMatchObject({ keptCount: 0 })
  const refused = async (verb: string) => (await send(bed, `POST /t/acme/runs/${id}/${verb}`)).json
  expect(await refused('retry')).toMatchObject({ code: 'run_not_retryable' })
  expect(await refused('skip')).toMatchObject({ code: 'run_ended' })
  const nap = await startRun('nap')
  expect((await send(bed, `POST /t/acme/runs/${nap}/rerun`)).json).toMatchObject({ code: 'run_not_ended' })
  expect((await send(bed, `POST /t/acme/runs/${nap}/retry`)).json).toMatchObject({ id: nap })
  expect((await send(bed, `POST /t/acme/runs/${nap}/skip`)).json).toMatchObject({ code: 'run_not_stuck' })
  await send(bed, `POST /t/acme/runs/${nap}/terminate`)
})

test('the header Idempotency-Key and the field mean the same, and may not disagree', async () => {
  const json = { workflow: 'greet', input: { name: 'once' } }
  const headers = { 'idempotency-key': 'k-1' }
  const first = await send(bed, 'POST /t/acme/runs', { json, headers })
  expect(first.headers.get('idempotency-replayed')).toBeNull()
  const again = await send(bed, 'POST /t/acme/runs', { json: { ...json, idempotencyKey: 'k-1' } })
  expect(again.headers.get('idempotency-replayed')).toBe('true')
  expect(member(again.json, 'id')).toBe(member(first.json, 'id'))
  const other = await send(bed, 'POST /t/acme/runs', { json: { ...json, input: { name: 'other' } }, headers })
  expect(other).toMatchObject({ status: 409, json: { code: 'idempotency_key_reused' } })
  const two = await send(bed, 'POST /t/acme/runs', { json: { ...json, idempotencyKey: 'k-2' }, headers })
  expect(two).toMatchObject({ status: 400, json: { code: 'argument_invalid' } })
  const event = { name: 'approved', payload: { by: 'x' } }
  const sent = await send(bed, 'POST /t/acme/events', { json: event, headers })
  expect(sent).toMatchObject({ status: 202, json: { id: 'k-1' } })
  const resent = await send(bed, 'POST /t/acme/events', { json: { ...event, id: 'k-1' } })
  expect(resent.headers.get('idempotency-replayed')).toBe('true')
})

test.each([
  ['an unknown workflow', 'POST /t/acme/runs', { workflow: 'lost' }, 404, 'workflow_unknown'],
  ['an input that the schema refuses', 'POST /t/acme/runs', { workflow: 'greet', input: {} }, 400, 'input_invalid'],
  ['no workflow', 'POST /t/acme/runs', {}, 400, 'body_invalid'],
  ['an unknown run', 'GET /t/acme/runs/lost', undefined, 404, 'run_not_found'],
  ['the result of an unknown run', 'GET /t/acme/runs/lost/result', undefined, 404, 'run_not_found'],
  ['a cancel of an unknown run', 'POST /t/acme/runs/lost/cancel', {}, 404, 'run_not_found'],
  ['an event for an unknown run', 'POST /t/acme/events', { name: 'x', run: 'lost' }, 404, 'run_not_found'],
  ['an unknown tenant', 'POST /t/nobody/runs', { workflow: 'nap' }, 404, 'tenant_not_found'],
  ['a list of an unknown tenant', 'GET /t/nobody/runs', undefined, 404, 'tenant_not_found'],
  ['a wait that is too long', 'GET /t/acme/runs/x/result?timeout_ms=30001', undefined, 400, 'argument_invalid'],
  ['a path that is none', 'GET /t/acme/runs/x/y', undefined, 404, 'route_not_found'],
])('%s is refused', async (_what, route, json, status, code) => {
  expect(await send(bed, route, json === undefined ? {} : { json })).toMatchObject({ status, json: { code } })
})

test('a payload over the limit is 413, and a body is not read without a content type', async () => {
  const json = { workflow: 'greet', input: { name: 'x'.repeat(1_100_000) } }
  expect(await send(bed, 'POST /t/acme/runs', { json })).toMatchObject({
    ...{ status: 413, json: { code: 'payload_too_large' } },
  })
  const headers = { 'content-type': 'text/plain' }
  expect(await send(bed, 'POST /t/acme/runs', { json, headers })).toMatchObject({
    ...{ status: 415, json: { code: 'content_type_unsupported' } },
  })
})

test('every route of runs asks for the key where there is one', async () => {
  await using keyed = await openHost({ adminKey: 'a-key-of-more-than-sixteen' })
  for (const route of ['GET /t/a/runs', 'POST /t/a/runs', 'GET /t/a/runs/x/result', 'POST /t/a/events']) {
    expect((await send(keyed, route)).status).toBe(401)
  }
})

test('an embedded tenant starts typed runs, sends typed events, and gets their ends', async () => {
  await createTenants(bed, 'embedded')
  const { runs, events } = bed.tenax.tenant('embedded')
  const { run, isNew } = await runs.start(greet, { name: 'Lin' }, { id: 'g-1' })
  expect([run.id, isNew]).toEqual(['g-1', true])
  expect(await runs.result('g-1')).toMatchObject({ status: 'completed', output: 'Hello Lin' })
  expect(await runs.steps('g-1')).toMatchObject([{ identity: 'greet#1', result: 'Hello Lin' }])
  await runs.start(approve, { key: 'k' }, { id: 'a-1' })
  await events.send(approved, { by: 'Kim' }, { key: 'k' })
  expect(await runs.result('a-1')).toMatchObject({ output: { by: 'Kim' } })
  await runs.start('nap', {}, { id: 'n-1' })
  expect(await runs.terminate('n-1')).toMatchObject({ status: 'terminated' })
  expect(await codeOf(runs.cancel('n-1'))).toBe('run_ended')
  expect((await runs.list({ workflow: 'nap' })).runs).toMatchObject([{ id: 'n-1' }])
})

test('waits for results are answered at once when the host begins to stop', async () => {
  await using stopping = await openHost({ workflows: WORKFLOWS })
  await createTenants(stopping, 'acme')
  const { runs } = stopping.tenax.tenant('acme')
  await runs.start('nap', {}, { id: 'n-1' })
  const waiting = send(stopping, 'GET /t/acme/runs/n-1/result?timeout_ms=30000')
  stopping.tenax.endWaits()
  expect(await waiting).toMatchObject({ status: 200, json: { id: 'n-1', endedAt: null } })
})

test('runs go on after the host was closed and opened again', async () => {
  const first = await openHost({ workflows: WORKFLOWS })
  await createTenants(first, 'acme')
  await first.tenax.tenant('acme').runs.start(approve, { key: 'k' }, { id: 'a-1' })
  await first.tenax.close()
  const { createTenax } = await import('./index.ts')
  {
    await using second = await createTenax({ data: first.dataPath, workflows: WORKFLOWS })
    const acme = second.tenant('acme')
    await acme.events.send(approved, { by: 'Zoe' }, { key: 'k' })
    expect(await acme.runs.result('a-1')).toMatchObject({ status: 'completed', output: { by: 'Zoe' } })
  }
  await first[Symbol.asyncDispose]()
})

test('the record of a run leaves as checkReplay takes it, and is replayed against the code that is loaded', async () => {
  const run = await startRun('approve', { key: 'k9' })
  await untilWaits(run, 'event')
  const history = await send(bed, `GET /t/acme/runs/${run}/history`)
  expect(history.headers.get('tenax-durability')).toBe('local')
  expect(await checkReplay(history.json, approve)).toEqual({ ok: true, state: 'waiting', asks: [] })
  const checked = replayCheckSchema.parse((await send(bed, `GET /t/acme/runs/${run}/check`)).json)
  expect(checked).toEqual({ ok: true, state: 'waiting', asks: [] })
  const { runs } = bed.tenax.tenant('acme')
  expect([await runs.history(run), await runs.check(run)]).toEqual([history.json, checked])
  expect(runHistorySchema.parse(history.json)).toEqual(history.json)
  for (const what of ['history', 'check']) {
    expect(await send(bed, `GET /t/acme/runs/lost/${what}`)).toMatchObject({
      status: 404,
      json: { code: 'run_not_found' },
    })
  }
})
