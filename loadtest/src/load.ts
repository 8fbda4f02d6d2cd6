/**
 * The load driver: 1,000 tenants through a pool of 100 handles, four reads to one write, busy and quiet tenants mixed. Then
 * it counts every tenant's rows: an acknowledged write that is not there makes it end with 1.
 * `node loadtest/src/load.ts --seconds 15 --concurrency 32`, or `--url` for a server that runs already.
 */
import { join } from 'node:path'
import { COUNT_SQL, SETUP_SQL, tenantIdOf, verdictOf } from '../k6/workload.js'
import { scratchDirectory } from './bench/fixture.ts'
import { openTransport, type Transport } from './load/transport.ts'
import { type LoadBooks, runWorkers } from './load/workers.ts'
import { bytesFigure, figure, markdownTable } from './markdown.ts'
import { cpuUse, descriptorCount, residentBytes } from './proc-files.ts'
import { type RunningServer, startTenax } from './server-process.ts'
import { type LoadSettings, readLoadSettings } from './settings.ts'
import { summarise } from './statistics.ts'

const PREPARE_IN_FLIGHT = 16

const settings = readLoadSettings(process.argv.slice(2))
if (settings.url === undefined) await againstOwnServer(settings)
else await run(settings, { url: settings.url, adminKey: settings.adminKey, server: undefined })

async function againstOwnServer(own: LoadSettings): Promise<void> {
  using scratch = scratchDirectory()
  const environment = { TENAX_HANDLES: String(own.handlesMax) }
  await using server = await startTenax({ dataPath: join(scratch.path, 'data'), environment })
  await run(own, { url: server.url, adminKey: undefined, server })
}

interface Target {
  readonly url: string
  readonly adminKey: string | undefined
  readonly server: RunningServer | undefined
}

async function run({ tenantCount, inFlight, durationMs, seed, transport: kind }: LoadSettings, target: Target) {
  const { url, adminKey, server } = target
  const transport = openTransport(kind, { url, adminKey, inFlight: Math.max(inFlight, PREPARE_IN_FLIGHT) })
  const startMs = performance.now()
  await forEachTenant(tenantCount, (id) => prepare(transport, id))
  const preparedMs = performance.now() - startMs
  console.log(
    `${figure(tenantCount)} tenants made in ${figure(preparedMs / 1000)} s; now ${durationMs / 1000} s of load`,
  )
  const before = server === undefined ? undefined : cpuUse(server.pid)
  const driverBefore = process.cpuUsage()
  const books = await runWorkers({ url, adminKey, transport, tenantCount, inFlight, durationMs, seed })
  const driverUse = process.cpuUsage(driverBefore)
  const requestCount = [...books.latenciesMs.values()].reduce((sum, latencies) => sum + latencies.length, 0)
  printBooks(books, durationMs)
  const driverUs = (driverUse.user + driverUse.system) / requestCount
  console.log(`\nprocessor per request: driver ${figure(driverUs)} µs (${kind})`)
  if (server !== undefined && before !== undefined) {
    const after = cpuUse(server.pid)
    const serverUs = ((after.totalMs - before.totalMs) / requestCount) * 1000
    console.log(`processor per request: server ${figure(serverUs)} µs`)
    console.log(`server: RSS ${bytesFigure(residentBytes(server.pid))}, ${descriptorCount(server.pid)} descriptors`)
  }
  console.log(await poolText(url, adminKey))
  await verify(transport, books, tenantCount)
  transport.close()
}

async function forEachTenant(tenantCount: number, body: (id: string, index: number) => Promise<void>): Promise<void> {
  let next = 0
  const worker = async () => {
    for (let index = next++; index < tenantCount; index = next++) await body(tenantIdOf(index), index)
  }
  await Promise.all(Array.from({ length: PREPARE_IN_FLIGHT }, worker))
}

/** Makes the tenant anew, so that a run against a server that runs already starts from nothing too. */
async function prepare({ send }: Transport, id: string): Promise<void> {
  const removed = await send('DELETE', `/v1/tenants/${id}`)
  if (removed.status !== 200 && removed.status !== 404) throw new Error(`${id} cannot be removed: ${removed.status}`)
  const created = await send('POST', '/v1/tenants', { id })
  if (created.status !== 201) throw new Error(`${id} cannot be made: ${created.status}`)
  for (const sql of SETUP_SQL) {
    const prepared = await send('POST', `/t/${id}/query`, { sql })
    if (prepared.status !== 200) throw new Error(`${id} cannot be prepared: ${JSON.stringify(prepared.body)}`)
  }
}

function printBooks({ latenciesMs, faults }: LoadBooks, durationMs: number): void {
  const rowOf = (kind: string, latencies: readonly number[]) => {
    const { count, p50Ms, p95Ms, p99Ms } = summarise(latencies)
    return [kind, figure(count), figure(count / (durationMs / 1000)), figure(p50Ms), figure(p95Ms), figure(p99Ms)]
  }
  const kinds = [...latenciesMs].sort(([a], [b]) => a.localeCompare(b)).map(([kind, each]) => rowOf(kind, each))
  const all = rowOf('all', [...latenciesMs.values()].flat())
  console.log(`\n${markdownTable(['kind', 'count', 'per second', 'p50 ms', 'p95 ms', 'p99 ms'], [...kinds, all])}`)
  const failed = [...faults].map(([code, count]) => [code, figure(count)])
  console.log(failed.length === 0 ? '\nno errors' : `\n${markdownTable(['error', 'count'], failed)}`)
}

/** The lines of /metrics that tell of the pool. */
async function poolText(url: string, adminKey: string | undefined): Promise<string> {
  const headers = adminKey === undefined ? {} : { authorization: `Bearer ${adminKey}` }
  const response = await fetch(`${url.replace(/\/+$/, '')}/metrics`, { headers })
  const lines = (await response.text()).split('\n')
  return lines.filter((line) => /^tenax_(?:handles|pool|zombie|streams)/.test(line)).join('\n')
}

/** Counts what is stored, tenant by tenant. */
async function verify({ send }: Transport, books: LoadBooks, tenantCount: number): Promise<void> {
  const complaints: string[] = []
  let acknowledged = 0
  await forEachTenant(tenantCount, async (id, index) => {
    const { body } = await send('POST', `/t/${id}/query`, { sql: COUNT_SQL })
    const counts = {
      acknowledged: books.acknowledged.get(index) ?? 0,
      uncertain: books.uncertain.get(index) ?? 0,
      stored: countIn(body),
    }
    acknowledged += counts.acknowledged
    const verdict = verdictOf(counts)
    if (!verdict.startsWith('all ')) complaints.push(`${id}: ${verdict}`)
  })
  if (complaints.length === 0) console.log(`\nall ${figure(acknowledged)} acknowledged inserts are there`)
  else console.log(`\nWRONG in ${complaints.length} tenants:\n${complaints.join('\n')}`)
  if (complaints.length > 0) process.exitCode = 1
}

function countIn(body: unknown): number | undefined {
  if (typeof body !== 'object' || body === null || !('rows' in body) || !Array.isArray(body.rows)) return undefined
  const [row]: unknown[] = body.rows
  const [count]: unknown[] = Array.isArray(row) ? row : []
  return typeof count === 'number' ? count : undefined
}
