/** The tests of the replay core reach all of it: what a test has never seen must not decide what is replayed. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url))
const CORE = 'packages/workflow/src/core'
const METRICS = ['lines', 'branches', 'functions', 'statements'] as const

type Summary = Readonly<Record<string, Readonly<Record<(typeof METRICS)[number], { readonly pct: number }>>>>

// Random programs are left out: what they reach differs from run to run.
test('every line and every branch of the replay core is reached by a test that is the same each time', async () => {
  const reports = mkdtempSync(join(tmpdir(), 'tenax-coverage-'))
  onTestFinished(() => rmSync(reports, { recursive: true, force: true }))
  const cli = join(ROOT, 'node_modules/vitest/vitest.mjs')
  const args = [
    'run',
    '--project',
    'fast',
    '--maxWorkers=1',
    CORE,
    '--exclude',
    '**/replay.test.ts',
    '--coverage.enabled',
  ]
  args.push(
    `--coverage.include=${CORE}/*.ts`,
    '--coverage.exclude=**/*.test.ts',
    `--coverage.reportsDirectory=${reports}`,
  )
  await promisify(execFile)(process.execPath, [cli, ...args, '--coverage.reporter=json-summary'], { cwd: ROOT })
  const { total: _total, ...files } = JSON.parse(
    readFileSync(join(reports, 'coverage-summary.json'), 'utf8'),
  ) as Summary
  const gaps = Object.entries(files).flatMap(([path, summary]) =>
    METRICS.flatMap((metric) =>
      summary[metric].pct === 100 ? [] : [`${path.slice(ROOT.length)}: ${metric} ${summary[metric].pct} %`],
    ),
  )
  expect(gaps).toEqual([])
  expect(Object.keys(files).length).toBeGreaterThan(10)
})
