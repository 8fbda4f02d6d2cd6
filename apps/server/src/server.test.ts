import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createTenant, query, scratchDirectory, sendRaw, startServer } from './fixtures/child-server.ts'

/** A port that is free now. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}

test('--port 0 picks a port and prints where the server listens as one JSON line', async () => {
  using scratch = scratchDirectory()
  await using server = startServer({ args: ['dev', '--port', '0', '--data', scratch.path] })
  const ready = await server.ready
  expect(ready).toMatchObject({ event: 'listening', pid: server.pid })
  expect(ready.url).toBe(`http://127.0.0.1:${ready.port}`)
  expect(await sendRaw(ready.port, { method: 'GET', path: '/readyz' })).toEqual({
    status: 200,
    body: { status: 'ready' },
  })
})

test('TENAX_PORT and TENAX_DATA are taken, and an argument is stronger than either', async () => {
  using scratch = scratchDirectory()
  const [port, other] = [await freePort(), await freePort()]
  const env = { TENAX_PORT: String(port), TENAX_DATA: join(scratch.path, 'by-variable') }
  {
    await using server = startServer({ args: ['serve'], env })
    expect(await server.ready).toMatchObject({ port })
    expect(existsSync(join(scratch.path, 'by-variable', 'tenax.json'))).toBe(true)
  }
  const args = ['serve', '--port', String(other), '--data', join(scratch.path, 'by-argument')]
  await using server = startServer({ args, env })
  expect(await server.ready).toMatchObject({ port: other })
  expect(existsSync(join(scratch.path, 'by-argument', 'tenax.json'))).toBe(true)
})

test('an address beyond loopback is refused without TENAX_ADMIN_KEY', async () => {
  using scratch = scratchDirectory()
  await using server = startServer({
    args: ['serve', '--port', '0', '--host', '0.0.0.0', '--data', scratch.path, '--json'],
  })
  const { code, stderr } = await server.ended
  expect(code).toBe(1)
  expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'admin_key_required' } })
})

test('with TENAX_ADMIN_KEY the server listens beyond loopback and asks for the key', async () => {
  using scratch = scratchDirectory()
  const key = 'a-key-of-more-than-sixteen-characters'
  const args = ['serve', '--port', '0', '--host', '0.0.0.0', '--data', scratch.path]
  await using server = startServer({ args, env: { TENAX_ADMIN_KEY: key } })
  const { port } = await server.ready
  expect(await sendRaw(port, { method: 'GET', path: '/v1/tenants' })).toMatchObject({ status: 401 })
  const headers = { authorization: `Bearer ${key}` }
  expect(await sendRaw(port, { method: 'GET', path: '/v1/tenants', headers })).toMatchObject({ status: 200 })
})

test('a second server on the same data directory ends with data_in_use and names the first', async () => {
  using scratch = scratchDirectory()
  await using first = startServer({ args: ['serve', '--port', '0', '--data', scratch.path] })
  const { port } = await first.ready
  await using second = startServer({ args: ['serve', '--port', '0', '--data', scratch.path, '--json'] })
  const { code, stdout, stderr } = await second.ended
  expect(code).toBe(1)
  expect(stdout).toBe('')
  expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'data_in_use' } })
  expect(stderr).toContain(`process ${first.pid}`)
  expect(await createTenant(port, 'acme')).toMatchObject({ status: 201 })
})

test('of servers that start at once on a new directory, one serves and the others are told data_in_use', async () => {
  using scratch = scratchDirectory()
  const start = () => startServer({ args: ['serve', '--port', '0', '--data', scratch.path, '--json'] })
  await using one = start()
  await using two = start()
  await using three = start()
  const outcomes = [one, two, three].map((server) =>
    Promise.race([
      server.ready.then(() => 'listening'),
      server.ended.then(({ stderr }) => JSON.parse(stderr).error.code),
    ]),
  )
  expect((await Promise.all(outcomes)).sort()).toEqual(['data_in_use', 'data_in_use', 'listening'])
})

test('a data directory is free again after its server was killed', async () => {
  using scratch = scratchDirectory()
  {
    await using first = startServer({ args: ['serve', '--port', '0', '--data', scratch.path] })
    await first.ready
    first.kill('SIGKILL')
    expect(await first.ended).toMatchObject({ signal: 'SIGKILL' })
  }
  await using second = startServer({ args: ['serve', '--port', '0', '--data', scratch.path] })
  expect(await second.ready).toMatchObject({ event: 'listening' })
})

test('a port in use ends the server with an error that names the port, and its data directory is free', async () => {
  using scratch = scratchDirectory()
  using elsewhere = scratchDirectory()
  await using first = startServer({ args: ['serve', '--port', '0', '--data', scratch.path] })
  const { port } = await first.ready
  const args = ['serve', '--port', String(port), '--data', elsewhere.path, '--json']
  await using second = startServer({ args })
  const { code, stderr } = await second.ended
  expect(code).toBe(1)
  const { error } = JSON.parse(stderr)
  expect(error.message).toContain(String(port))
  expect(error.message).toContain('in use')
  expect(error.message).not.toContain('EADDRINUSE')
  await using third = startServer({ args: ['serve', '--port', '0', '--data', elsewhere.path] })
  expect(await third.ready).toMatchObject({ event: 'listening' })
})

/** Writes a project with a configuration, and one migration beside it. */
function writeProject(path: string, config: string): string {
  mkdirSync(join(path, 'migrations'), { recursive: true })
  writeFileSync(join(path, 'tenax.config.ts'), config)
  writeFileSync(
    join(path, 'migrations', '0001-note.sql'),
    'CREATE TABLE note (text TEXT); INSERT INTO note VALUES (1);',
  )
  return path
}

test('tenax.config.ts of the working directory is read, and its migrations are in every tenant', async () => {
  using scratch = scratchDirectory()
  const cwd = writeProject(scratch.path, "const migrations: string = './migrations'\nexport default { migrations }\n")
  await using server = startServer({ args: ['dev', '--port', '0'], cwd })
  const { port } = await server.ready
  await createTenant(port, 'acme')
  expect(await query(port, 'acme', 'SELECT count(*) FROM note')).toMatchObject({ status: 200, body: { rows: [[1]] } })
  const applied = await query(port, 'acme', 'SELECT name FROM tenax_migration')
  expect(applied).toMatchObject({ body: { rows: [['0001-note.sql']] } })
})

test('an unknown key in tenax.config.ts is refused by name, and so is a configuration that is not there', async () => {
  using scratch = scratchDirectory()
  const cwd = writeProject(scratch.path, "export default { migration: './migrations' }\n")
  await using typo = startServer({ args: ['dev', '--port', '0', '--json'], cwd })
  const { code, stderr } = await typo.ended
  expect(code).toBe(1)
  expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'config_invalid' } })
  expect(stderr).toContain('"migration')
  await using missing = startServer({ args: ['dev', '--port', '0', '--json', '--config', 'other.config.ts'], cwd })
  expect(JSON.parse((await missing.ended).stderr)).toMatchObject({ error: { code: 'config_invalid' } })
})

test.each([
  ['no JavaScript at all', 'export default {', 'broken.config.ts cannot be loaded: '],
  ['one that throws', "throw new Error('no luck')", 'broken.config.ts cannot be loaded: no luck'],
  ['one without a default export', 'export const x = 1', 'broken.config.ts has no default export'],
  ['a wrong value', 'export default { migrations: 7 }', 'broken.config.ts is not valid: migrations: '],
])('a configuration that is broken is refused by the name of its file: %s', async (_what, text, message) => {
  using scratch = scratchDirectory()
  writeFileSync(join(scratch.path, 'broken.config.ts'), text)
  const args = ['serve', '--port', '0', '--config', 'broken.config.ts', '--json']
  await using server = startServer({ args, cwd: scratch.path })
  const { code, stderr } = await server.ended
  expect(code).toBe(1)
  expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'config_invalid' } })
  expect(JSON.parse(stderr).error.message).toContain(message)
})

test('a data directory that is a file is refused with what is in the way', async () => {
  using scratch = scratchDirectory()
  writeFileSync(join(scratch.path, 'file'), 'x')
  await using server = startServer({ args: ['serve', '--port', '0', '--data', join(scratch.path, 'file'), '--json'] })
  const { code, stderr } = await server.ended
  expect(code).toBe(1)
  expect(JSON.parse(stderr)).toMatchObject({
    error: { code: 'config_invalid', message: 'the data directory cannot be used: there is a file of that name' },
  })
})

test('a web page cannot reach a server on loopback: rebound Host, foreign Origin, form post', async () => {
  using scratch = scratchDirectory()
  await using server = startServer({ args: ['dev', '--port', '0', '--data', scratch.path] })
  const { port } = await server.ready
  const json = { 'content-type': 'application/json' }
  const post = (headers: Record<string, string>, body = '{"id":"acme"}') =>
    sendRaw(port, { method: 'POST', path: '/v1/tenants', headers, body })
  expect(await post({ ...json, host: `evil.example:${port}` })).toMatchObject({
    status: 403,
    body: { code: 'host_forbidden' },
  })
  expect(await post({ ...json, host: '127.0.0.1.evil.example' })).toMatchObject({ body: { code: 'host_forbidden' } })
  expect(await post({ ...json, origin: 'http://evil.example' })).toMatchObject({ body: { code: 'origin_forbidden' } })
  expect(await post({ ...json, origin: 'null' })).toMatchObject({ body: { code: 'origin_forbidden' } })
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
    expect(await post({ 'content-type': type })).toMatchObject({ body: { code: 'content_type_unsupported' } })
  }
  expect(await sendRaw(port, { method: 'GET', path: '/v1/tenants', headers: { host: 'evil.example' } })).toMatchObject({
    body: { code: 'host_forbidden' },
  })
  expect(await sendRaw(port, { method: 'GET', path: '/v1/tenants/acme' })).toMatchObject({ status: 404 })
  expect(await post({ ...json, host: `localhost:${port}`, origin: `http://localhost:${port}` })).toMatchObject({
    status: 201,
  })
})
