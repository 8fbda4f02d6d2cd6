import { spawn } from 'node:child_process'
import { homedir } from 'node:os'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { type ChildServer, createTenant, query, scratchDirectory, watch } from './fixtures/child-server.ts'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

const SLOW = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000) SELECT count(*) FROM n'

/** `npm start` in a process group of its own, as a terminal makes one. */
function npmStart(dataPath: string): ChildServer {
  const env = {
    PATH: `${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`,
    HOME: homedir(),
    CI: 'true',
    npm_config_offline: 'true', // whoever runs this has run the setup: npm finds pnpm, and pnpm its packages, on disk
    npm_config_update_notifier: 'false',
  }
  const args = ['start', '--', '--port', '0', '--data', dataPath]
  return watch(spawn('npm', args, { cwd: ROOT, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] }))
}

test('SIGTERM reaches the server through `npm start`: a query under way is answered and the exit code is 0', async () => {
  using scratch = scratchDirectory()
  await using npm = npmStart(scratch.path)
  const { port } = await npm.ready
  await createTenant(port, 'acme')
  const slow = query(port, 'acme', SLOW)
  await createTenant(port, 'later')
  npm.kill('SIGTERM')
  expect(await slow).toMatchObject({ status: 200, body: { rows: [[1_000_000]] } })
  expect(await npm.ended).toMatchObject({ code: 0 })
})

test('Ctrl-C at `npm start` reaches the server twice, and it drains: the query is answered, the exit code is 0', async () => {
  using scratch = scratchDirectory()
  await using npm = npmStart(scratch.path)
  const { port } = await npm.ready
  await createTenant(port, 'acme')
  const slow = query(port, 'acme', SLOW)
  await createTenant(port, 'later')
  process.kill(-npm.pid, 'SIGINT') // to the whole group, as a terminal does it
  await npm.wrote('draining')
  npm.kill('SIGINT') // what npm hands on of its own copy, after the server's: at once, the two may arrive as one
  expect(await slow).toMatchObject({ status: 200, body: { rows: [[1_000_000]] } })
  expect(await npm.ended).toMatchObject({ code: 0 })
})
