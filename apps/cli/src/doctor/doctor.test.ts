import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ManualClock, systemClock } from '@tenax/kernel'
import { expect, test } from 'vitest'
import { runDoctor } from '../doctor-command.ts'
import { fakeContext } from '../fixtures/fake-context.ts'
import { checkClock } from './clock.ts'
import { checkDataDirectory, existingDirectory, judgeIdentity, lockHolderIn } from './data-directory.ts'
import { judgeDescriptors, parseDescriptorLimit } from './descriptors.ts'
import { checkSyncLatency, judgeFreeSpace, judgeSyncLatency, percentile, SYNC_ROUNDS } from './disk.ts'
import { checkEngine, checkNode } from './runtime.ts'
import { checkServer } from './server.ts'

const scratch = () => mkdtempSync(join(tmpdir(), 'tenax-doctor-'))
const LIMITS =
  'Limit   Soft Limit  Hard Limit  Units\nMax open files            1024                 4096                 files     \n'

test('the soft limit of descriptors is read', () => {
  expect(parseDescriptorLimit(LIMITS)).toBe(1024)
  expect(parseDescriptorLimit(LIMITS.replace('1024', 'unlimited'))).toBe(Number.POSITIVE_INFINITY)
  expect(parseDescriptorLimit('')).toBeUndefined()
})

test.each([
  [2564, 'ok'],
  [2563, 'fail'],
  [Number.POSITIVE_INFINITY, 'ok'],
])('a limit of %d descriptors for 500 handles is %s', (limit, status) => {
  expect(judgeDescriptors(limit, 500).status).toBe(status)
})

test.each([
  [100 * 2 ** 20, 'fail'],
  [2 ** 30, 'warn'],
  [2 ** 32, 'ok'],
])('%d free bytes are %s', (freeBytes, status) => {
  expect(judgeFreeSpace({ freeBytes, totalBytes: 2 ** 40 }).status).toBe(status)
})

test('percentiles are by nearest rank', () => {
  const values = Array.from({ length: 200 }, (_, index) => 200 - index)
  expect(percentile(values, 50)).toBe(100)
  expect(percentile(values, 99)).toBe(198)
  expect(percentile([7], 99)).toBe(7)
})

test.each([
  [0.3, 'ok'],
  [30, 'warn'],
  [0.001, 'warn'],
])('a disk that syncs in %d ms is %s', (tookMs, status) => {
  expect(judgeSyncLatency([tookMs, tookMs]).status).toBe(status)
})

test('the sync latency is measured, and leaves no file', async () => {
  const directory = scratch()
  const { facts } = await checkSyncLatency(directory, systemClock)
  expect(facts).toMatchObject({ rounds: SYNC_ROUNDS, p50Ms: expect.any(Number) })
  expect(readdirSync(directory)).toEqual([])
})

test('clocks that run alike are ok', () => {
  const clock = new ManualClock(Date.UTC(2026, 0, 1))
  expect(checkClock(clock, (forMs) => clock.advance(forMs))).toMatchObject({ status: 'ok', facts: { driftMs: 0 } })
})

test('a clock before Tenax was made fails, and one that jumps warns', () => {
  const old = new ManualClock(Date.UTC(1970, 0, 1))
  expect(checkClock(old, (forMs) => old.advance(forMs)).status).toBe('fail')
  let monotonicMs = 0
  const steady = new ManualClock(Date.UTC(2026, 0, 1))
  const stepped = { nowMs: () => steady.nowMs(), monotonicMs: () => monotonicMs, after: steady.after.bind(steady) }
  const pause = (forMs: number) => {
    monotonicMs += forMs
    steady.advance(forMs + 3000)
  }
  expect(checkClock(stepped, pause)).toMatchObject({ status: 'warn', facts: { driftMs: 3000 } })
})

test.each([
  ['24.21.0', 'ok'],
  ['22.18.0', 'ok'],
  ['22.17.9', 'fail'],
  ['20.20.0', 'fail'],
])('Node %s is %s', (version, status) => {
  expect(checkNode(version).status).toBe(status)
})

test('an engine that does not load fails with the reason', async () => {
  expect(await checkEngine(async () => ({}))).toMatchObject({ status: 'ok' })
  expect(await checkEngine(() => Promise.reject(new Error('no ELF')))).toMatchObject({
    status: 'fail',
    message: 'does not load: no ELF',
  })
})

const IDENTITY = { format: 1, dataId: 'd', shardCount: 16, createdBy: 'tenax 0.1' }

test.each([
  [JSON.stringify(IDENTITY), 'ok'],
  [JSON.stringify({ ...IDENTITY, format: 2 }), 'fail'],
  ['{', 'fail'],
  ['null', 'fail'],
  ['{"format":"1"}', 'fail'],
])('the tenax.json %j is %s', (text, status) => {
  expect(judgeIdentity(text).status).toBe(status)
})

test('a data directory is told from one that is not there yet', async () => {
  const directory = scratch()
  const data = join(directory, 'a', 'data')
  expect(await existingDirectory(data)).toBe(directory)
  expect(await checkDataDirectory(data)).toMatchObject({ status: 'ok', facts: { path: data } })
  mkdirSync(data, { recursive: true })
  writeFileSync(join(data, 'tenax.json'), JSON.stringify(IDENTITY))
  expect(await checkDataDirectory(data)).toMatchObject({ status: 'ok', facts: { format: 1, pid: null } })
})

test('the holder of the lock is found by inode and byte', () => {
  const locks = `1: POSIX  ADVISORY  READ  100 fe:00:777 1073741826 1073742335
2: FLOCK  ADVISORY  WRITE 200 fe:00:777 0 EOF
3: POSIX  ADVISORY  WRITE 300 fe:00:777 1073741825 1073741825
3: -> POSIX  ADVISORY  WRITE 400 fe:00:777 1073741825 1073741825
`
  expect(lockHolderIn(locks, 777n)).toBe(300)
  expect(lockHolderIn(locks, 77n)).toBeUndefined()
})

test('a server that is not there is a warning, one that refuses a failure', async () => {
  const { client, server } = await fakeContext()
  expect(await checkServer(client, 'http://tenax.test')).toMatchObject({ status: 'ok' })
  server.answerNext(new TypeError('fetch failed'))
  expect(await checkServer(client, 'http://tenax.test')).toMatchObject({ status: 'warn' })
  const refusal = { code: 'unauthorized', detail: 'no key' }
  server.answerNext(Response.json(refusal, { status: 401 }))
  expect(await checkServer(client, 'http://tenax.test')).toMatchObject({
    status: 'fail',
    message: 'http://tenax.test says: no key',
  })
})

function options(loadEngine: () => Promise<unknown>) {
  const clock = new ManualClock(Date.UTC(2026, 0, 1))
  const pause = (forMs: number) => clock.advance(forMs)
  const rest = { url: 'http://tenax.test', dataDir: scratch(), handleCount: 1, nodeVersion: '24.0.0' }
  return { ...rest, clock, pause, loadEngine }
}

test('the doctor shows a line for each check', async () => {
  const context = await fakeContext()
  await runDoctor(
    context,
    options(async () => ({})),
  )
  const lines = context.io.out().trimEnd().split('\n')
  expect(lines.map((line) => line.split(/\s+/)[1])).toEqual([
    'node',
    'engine',
    'descriptors',
    'data',
    'disk',
    'fsync',
    'clock',
    'server',
  ])
})

test('with --json the doctor answers one object, and a failed check fails it', async () => {
  const context = await fakeContext({ json: true })
  const run = runDoctor(
    context,
    options(() => Promise.reject(new Error('no ELF'))),
  )
  await expect(run).rejects.toMatchObject({ code: 'checks_failed' })
  const answer = JSON.parse(context.io.out())
  expect(answer.ok).toBe(false)
  expect(answer.checks).toContainEqual({ name: 'engine', status: 'fail', message: 'does not load: no ELF' })
})
