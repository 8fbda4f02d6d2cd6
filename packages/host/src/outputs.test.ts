/** What runs put out, over HTTP. */
import { ManualClock } from '@tenax/kernel'
import { outputEventSchema, outputPageSchema } from '@tenax/protocol'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { createTenants, type HostBed, ORIGIN, openHost, send } from './fixtures/host-bed.ts'
import { event, workflow } from './index.ts'
import { HEARTBEAT_MS } from './limits.ts'

const goOn = event('go on', z.unknown())

/** Puts out `count` values, waits for an event, shows something, and puts out one more. */
const talk = workflow({ name: 'talk', input: z.object({ count: z.number() }) }, async (ctx, { count }) => {
  for (let index = 1; index <= count; index += 1) ctx.emit({ index })
  ctx.log('waiting')
  await ctx.waitFor(goOn)
  await ctx.step('show', (attempt) => attempt.emit('shown'))
  ctx.emit('last')
})

let bed: HostBed
beforeAll(async () => {
  bed = await openHost({ workflows: [talk] })
  await createTenants(bed, 'acme')
})
afterAll(() => bed[Symbol.asyncDispose]())

async function start(id: string, count: number, host = bed): Promise<string> {
  const reply = await send(host, 'POST /t/acme/runs', { json: { workflow: 'talk', input: { count }, id } })
  expect(reply.status, reply.text).toBe(202)
  return `/t/acme/runs/${id}/outputs`
}

function letGoOn(run: string) {
  return send(bed, 'POST /t/acme/events', { json: { name: 'go on', run, payload: null } })
}

function follow(path: string, headers: Record<string, string> = {}, host = bed): Promise<Response> {
  return host.fetch(new Request(ORIGIN + path, { headers: { accept: 'text/event-stream', ...headers } }))
}

/** The events in the text of a stream, each with its name and its id. */
function eventsIn(text: string) {
  const blocks = text.split('\n\n').filter((block) => block !== '' && !block.startsWith(':'))
  return blocks.map((block) => {
    const fields = Object.fromEntries(block.split('\n').map((line) => line.split(/: (.*)/s, 2)))
    return { name: fields['event'], id: fields['id'], data: JSON.parse(fields['data'] ?? 'null') }
  })
}

test('a stream has what is recorded, with ids, what steps show, without, and the end', async () => {
  const path = await start('r-1', 2)
  const response = await follow(path)
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  expect(response.headers.get('tenax-durability')).toBe('local')
  await letGoOn('r-1')
  const events = eventsIn(await response.text())
  for (const { name, data } of events) expect(outputEventSchema.parse(data).type).toBe(name)
  expect(events).toMatchObject([
    { name: 'emit', id: '1', data: { seq: 1, value: { index: 1 } } },
    { name: 'emit', id: '2', data: { seq: 2, value: { index: 2 } } },
    { name: 'log', id: '3', data: { message: 'waiting', data: null } },
    { name: 'live', id: undefined, data: { step: 'show#1', attempt: 1, value: 'shown' } },
    { name: 'emit', id: '4', data: { value: 'last' } },
    { name: 'end', id: undefined, data: { status: 'completed', successor: null } },
  ])
})

test('Last-Event-ID goes on behind that event, and pages read the same', async () => {
  const path = await start('r-2', 2)
  await letGoOn('r-2')
  const ids = eventsIn(await (await follow(path, { 'last-event-id': '2' })).text()).map(({ id }) => id)
  expect(ids.filter((id) => id !== undefined)).toEqual(['3', '4'])
  expect(eventsIn(await (await follow(`${path}?after=4`)).text())).toMatchObject([{ name: 'end' }])
  const first = outputPageSchema.parse((await send(bed, `GET ${path}?limit=3`)).json)
  expect([first.outputs.map(({ seq }) => seq), first.nextAfter]).toEqual([[1, 2, 3], 3])
  const second = outputPageSchema.parse((await send(bed, `GET ${path}?after=${first.nextAfter}`)).json)
  expect([second.outputs.map(({ seq }) => seq), second.nextAfter]).toEqual([[4], null])
})

test.each([
  ['GET /t/acme/runs/lost/outputs', {}, 404, 'run_not_found'],
  ['GET /t/acme/runs/lost/outputs', { accept: 'text/event-stream' }, 404, 'run_not_found'],
  ['GET /t/nobody/runs/r/outputs', { accept: 'text/event-stream' }, 404, 'tenant_not_found'],
  ['GET /t/acme/runs/r/outputs', { 'last-event-id': 'x' }, 400, 'argument_invalid'],
  ['GET /t/acme/runs/r/outputs?limit=501', {}, 400, 'argument_invalid'],
])('%s with %j is refused before anything is streamed', async (route, headers, status, code) => {
  expect(await send(bed, route, { headers })).toMatchObject({ status, json: { code } })
})

test('HEAD opens no stream', async () => {
  const path = await start('r-3', 0)
  const request = new Request(ORIGIN + path, { method: 'HEAD', headers: { accept: 'text/event-stream' } })
  const response = await bed.fetch(request)
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json'])
})

function macrotask(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

test('an idle stream says that it is there, and one that nobody reads is cut off', async () => {
  const clock = new ManualClock()
  await using host = await openHost({ workflows: [talk], clock })
  await createTenants(host, 'acme')
  const path = await start('r-1', 0, host)
  const response = await follow(path, {}, host)
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  expect((await reader?.read())?.value).toContain('event: log')
  const beat = reader?.read()
  await macrotask() // so that what was read is known to be written
  clock.advance(HEARTBEAT_MS)
  expect((await beat)?.value).toBe(': still there\n\n')
  const unread = await follow(await start('r-2', 400, host), {}, host)
  for (let beats = 0; beats < 4; beats += 1) {
    await macrotask()
    clock.advance(HEARTBEAT_MS)
  }
  const text = await unread.text()
  expect(text).not.toContain('event: end')
  expect(eventsIn(text.slice(0, text.lastIndexOf('\n\n') + 2)).length).toBeLessThan(10)
})

test('a host that drains ends its streams, and says why', async () => {
  await using host = await openHost({ workflows: [talk] })
  await createTenants(host, 'acme')
  const response = await follow(await start('r-1', 1, host), {}, host)
  host.tenax.endWaits()
  const events = eventsIn(await response.text())
  expect(events.at(-1)).toMatchObject({ name: 'dropped', data: { code: 'unavailable' } })
  expect(events.slice(0, -1).map(({ id }) => id)).toEqual(['1', '2'])
})

test.each([
  ['POST /v1/tenants/going/suspend', 'tenant_suspended'],
  ['DELETE /v1/tenants/going', 'tenant_not_found'],
])('%s ends the streams of the tenant at once, with what a request gets', async (verb, code) => {
  await using host = await openHost({ workflows: [talk], clock: new ManualClock() })
  await createTenants(host, 'going')
  await send(host, 'POST /t/going/runs', { json: { workflow: 'talk', input: { count: 0 }, id: 'r-1' } })
  const response = await follow('/t/going/runs/r-1/outputs', {}, host)
  const waiting = send(host, 'GET /t/going/runs/r-1/result')
  await send(host, 'GET /t/going/runs/r-1')
  expect(await send(host, verb)).toMatchObject({ status: 200 })
  expect(await waiting).toMatchObject({ json: { code } })
  expect(eventsIn(await response.text()).at(-1)).toMatchObject({ name: 'dropped', data: { code } })
})
