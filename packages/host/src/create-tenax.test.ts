/** `createTenax()`: what it opens, what it refuses, how it ends, and what it leaves alone in the caller's process. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Workflows } from '@tenax/engine'
import { type Clock, InvariantError, systemClock } from '@tenax/kernel'
import { openApiDocument } from '@tenax/protocol'
import { systemRandomId, Tenancy } from '@tenax/tenancy'
import { afterAll, expect, test } from 'vitest'
import {
  codeOf,
  createTenants,
  execute,
  type HostBed,
  member,
  openHost,
  pipe,
  rowsOf,
  send,
} from './fixtures/host-bed.ts'
import { createApp } from './http/app.ts'
import { createTenax, loadMigrations, type TenaxOptions } from './index.ts'
import { openJobs } from './jobs/open-jobs.ts'
import { createMetrics } from './metrics.ts'
import { readOptions } from './options.ts'
import { ResultWaits } from './result-waits.ts'
import { Streams } from './streams.ts'

const root = mkdtempSync(join(tmpdir(), 'tenax-create-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
const newDirectory = () => mkdtempSync(join(root, 'd-'))

test('a second host on one directory is refused, naming the process and since when', async () => {
  await using bed = await openHost()
  const second = createTenax({ data: bed.dataPath })
  await expect(second).rejects.toMatchObject({ code: 'data_in_use', kind: 'conflict' })
  await expect(second).rejects.toThrow(
    `in use by process ${process.pid}, started ${new Date(systemClock.nowMs()).getUTCFullYear()}`,
  )
  await createTenants(bed, 'acme')
})

test('a directory that was closed opens again with all that was in it', async () => {
  const data = newDirectory()
  const first = await createTenax({ data, shardCount: 1 })
  await first.tenant('acme').create()
  await first.tenant('acme').query('create table t as select 7 as n')
  await first.close()
  await using second = await createTenax({ data })
  expect((await second.tenant('acme').query('select n from t')).rows).toEqual([[7n]])
})

test('a directory of somebody else is refused and left alone', async () => {
  const data = newDirectory()
  writeFileSync(join(data, 'letter.txt'), 'dear')
  expect(await codeOf(createTenax({ data }))).toBe('data_format_invalid')
})

test('an embedded tenant takes arguments by position and by name, and answers exact values', async () => {
  await using bed = await openHost()
  const acme = bed.tenax.tenant('acme')
  await acme.create()
  expect(await codeOf(acme.create())).toBe('tenant_exists')
  const { columns, rows } = await acme.query('select ? as a, ? as b', [2n ** 62n, Uint8Array.of(1)])
  expect(columns.map(({ name }) => name)).toEqual(['a', 'b'])
  expect(rows).toEqual([[2n ** 62n, Uint8Array.of(1)]])
  expect((await acme.query('select :x', { x: 'named' })).rows).toEqual([['named']])
  expect(await codeOf(acme.query('selec'))).toBe('sql_error')
  expect(await codeOf(bed.tenax.tenant('nobody').query('select 1'))).toBe('tenant_not_found')
})

test('after close() every request is 503 but health, which is well, and readiness, which is not', async () => {
  const bed = await openHost()
  await createTenants(bed, 'acme')
  await bed.tenax.close()
  for (const route of ['GET /v1/tenants', 'GET /metrics', 'POST /t/acme/query', 'POST /t/acme/v2/pipeline', 'GET /x']) {
    const reply = await send(bed, route, route.startsWith('POST') ? { json: {} } : {})
    expect([reply.status, reply.headers.get('retry-after')]).toEqual([503, '1'])
  }
  expect((await send(bed, 'GET /healthz')).json).toEqual({ status: 'ok' })
  expect(await send(bed, 'GET /readyz')).toMatchObject({ status: 503, json: { status: 'stopping' } })
  expect(await codeOf(bed.tenax.tenant('acme').query('select 1'))).toBe('unavailable')
  expect(await codeOf(bed.tenax.tenant('new').create())).toBe('unavailable')
  await bed[Symbol.asyncDispose]()
})

test('close() lets requests under way end, and may be called twice', async () => {
  const bed = await openHost()
  await createTenants(bed, 'acme')
  const writes = Array.from({ length: 20 }, (_, index) => rowsOf(bed, 'acme', `create table t${index} (a)`))
  await Promise.all(writes.slice(0, 1))
  await Promise.all([bed.tenax.close(), bed.tenax.close()])
  const outcomes = await Promise.allSettled(writes)
  await using again = await createTenax({ data: bed.dataPath })
  const { rows } = await again.tenant('acme').query("select count(*) from sqlite_schema where name glob 't[0-9]*'")
  expect(rows).toEqual([[BigInt(outcomes.filter(({ status }) => status === 'fulfilled').length)]])
})

const BAD_OPTIONS: readonly (readonly [string, Partial<TenaxOptions>])[] = [
  ['adminKey', { adminKey: 'short' }],
  ['adminKey', { adminKey: '' }],
  ['shardCount', { shardCount: 0 }],
  ['shardCount', { shardCount: 100 }],
  ['handlesMax', { handlesMax: 0 }],
  ['handlesMax', { handlesMax: 1.5 }],
  ['handleIdleMs', { handleIdleMs: -1 }],
  ['queryTimeoutMs', { queryTimeoutMs: Number.NaN }],
  ['pageCountMax', { pageCountMax: Number.POSITIVE_INFINITY }],
  ['replyRowsMax', { replyRowsMax: 0 }],
  ['replyBytesMax', { replyBytesMax: 2 ** 40 }],
  ['importBytesMax', { importBytesMax: 0 }],
  ['"a b.sql"', { migrations: [{ name: 'a b.sql', sql: '' }] }],
  [
    'order',
    {
      migrations: [
        { name: 'b.sql', sql: '' },
        { name: 'a.sql', sql: '' },
      ],
    },
  ],
]

test.for(BAD_OPTIONS)('an option that is wrong is refused by name: %s of %o', async ([name, options]) => {
  const refused = createTenax({ data: newDirectory(), ...options })
  await expect(refused).rejects.toMatchObject({ code: 'config_invalid' })
  await expect(refused).rejects.toThrow(name)
})

test('no handler of a signal or of an uncaught error is installed', async () => {
  const events = ['SIGINT', 'SIGTERM', 'SIGHUP', 'exit', 'beforeExit', 'uncaughtException', 'unhandledRejection']
  const counts = () => events.map((event) => process.listenerCount(event))
  const before = counts()
  const bed = await openHost()
  await createTenants(bed, 'acme')
  expect(counts()).toEqual(before)
  await bed[Symbol.asyncDispose]()
  expect(counts()).toEqual(before)
})

/** The system's clock, until it is broken; then measuring breaks an invariant. */
function breakableClock(): Clock & { isBroken: boolean } {
  const clock = {
    isBroken: false,
    nowMs: () => systemClock.nowMs(),
    monotonicMs() {
      if (clock.isBroken) throw new InvariantError('time goes on')
      return systemClock.monotonicMs()
    },
    after: (delayMs: number, fn: () => void) => systemClock.after(delayMs, fn),
  }
  return clock
}

/** Breaks an invariant of the host while `provoke` is under way, and tells what the host did. */
async function breakInvariant(provoke: (bed: HostBed, clock: { isBroken: boolean }) => Promise<unknown>) {
  const clock = breakableClock()
  const fatal: unknown[] = []
  await using bed = await openHost({ clock, onFatal: (error) => void fatal.push(error) })
  await createTenants(bed, 'acme')
  await provoke(bed, clock)
  clock.isBroken = false
  const after = await send(bed, 'POST /t/acme/query', { json: { sql: 'select 1' } })
  await bed.tenax.close()
  const inUse = await codeOf(createTenax({ data: bed.dataPath }))
  return { fatal, status: after.status, inUse }
}

const FATAL = { fatal: [expect.any(InvariantError)], status: 503, inUse: 'data_in_use' }

test('a broken invariant is fatal: onFatal hears it once, nothing is answered, and close() touches nothing', async () => {
  const outcome = await breakInvariant(async (bed, clock) => {
    clock.isBroken = true
    const replies = await Promise.all([send(bed, 'GET /v1/tenants'), send(bed, 'GET /v1/tenants')])
    expect(replies.map(({ status }) => status)).toEqual([500, 500])
    expect(replies[0]?.text).not.toContain('time goes on')
  })
  expect(outcome).toEqual(FATAL)
})

test('an invariant that breaks inside a pipeline, a batch or a cursor is fatal too', async () => {
  for (const [route, json] of [
    ['v2/pipeline', { requests: [execute('select 1')] }],
    ['v3/pipeline', { requests: [{ type: 'batch', batch: { steps: [{ stmt: { sql: 'select 1' } }] } }] }],
    ['v3/cursor', { batch: { steps: [{ stmt: { sql: 'select 1' } }] } }],
  ] as const) {
    const outcome = await breakInvariant(async (bed, clock) => {
      const body = ReadableStream.from(breakThen(clock, JSON.stringify(json)))
      expect((await send(bed, `POST /t/acme/${route}`, { body })).status).toBe(500)
    })
    expect(outcome).toEqual(FATAL)
  }
})

/** A body that breaks the clock once the request has been let in. */
async function* breakThen(clock: { isBroken: boolean }, text: string) {
  clock.isBroken = true
  yield new TextEncoder().encode(text)
}

test('an invariant that breaks under an embedded query is fatal too', async () => {
  const outcome = await breakInvariant(async (bed, clock) => {
    clock.isBroken = true
    await expect(bed.tenax.tenant('acme').query('select 1')).rejects.toThrow(InvariantError)
  })
  expect(outcome).toEqual(FATAL)
})

test('what was under way when the host failed is not acknowledged, over HTTP or embedded', async () => {
  const outcome = await breakInvariant(async (bed, clock) => {
    const acme = bed.tenax.tenant('acme')
    await acme.query('create table t (a)')
    const insert = { sql: 'insert into t values (1)' }
    const underWay = [
      send(bed, 'POST /t/acme/query', { json: insert }),
      send(bed, 'POST /t/acme/v3/pipeline', { json: { requests: [{ type: 'execute', stmt: insert }] } }),
      send(bed, 'POST /v1/tenants', { json: { id: 'new' } }),
    ]
    const embedded = codeOf(acme.query(insert.sql))
    clock.isBroken = true
    const breaking = send(bed, 'GET /metrics') // asks the clock before it waits for anything
    clock.isBroken = false
    expect((await breaking).status).toBe(500)
    const replies = await Promise.all(underWay)
    expect(replies.map(({ status }) => status)).toEqual([503, 503, 503])
    expect(replies.map(({ json }) => member(json, 'code'))).toEqual([
      'outcome_unknown',
      'OUTCOME_UNKNOWN',
      'outcome_unknown',
    ])
    expect(await embedded).toBe('outcome_unknown')
  })
  expect(outcome).toEqual(FATAL)
})

test('the OpenAPI document lists every route of the app, and no other', async () => {
  const settings = readOptions({ data: newDirectory(), shardCount: 1 })
  const { driver, clock, onEvent, onFatal } = settings
  const components = { driver, clock, onEvent, onFatal, randomId: systemRandomId, pid: process.pid }
  const tenancy = await Tenancy.open(settings.tenancy, components)
  const streams = new Streams({ clock, onError: settings.onError })
  const metrics = createMetrics(tenancy, streams, undefined)
  const workflows = Workflows.create({ tenancy, clock, onEvent, randomId: systemRandomId, workflows: [] })
  const app = createApp({
    tenancy,
    streams,
    workflows,
    waits: new ResultWaits(),
    jobs: openJobs(tenancy, settings, onFatal),
    settings,
    metrics,
    bodies: { bytesLeft: 1_000_000 },
    isServing: () => true,
    hasFailed: () => false,
    fail: settings.onFatal,
  })
  const served = app.routes
    .filter(({ method }) => method !== 'ALL')
    .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`)
  const listed = Object.entries(openApiDocument().paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  )
  expect(listed.toSorted()).toEqual([...new Set(served)].toSorted())
  expect(await (await app.request('http://localhost/v1/openapi.json')).json()).toEqual(
    JSON.parse(JSON.stringify(openApiDocument())),
  )
  await workflows.close()
  await tenancy.close()
})

test('metrics are Prometheus text, with every gauge, and no label that a caller invents', async () => {
  await using bed = await openHost()
  await createTenants(bed, 'acme', 'other')
  await pipe(bed, 'acme', [])
  for (const path of [
    '/t/acme/query',
    '/v1/tenants/acme',
    '/t/acme/v2',
    '/evil-path',
    '/t/x/evil',
    '/v1/tenants/a/evil',
  ]) {
    await send(bed, `GET ${path}`)
  }
  const { headers, text } = await send(bed, 'GET /metrics')
  expect(headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
  const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  for (const line of samples) expect(line).toMatch(/^[a-z_]+(\{([a-z_]+="[^"\n]*",?)+\})? (-?[0-9.e+-]+|\+Inf)$/)
  expect(samples).toContain('tenax_tenants 2')
  expect(samples).toContain('tenax_streams 1')
  expect(samples).toContain('tenax_handles_opened_total 2')
  for (const name of [
    'tenax_handles{state="idle"}',
    'tenax_pool_waiting',
    'tenax_zombie_files',
    'tenax_ledger_disk_bytes',
    'tenax_ledger_buffered_bytes',
    'tenax_ledger_lag_records',
    'tenax_ledger_entries_total',
    'tenax_ledger_fsyncs_total',
    'tenax_ledger_fsync_seconds_total',
    'tenax_recovery_seconds',
    'tenax_handles_disposed_total{',
  ]) {
    expect(
      samples.some((line) => line.startsWith(name)),
      name,
    ).toBe(true)
  }
  expect(samples).toContain('tenax_http_requests_total{route="/v1/tenants",status="201"} 2')
  expect(text).not.toContain('evil')
  expect(text).not.toContain('acme')
})

test('migrations are applied to every tenant, and one that fails stops its tenant alone', async () => {
  const migrations = newDirectory()
  writeFileSync(join(migrations, '0002-rows.sql'), "insert into seed values ('a');")
  writeFileSync(join(migrations, '0001-seed.sql'), 'create table seed (name text); -- first\n')
  writeFileSync(join(migrations, 'notes.txt'), 'not SQL')
  const data = newDirectory()
  const first = await createTenax({ data, shardCount: 1, migrations: await loadMigrations(migrations) })
  await first.tenant('acme').create()
  expect((await first.tenant('acme').query('select name from seed')).rows).toEqual([['a']])
  await first.tenant('odd').create()
  await first.tenant('odd').query('create table later (a)')
  await first.close()
  writeFileSync(join(migrations, '0003-later.sql'), 'create table later (a);')
  await using second = await createTenax({ data, migrations: await loadMigrations(migrations) })
  expect((await second.tenant('acme').query('select count(*) from later')).rows).toEqual([[0n]])
  expect(await codeOf(second.tenant('odd').query('select 1'))).toBe('tenant_quarantined')
  const { json } = await send(second, 'GET /v1/tenants/odd')
  expect(json).toMatchObject({ state: 'quarantined', quarantineReason: expect.stringContaining('0003-later.sql') })
  expect(member((await send(second, 'GET /v1/tenants/acme')).json, 'state')).toBe('warm')
})

test('migrations that cannot be read are refused', async () => {
  expect(await codeOf(loadMigrations(join(root, 'nowhere')))).toBe('config_invalid')
})
