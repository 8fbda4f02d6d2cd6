/**
 * The bench: Tenax beside bare Hono in one run, against the budgets of the design. Servers, load generators and probes are
 * processes of their own. `--quick` takes about half a minute, `--save` keeps the report in `loadtest/results/`.
 */
import { join } from 'node:path'
import { prepareTenants, scratchDirectory, sendAll, tenantIdsOf } from './bench/fixture.ts'
import { describeMachine, measureDisk } from './bench/machine.ts'
import { measureNeighbours } from './bench/neighbours.ts'
import { measureOpening, type OpeningPlan } from './bench/opening.ts'
import { type BenchFigures, reportOf } from './bench/report.ts'
import { saveReport } from './bench/save-report.ts'
import { measureThroughput, type ThroughputPlan } from './bench/throughput.ts'
import { startLoadProcess } from './load-job.ts'
import { createTenantRequest } from './requests.ts'
import { startHello, startTenax } from './server-process.ts'
import { readBenchSettings } from './settings.ts'

/** How much of everything. */
interface BenchPlan {
  readonly tenantCount: number
  readonly throughput: ThroughputPlan
  readonly neighbours: { readonly rounds: number; readonly sliceMs: number }
  readonly opening: OpeningPlan
}

const FULL: BenchPlan = {
  tenantCount: 200,
  throughput: { rounds: 3, sliceMs: 1_000, warmUpMs: 1_500, inFlights: [1, 16, 64] },
  neighbours: { rounds: 3, sliceMs: 2_000 },
  opening: { tenantCount: 5_000, openCount: 500 },
}

const QUICK: BenchPlan = {
  tenantCount: 200,
  throughput: { rounds: 2, sliceMs: 250, warmUpMs: 500, inFlights: [1, 16, 64] },
  neighbours: { rounds: 1, sliceMs: 1_500 },
  opening: { tenantCount: 300, openCount: 200 },
}

/** Statements of spinning tenants end after this time; those of quiet ones never take so long. */
const QUERY_TIMEOUT_MS = 1_000

const settings = readBenchSettings(process.argv.slice(2))
const startMs = performance.now()
const figures = await measure(settings.quick ? QUICK : FULL)
const report = reportOf({ ...figures, quick: settings.quick, elapsedMs: performance.now() - startMs })
console.log(report)
if (settings.save) saveReport(report, figures.machine.commit)

async function measure(plan: BenchPlan): Promise<Omit<BenchFigures, 'quick' | 'elapsedMs'>> {
  const machine = describeMachine()
  const disk = measureDisk()
  say('opening and memory')
  const opening = await measureOpening(plan.opening)
  using scratch = scratchDirectory()
  using load = startLoadProcess()
  await using hello = await startHello()
  const environment = { TENAX_QUERY_TIMEOUT_MS: String(QUERY_TIMEOUT_MS) }
  await using tenax = await startTenax({ dataPath: join(scratch.path, 'data'), environment })
  const { port } = tenax
  say('creating tenants over HTTP')
  const alone = tenantIdsOf('alone', 50).map(createTenantRequest)
  const creatingAlone = await sendAll(load, { port, requests: alone, inFlight: 1, status: 201 })
  const tenantIds = tenantIdsOf('bench', plan.tenantCount)
  const creatingMany = await prepareTenants(load, { port, ids: tenantIds, inFlight: 16 })
  const bed = { load, tenax, hello, tenantIds }
  say('reads and inserts')
  const throughput = await measureThroughput(bed, plan.throughput)
  say('neighbours')
  const neighbours = await measureNeighbours(bed, plan.neighbours)
  return { machine, disk, opening, creatingAlone, creatingMany, throughput, neighbours }
}

function say(what: string): void {
  process.stderr.write(`${((performance.now() - startMs) / 1000).toFixed(1).padStart(6)} s  ${what}\n`)
}
