import { expect, test } from 'vitest'
import { createTenaxClient } from './client.ts'
import { fakeServer } from './contract.ts'
import { eventsOf } from './event-stream.ts'
import type { OutputEvent } from './index.ts'

const AT = '2026-11-22T12:00:00.000Z'
const EVENTS: readonly OutputEvent[] = [
  { type: 'emit', seq: 1, at: AT, value: { a: 'two\nlines' } },
  { type: 'live', at: AT, step: 'think#1', attempt: 1, value: 'a word' },
  { type: 'log', seq: 3, at: AT, message: 'said', data: null },
  { type: 'end', status: 'continued', successor: 'r-2' },
]

async function start() {
  const server = fakeServer()
  const client = createTenaxClient({ url: 'http://tenax.test', fetch: server.fetch })
  await client.tenants.create('acme')
  const { runs } = client.tenant('acme')
  await runs.start('trial', {}, { id: 'r-1' })
  return { server, runs }
}

async function allOf(outputs: AsyncIterable<OutputEvent>): Promise<OutputEvent[]> {
  const events: OutputEvent[] = []
  for await (const event of outputs) events.push(event)
  return events
}

test('outputs() gives everything that a run puts out, and its end', async () => {
  const { server, runs } = await start()
  server.runs.putOut('r-1', EVENTS)
  expect(await allOf(runs.outputs('r-1'))).toEqual(EVENTS)
  expect(await allOf(runs.outputs('r-1', { after: 3 }))).toEqual(EVENTS.slice(3))
})

test('outputs() goes on behind the last recorded output when the connection is cut off', async () => {
  const { server, runs } = await start()
  server.runs.putOut('r-1', EVENTS, 2)
  const all = await allOf(runs.outputs('r-1', { retryMs: 0 }))
  // What was only shown is not shown again once something behind it is known.
  expect(all.filter(({ type }) => type !== 'live')).toEqual(EVENTS.filter(({ type }) => type !== 'live'))
  expect(server.seen.filter(({ path }) => path.endsWith('/outputs')).length).toBeGreaterThan(1)
})

test('outputs() gives up on a server that gives nothing, and at once on what no second try mends', async () => {
  const { runs } = await start()
  await expect(allOf(runs.outputs('r-1', { retryMs: 0 }))).rejects.toMatchObject({ code: 'unavailable' })
  await expect(allOf(runs.outputs('lost'))).rejects.toMatchObject({ code: 'run_not_found' })
})

test('outputs() ends without an error when its signal says so', async () => {
  const { server, runs } = await start()
  server.runs.putOut('r-1', EVENTS, 1)
  const controller = new AbortController()
  for await (const event of runs.outputs('r-1', { signal: controller.signal, retryMs: 60_000 })) {
    expect(event).toEqual(EVENTS[0])
    controller.abort()
  }
})

test('a stream that the server drops says why', async () => {
  const dropped = 'event: dropped\ndata: {"code":"tenant_in_transition","message":"it was replaced"}\n\n'
  const client = createTenaxClient({ url: 'http://tenax.test', fetch: () => new Response(dropped) })
  const outputs = client.tenant('acme').runs.outputs('r-1')
  await expect(allOf(outputs)).rejects.toMatchObject({ code: 'tenant_in_transition', message: 'it was replaced' })
})

/** The text in pieces of one byte. */
function trickle(text: string): ReadableStream<Uint8Array> {
  return ReadableStream.from(Array.from(Buffer.from(text), (byte) => Uint8Array.of(byte)))
}

test.each([
  ['data: a\n\ndata: b\r\n\r\ndata: c\r\r:', ['a', 'b', 'c']],
  ['data: one\ndata:two\ndata\n\n', ['one\ntwo\n']],
  [': nothing\n\nretry: 5\nevent: x\n\n', []],
  ['data: ü€😀\n\n', ['ü€😀']],
  ['data: whole\n\ndata: cut off', ['whole']],
])('events of %j, byte by byte', async (text, data) => {
  const seen: string[] = []
  for await (const event of eventsOf(trickle(text))) seen.push(event.data)
  expect(seen).toEqual(data)
})
