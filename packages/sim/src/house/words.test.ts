import { describe, expect, test } from 'vitest'
import { scanSource } from './source-text.ts'
import { checkWords, WORD_RULES } from './words.ts'

const PLAIN = 'packages/tenancy/src/pool.ts'
const TEST = 'packages/tenancy/src/pool.test.ts'
const found = (path: string, text: string) => checkWords(scanSource(path, text)).map((finding) => finding.rule)

const BAD: readonly (readonly [rule: string, path: string, sample: string])[] = [
  ['any', PLAIN, 'const a = b as any'],
  ['any', PLAIN, 'function f(a: any) {}'],
  ['double cast', PLAIN, 'const a = b as unknown as Handle'],
  ['silenced compiler or linter', TEST, '// @ts-expect-error it is private'],
  ['silenced compiler or linter', PLAIN, '/* @ts-ignore */'],
  ['silenced compiler or linter', PLAIN, '// biome-ignore lint: because'],
  ['export *', PLAIN, "export * from './pool.ts'"],
  ['enum', PLAIN, 'export const enum State { Warm }'],
  ['namespace', PLAIN, 'namespace Pool {}'],
  ['namespace', PLAIN, 'const dbNamespaceId = 1'],
  ['wall clock', PLAIN, 'const a = Date.now()'],
  ['wall clock', TEST, 'const a = new Date()'],
  ['monotonic clock', PLAIN, 'performance.now()'],
  ['Math.random', TEST, 'Math.random()'],
  ['timer', TEST, 'await new Promise((resolve) => setTimeout(resolve, 10))'],
  ['timer', PLAIN, 'globalThis.setInterval(f, 10)'],
  ['process.env', PLAIN, 'process.env.TENAX_PORT'],
  ['process.env', 'apps/server/src/listen.ts', "process.env['TENAX_PORT']"],
  ['process.exit', PLAIN, 'process.exit(1)'],
  ['console', 'apps/server/src/listen.ts', "console.log('ready')"],
  ['transaction in SQL', PLAIN, "db.exec('BEGIN IMMEDIATE')"],
  ['transaction in SQL', PLAIN, 'db.exec(`insert into a values (1); COMMIT`)'],
  ['transaction in SQL', PLAIN, "db.exec('begin immediate')"],
  ['another word for tenant', PLAIN, 'const customerId = 1'],
  ['another word for tenant', PLAIN, 'const { workspaceId } = a'],
  ['another word for position', PLAIN, 'const snapshotId = 1'],
  ['open promise', PLAIN, '// TODO: close it'],
  ['test left out', TEST, "it.only('a', f)"],
  ['test left out', TEST, "describe.skip('a', f)"],
  ['test left out', TEST, "test.concurrent.skip.each([1])('a', f)"],
  ['test left out', TEST, "test.todo('a')"],
  ['test of nothing', TEST, 'expect(true).toBe(true)'],
  ['mock', TEST, "vi.mock('@tenax/sqlite')"],
  ['swallowed error', PLAIN, 'try { f() } catch {}'],
  ['swallowed error', PLAIN, 'try { f() } catch (error) {\n  // it is gone already\n}'],
  ['swallowed error', PLAIN, 'f().catch(() => {})'],
]

const GOOD: readonly (readonly [path: string, sample: string])[] = [
  ['packages/kernel/src/clock.ts', 'nowMs: () => Date.now(), a: setTimeout(f, 1)'],
  ['apps/server/src/settings.ts', 'process.env.TENAX_PORT'],
  ['vitest.config.ts', "process.env['TENAX_TEST_S3']"],
  ['packages/sqlite/src/native-threads.ts', "process.env['TOKIO_WORKER_THREADS'] ??= '4'"],
  ['packages/sqlite/src/commit.ts', "db.exec('BEGIN IMMEDIATE')"],
  ['apps/cli/src/doctor.ts', 'console.log(a); process.exit(1)'],
  ['loadtest/k6/mixed.js', 'const a = Date.now() * Math.random()'],
  [TEST, 'const customers = sqliteTable(a, b)'],
  [TEST, "runs.skip('r-1')"],
  [TEST, 'test.skipIf(sqlite3 === undefined)(a, f)'],
  [PLAIN, "z.enum(['warm']); new Date(nowMs); socket.setTimeout(idleMs)"],
  [PLAIN, "throw new TenaxError('sql_refused', 'Date.now() is not for tenants; begin with a letter')"],
  [PLAIN, 'process.exitCode = 1'],
  [PLAIN, "'CREATE TRIGGER a AFTER INSERT ON b BEGIN SELECT 1; END'"],
  [PLAIN, 'const company = expect.any(String)'],
]

describe('checkWords()', () => {
  test.each(BAD)('finds "%s" in %s: %s', (rule, path, sample) => {
    expect(found(path, sample)).toContain(rule)
  })

  test.each(GOOD)('takes in %s: %s', (path, sample) => {
    expect(found(path, sample)).toEqual([])
  })

  test('names the line and the replacement', () => {
    const [finding] = checkWords(scanSource(PLAIN, '\n\nDate.now()\n'))
    expect(finding).toMatchObject({ path: PLAIN, line: 3, instead: 'take a Clock and ask nowMs()' })
  })

  test('has a bad sample for every rule', () => {
    expect(new Set(BAD.map(([rule]) => rule))).toEqual(new Set(WORD_RULES.map(({ rule }) => rule)))
  })
})
