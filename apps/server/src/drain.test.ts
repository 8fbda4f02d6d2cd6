import { expect, test } from 'vitest'
import { createTenant, query, scratchDirectory, sendRaw, startServer } from './fixtures/child-server.ts'

/** Runs for a second or so on any machine, and answers with its number. */
const SLOW = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) SELECT count(*) FROM n'

test('SIGTERM lets a query under way end with its answer, refuses new ones, and exits with 0', async () => {
  using scratch = scratchDirectory()
  const env = { TENAX_QUERY_TIMEOUT_MS: '60000' }
  await using server = startServer({ args: ['serve', '--port', '0', '--data', scratch.path], env })
  const { port } = await server.ready
  await createTenant(port, 'acme')
  const slow = query(port, 'acme', SLOW)
  await createTenant(port, 'later') // an answer to a later request: the slow one has been taken in by now
  server.kill('SIGTERM')
  expect(await slow).toMatchObject({ status: 200, body: { rows: [[3_000_000]] } })
  expect(await server.ended).toMatchObject({ code: 0, signal: null })
  await expect(sendRaw(port, { method: 'GET', path: '/healthz' })).rejects.toThrow('ECONNREFUSED')
})

test('a SIGINT that arrives twice, as npm hands on a Ctrl-C that the terminal sent already, drains all the same', async () => {
  using scratch = scratchDirectory()
  const env = { TENAX_QUERY_TIMEOUT_MS: '60000' }
  await using server = startServer({ args: ['serve', '--port', '0', '--data', scratch.path], env })
  const { port } = await server.ready
  await createTenant(port, 'acme')
  const slow = query(port, 'acme', SLOW)
  await createTenant(port, 'later') // the slow one has been taken in by now, and holds the drain up
  server.kill('SIGINT')
  await server.wrote('draining') // two signals that are pending at once are one
  server.kill('SIGINT')
  expect(await slow).toMatchObject({ status: 200, body: { rows: [[3_000_000]] } })
  expect(await server.ended).toMatchObject({ code: 0, signal: null })
})

test('after a drain nothing is left to recover: WALs are empty and the next start has no event', async () => {
  using scratch = scratchDirectory()
  {
    await using server = startServer({ args: ['serve', '--port', '0', '--data', scratch.path] })
    const { port } = await server.ready
    await createTenant(port, 'acme')
    await query(port, 'acme', 'CREATE TABLE note (text TEXT)')
    server.kill('SIGINT')
    expect(await server.ended).toMatchObject({ code: 0 })
  }
  await using server = startServer({ args: ['serve', '--port', '0', '--data', scratch.path] })
  const { port } = await server.ready
  expect(await query(port, 'acme', 'SELECT count(*) FROM note')).toMatchObject({ status: 200 })
  server.kill('SIGTERM')
  expect((await server.ended).stderr).not.toContain('recovered')
})

test('an open interactive transaction does not hold up a drain, and is rolled back', async () => {
  using scratch = scratchDirectory()
  {
    await using server = startServer({ args: ['serve', '--port', '0', '--data', scratch.path] })
    const { port } = await server.ready
    await createTenant(port, 'acme')
    await query(port, 'acme', 'CREATE TABLE note (text TEXT)')
    const requests = ['BEGIN', 'INSERT INTO note VALUES (1)'].map((sql) => ({ type: 'execute', stmt: { sql } }))
    const begun = await sendRaw(port, {
      method: 'POST',
      path: '/t/acme/v3/pipeline',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ baton: null, requests }),
    })
    expect(begun.body['baton']).toEqual(expect.any(String))
    server.kill('SIGTERM')
    expect(await server.ended).toMatchObject({ code: 0 })
  }
  await using server = startServer({ args: ['serve', '--port', '0', '--data', scratch.path] })
  const { port } = await server.ready
  expect(await query(port, 'acme', 'SELECT count(*) FROM note')).toMatchObject({ body: { rows: [[0]] } })
})
