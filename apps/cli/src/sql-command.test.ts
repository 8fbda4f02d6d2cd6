import { mkdtempSync, readFileSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type FakeIoOptions, fakeContext } from './fixtures/fake-context.ts'
import { runSql, type SqlOptions } from './sql-command.ts'

const historyFile = join(mkdtempSync(join(tmpdir(), 'tenax-cli-')), 'history')

async function start(options: FakeIoOptions & { readonly json?: boolean } = {}) {
  const context = await fakeContext({ ...options, ids: ['acme'] })
  const run = (statement?: string, args: SqlOptions['args'] = []) =>
    runSql(context, { tenantId: 'acme', statement, args, historyFile })
  return { context, io: context.io, run }
}

test('a statement shows its rows', async () => {
  const { io, run } = await start()
  await run('select ? as a, 2 as b', ['x'])
  expect(io.out()).toBe('a  b\n-  -\nx  2\n')
})

test('several statements run in order', async () => {
  const { io, run } = await start()
  await run("create table a (b); insert into a values ('x;'); select b from a")
  expect(io.out()).toBe('rows affected: 0\nrows affected: 1\nb\n--\nx;\n')
})

test('with --json each statement answers one line', async () => {
  const { io, run } = await start({ json: true })
  await run('select 1 as a; select 2 as b')
  const lines = io.out().trim().split('\n')
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ rows: [[1]] }, { rows: [[2]] }])
})

test('stdin is a script when it is no terminal', async () => {
  const { io, run } = await start({ input: 'begin;\ncreate table a (b);\ncommit;\nselect count(*) as n from a\n' })
  await run()
  expect(io.out()).toContain('n\n-\n0\n')
})

test('a script stops at its first failure, and says where', async () => {
  const { context, run } = await start()
  const failure = run('create table a (b); nonsense; create table c (d)')
  await expect(failure).rejects.toMatchObject({ code: 'sql_error', details: { sqliteCode: 'SQLITE_ERROR', index: 1 } })
  await expect(failure).rejects.toMatchObject({ hint: 'statement 2 of 3 failed; what came before it was carried out' })
  expect((await context.client.tenant('acme').query('select name from sqlite_schema')).rows).toEqual([['a']])
})

test('a failure inside a transaction rolls it back', async () => {
  const { context, run } = await start()
  await expect(run('begin; create table a (b); nonsense; commit')).rejects.toMatchObject({
    hint: 'statement 3 of 4 failed; its transaction was rolled back',
  })
  expect((await context.client.tenant('acme').query('select name from sqlite_schema')).rows).toEqual([])
})

test('a script that leaves its transaction open fails, and is rolled back', async () => {
  const { context, run } = await start()
  await expect(run('begin; create table a (b)')).rejects.toMatchObject({ code: 'transaction_open' })
  expect((await context.client.tenant('acme').query('select name from sqlite_schema')).rows).toEqual([])
})

test.each(['', ' ; -- nothing'])('the script %j is a usage error', async (input) => {
  const { run } = await start({ input })
  await expect(run()).rejects.toMatchObject({ code: 'usage' })
})

test('.tables and .schema work as a statement', async () => {
  const { io, run } = await start()
  await run('create table users (id integer); create table b (c); create index i on users (id)')
  await run('.tables')
  await run('.schema users')
  expect(io.out()).toContain('b\nusers\nCREATE TABLE users (id integer);\nCREATE INDEX i on users (id);\n')
  await expect(run('.nonsense')).rejects.toMatchObject({ code: 'usage' })
})

test('the shell gathers lines until a semicolon', async () => {
  const { io, run } = await start({ isTTY: true, input: ['select 1\n', 'as a;\n', 'select 2 as b; select 3 as c;\n'] })
  await run()
  expect(io.out()).toMatch(/a\n-\n1\n[\s\S]*b\n-\n2\nc\n-\n3\n/)
})

test('the shell goes on after a failure, and drops what was typed', async () => {
  const { io, run } = await start({
    isTTY: true,
    input: 'nonsense\n;\nselect 1 as a;\n.nonsense\n.quit\nselect 5 as z;\n',
  })
  await run()
  expect(io.err()).toContain('error: ')
  expect(io.err()).toContain('there is no command .nonsense')
  expect(io.out()).toContain('a\n-\n1\n')
  expect(io.out()).not.toContain('z\n')
})

test('a transaction stays open from line to line, and the prompt shows it', async () => {
  const lines = async function* () {
    yield 'begin;\n'
    while (!io.out().includes('acme*> ')) await new Promise(setImmediate)
    yield 'create table a (b);\ncommit;\n'
  }
  const { context, io, run } = await start({ isTTY: true, input: lines() })
  await run()
  expect((await context.client.tenant('acme').query('select name from sqlite_schema')).rows).toEqual([['a']])
})

test('a transaction that is open at the end is rolled back, and the shell says so', async () => {
  const { context, io, run } = await start({ isTTY: true, input: 'begin;\ncreate table a (b);\n' })
  await run()
  expect(io.err()).toContain('rolled back')
  expect((await context.client.tenant('acme').query('select name from sqlite_schema')).rows).toEqual([])
})

test('the shell keeps its history for its owner only', async () => {
  const { run } = await start({ isTTY: true, input: 'select 1;\nselect 2;\n' })
  await run()
  expect(readFileSync(historyFile, 'utf8')).toMatch(/select 1;\nselect 2;\n$/)
  expect(statSync(historyFile).mode & 0o777).toBe(0o600)
})
