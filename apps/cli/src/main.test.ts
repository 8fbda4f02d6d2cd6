import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { expect, test } from 'vitest'
import { fakeIo } from './fixtures/fake-context.ts'
import { main } from './main.ts'
import { buildProgram } from './program.ts'
import { readSettings } from './settings.ts'

async function run(...args: string[]) {
  const io = fakeIo()
  const exitCode = await main(args, { io, settings: readSettings({}) })
  return { exitCode, out: io.out(), err: io.err() }
}

test.each([
  { args: [] },
  { args: ['tenants'] },
  { args: ['nonsense'] },
  { args: ['tenants', 'list', '--nonsense'] },
  { args: ['tenants', 'create'] },
  { args: ['tenants', 'create', 'UPPER'] },
  { args: ['tenants', 'create', 'v1'] },
  { args: ['tenants', 'list', '--limit', '0'] },
  { args: ['tenants', 'list', '--state', 'sleepy'] },
  { args: ['tenants', 'list', '--url', 'nonsense'] },
  { args: ['tenants', 'list', '--key', 'a b'] },
  { args: ['tenants', 'delete', 'acme'] },
  { args: ['serve', '--port', '65536'] },
  { args: ['sql', 'acme', 'select ?', '--arg', 'hex:0'] },
  { args: ['sql', 'acme', 'select 1; select ?', '--arg', '1'] },
  { args: ['sql', 'acme'] },
  { args: ['runs', 'result', 'acme', 'r-1', '--timeout', '1.5'] },
])('$args makes no sense: exit code 2, and an error on stderr', async ({ args }) => {
  const { exitCode, out, err } = await run(...args)
  expect(exitCode).toBe(2)
  expect(out).toBe('')
  expect(err).toMatch(/^error: .+\nhint: .+\n$|^error: .+\n$/m)
})

test('--version says what package.json says', async () => {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  expect(await run('--version')).toEqual({ exitCode: 0, out: `${manifest.version}\n`, err: '' })
})

test('with --json a failure is one JSON object on stderr', async () => {
  for (const args of [['--json'], ['tenants', '--json'], ['tenants', 'show', '..', '--json'], ['nonsense', '--json']]) {
    const { exitCode, out, err } = await run(...args)
    expect(exitCode).toBe(2)
    expect(out).toBe('')
    expect(JSON.parse(err)).toMatchObject({ error: { code: 'usage', message: expect.any(String) } })
    expect(err.trimEnd()).not.toContain('\n')
  }
})

test('--help and --version succeed', async () => {
  expect(await run('--version')).toMatchObject({ exitCode: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) })
  const { exitCode, out } = await run('tenants', 'list', '--help')
  expect(exitCode).toBe(0)
  expect(out).toContain('--json')
})

test('settings come from the environment, and empty variables do not count', () => {
  const set = { TENAX_URL: 'http://a', TENAX_ADMIN_KEY: 'k', TENAX_DATA: '/d', TENAX_HISTORY: '/h', TENAX_HANDLES: '9' }
  expect(readSettings(set)).toEqual({
    url: 'http://a',
    adminKey: 'k',
    dataDir: '/d',
    historyFile: '/h',
    handleCount: 9,
  })
  const empty = readSettings({ TENAX_URL: '', TENAX_ADMIN_KEY: '' })
  expect(empty).toMatchObject({ url: 'http://127.0.0.1:8787', adminKey: undefined, dataDir: './data' })
})

test('no command has an option of its own that is one of the whole program', () => {
  const program = buildProgram({ io: fakeIo(), settings: readSettings({}), json: false })
  const own = (command: Command): string[] =>
    command.commands.flatMap((one) => [...one.options.map(({ long }) => `${one.name()} ${long}`), ...own(one)])
  const taken = new Set(program.options.map(({ long }) => long))
  expect(own(program).length).toBeGreaterThan(20)
  expect(own(program).filter((option) => taken.has(option.split(' ')[1]))).toEqual([])
})
