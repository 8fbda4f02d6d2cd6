/** `tenax dev` takes what changes in a project while it runs. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sleep, systemClock } from '@tenax/kernel'
import { expect, test } from 'vitest'
import { createTenant, scratchDirectory, sendRaw, startServer } from './fixtures/child-server.ts'

const TENAX = join(import.meta.dirname, '../../../packages/host')

const CONFIG = "export default { workflows: ['./hello.ts'] }"
const HELLO = `import { workflow } from 'tenax'
import { word } from './lib/word.ts'
const input = { '~standard': { version: 1, vendor: 'none', validate: (value: unknown) => ({ value }) } } as const
export const hello = workflow({ name: 'hello', input }, async (ctx) => {
  await ctx.sleep('a while', 1)
  return ctx.step('say', () => word)
})
`
const wordFile = (word: string) => `export const word: string = '${word}'\n`

/** A project of three modules. */
function projectIn(path: string): { readonly write: (name: string, text: string) => void } {
  mkdirSync(join(path, 'node_modules'))
  mkdirSync(join(path, 'lib'))
  symlinkSync(TENAX, join(path, 'node_modules/tenax'))
  const write = (name: string, text: string) => writeFileSync(join(path, name), text)
  write('tenax.config.ts', CONFIG)
  write('hello.ts', HELLO)
  write('lib/word.ts', wordFile('one'))
  return { write }
}

const JSON_TYPE = { 'content-type': 'application/json' }

async function resultOf(port: number): Promise<unknown> {
  const body = JSON.stringify({ workflow: 'hello', input: {} })
  const started = await sendRaw(port, { method: 'POST', path: '/t/acme/runs', headers: JSON_TYPE, body })
  if (started.status !== 202) return started.body['code']
  const path = `/t/acme/runs/${started.body['id']}/result?timeout_ms=1000`
  return (await sendRaw(port, { method: 'GET', path })).body['output']
}

async function untilResult(port: number, wanted: unknown): Promise<void> {
  while ((await resultOf(port)) !== wanted) await sleep(systemClock, 10)
}

test('dev takes a change of any module, refuses one that does not load, and says so; serve takes none', async () => {
  using scratch = scratchDirectory()
  const { write } = projectIn(scratch.path)
  const args = ['--port', '0', '--data', join(scratch.path, 'data')]
  {
    await using server = startServer({ args: ['dev', ...args], cwd: scratch.path })
    const { port, pid } = await server.ready
    await createTenant(port, 'acme')
    expect(await resultOf(port)).toBe('one')
    write('lib/word.ts', wordFile('two'))
    await untilResult(port, 'two')
    write('hello.ts', 'export const hello = (')
    await server.wrote('the code from before goes on')
    expect(await resultOf(port)).toBe('two')
    write('hello.ts', HELLO)
    write('lib/word.ts', wordFile('three'))
    await untilResult(port, 'three')
    write('tenax.config.ts', 'export default { workflows: [] }')
    await untilResult(port, 'workflow_unknown')
    write('tenax.config.ts', CONFIG)
    await untilResult(port, 'three')
    expect(server.pid).toBe(pid)
    server.kill('SIGTERM')
    expect(await server.ended).toMatchObject({ code: 0 })
  }
  await using server = startServer({ args: ['serve', ...args], cwd: scratch.path })
  const { port } = await server.ready
  write('lib/word.ts', wordFile('four'))
  write('hello.ts', 'export const hello = (')
  expect(await resultOf(port)).toBe('three')
})
