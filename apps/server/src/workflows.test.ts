/** Workflows end to end: a server process that is killed, and what its clients and the outside world see of it. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createClient } from '@libsql/client/http'
import { sleep, systemClock } from '@tenax/kernel'
import { expect, test } from 'vitest'
import { type ChildServer, createTenant, scratchDirectory, sendRaw, startServer } from './fixtures/child-server.ts'

const PROJECT = join(import.meta.dirname, 'fixtures/project')
const JSON_TYPE = { 'content-type': 'application/json' }

/** A server of the project in `fixtures/project`, on the data in `path`. */
function serveProject(path: string): ChildServer {
  return startServer({ args: ['serve', '--port', '0', '--data', join(path, 'data')], cwd: PROJECT })
}

function post(port: number, path: string, body: unknown) {
  return sendRaw(port, { method: 'POST', path, headers: JSON_TYPE, body: JSON.stringify(body) })
}

function get(port: number, path: string) {
  return sendRaw(port, { method: 'GET', path })
}

/** Resolves when the run shows that it waits for `type`. */
async function untilWaits(port: number, run: string, type: string): Promise<void> {
  for (;;) {
    const { body } = await get(port, `/t/acme/runs/${run}`)
    if (JSON.stringify(body['waitsFor']).includes(`"type":"${type}"`)) return
    await sleep(systemClock, 10)
  }
}

async function killed(server: ChildServer): Promise<void> {
  server.kill('SIGKILL')
  expect(await server.ended).toMatchObject({ signal: 'SIGKILL' })
}

test('a run outlives SIGKILL while it waits and while it sleeps, and repeats no recorded step', async () => {
  using scratch = scratchDirectory()
  const outside = join(scratch.path, 'outside.txt')
  {
    await using server = serveProject(scratch.path)
    const { port } = await server.ready
    await createTenant(port, 'acme')
    const started = await post(port, '/t/acme/runs', { workflow: 'order', input: { item: 'book', outside }, id: 'o-1' })
    expect(started).toMatchObject({ status: 202, body: { id: 'o-1', workflow: 'order' } })
    await untilWaits(port, 'o-1', 'event')
    await killed(server)
  }
  {
    await using server = serveProject(scratch.path)
    const { port } = await server.ready
    const event = { name: 'approved', key: 'book', payload: { by: 'Ada' }, id: 'e-1' }
    expect(await post(port, '/t/acme/events', event)).toMatchObject({ status: 202, body: { id: 'e-1' } })
    await killed(server)
  }
  await using server = serveProject(scratch.path)
  const { port, url } = await server.ready
  const result = await get(port, '/t/acme/runs/o-1/result?timeout_ms=30000')
  expect(result).toMatchObject({ status: 200, body: { status: 'completed', output: { id: 1, by: 'Ada' } } })
  const lines = readFileSync(outside, 'utf8').trim().split('\n')
  expect(lines.map((line) => line.split(' ', 1)[0])).toEqual(['reserve', 'ship'])
  const db = createClient({ url: `${url}/t/acme/` })
  const runs = await db.execute('select id, workflow, status from tenax_run')
  expect(runs.rows.map((row) => [...Object.values(row)])).toEqual([['o-1', 'order', 'completed']])
  const rows = await db.execute('select id, state from purchase')
  expect(rows.rows.map((row) => [...Object.values(row)])).toEqual([[1, 'shipped']])
  db.close()
})

test('a wait for a result does not hold up a drain', async () => {
  using scratch = scratchDirectory()
  await using server = serveProject(scratch.path)
  const { port } = await server.ready
  await createTenant(port, 'acme')
  const outside = join(scratch.path, 'outside.txt')
  await post(port, '/t/acme/runs', { workflow: 'order', input: { item: 'book', outside }, id: 'o-1' })
  const waiting = get(port, '/t/acme/runs/o-1/result?timeout_ms=30000')
  await untilWaits(port, 'o-1', 'event')
  server.kill('SIGTERM')
  expect(await waiting).toMatchObject({ status: 200, body: { id: 'o-1', endedAt: null } })
  expect(await server.ended).toMatchObject({ code: 0 })
})

test.each([
  ["export default { workflows: ['./lost.ts'] }", 'lost.ts cannot be loaded'],
  ['export default { workflows: [7] }', 'neither a path nor a workflow'],
  ["export default { workflows: './a.ts' }", 'workflows: '],
])('a configuration of workflows that is broken is refused: %s', async (text, message) => {
  using scratch = scratchDirectory()
  writeFileSync(join(scratch.path, 'tenax.config.ts'), text)
  await using server = startServer({ args: ['serve', '--port', '0', '--json'], cwd: scratch.path })
  const { code, stderr } = await server.ended
  expect(code).toBe(1)
  expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'config_invalid' } })
  expect(JSON.parse(stderr).error.message).toContain(message)
})

test('a rejection that nobody awaits, or an exception out of a callback, ends the run that it came out of, and nothing else', async () => {
  using scratch = scratchDirectory()
  await using server = serveProject(scratch.path)
  const { port } = await server.ready
  await createTenant(port, 'acme')
  const codes: unknown[] = []
  for (const where of ['body', 'later', 'step', 'body timer', 'step timer', 'step emitter']) {
    const id = where.replace(' ', '-')
    await post(port, '/t/acme/runs', { workflow: 'careless', input: { where }, id })
    const { body } = await get(port, `/t/acme/runs/${id}/result?timeout_ms=10000`)
    expect(body).toMatchObject({ status: 'failed', error: { message: expect.stringContaining('left behind') } })
    codes.push((body['error'] as { code: string }).code)
  }
  const rejected = 'unhandled_rejection'
  const thrown = 'uncaught_exception'
  expect(codes).toEqual([rejected, rejected, 'failed', thrown, thrown, thrown])
})

test('callbacks that reject unheard, and throws that cannot be looked at, end no host', async () => {
  using scratch = scratchDirectory()
  await using server = serveProject(scratch.path)
  const { port } = await server.ready
  await createTenant(port, 'acme')
  const start = (workflow: string, input: unknown, id: string) =>
    post(port, '/t/acme/runs', { workflow, input, id }).then(({ body }) => body)
  expect(await start('looked-up', { id: 'x' }, 'a')).toMatchObject({ code: 'input_invalid' })
  expect(await start('keyed', {}, 'b')).toMatchObject({ code: 'limit_key_invalid' })
  const ends: string[] = []
  for (const where of ['tx', 'tx timer', 'when', 'proxy', 'revoked', 'body proxy', 'abort']) {
    const id = where.replace(' ', '-')
    await start('hostile', { where }, id)
    if (where === 'abort') {
      await untilWaits(port, id, 'step')
      await post(port, `/t/acme/runs/${id}/cancel`, {})
    }
    const { body } = await get(port, `/t/acme/runs/${id}/result?timeout_ms=10000`)
    ends.push(`${where}: ${body['status']} ${(body['error'] as { code: string } | undefined)?.code}`)
  }
  expect(ends).toEqual([
    'tx: failed unhandled_rejection',
    'tx timer: failed uncaught_exception',
    'when: failed failed',
    'proxy: failed failed',
    'revoked: failed failed',
    'body proxy: failed unhandled_rejection',
    'abort: cancelled undefined',
  ])
  expect((await get(port, '/t/acme/runs')).status).toBe(200)
})
