/** The bench's report: budgets first, then every figure behind them. */
import type { LoadResult } from '../load-job.ts'
import { bytesFigure, figure, markdownTable } from '../markdown.ts'
import type { LatencySummary } from '../statistics.ts'
import { type Machine, machineLines } from './machine.ts'
import type { NeighbourFigures } from './neighbours.ts'
import { type OpeningFigures, SMALL_POOL } from './opening.ts'
import type { ThroughputRow } from './throughput.ts'

/** All that was measured. */
export interface BenchFigures {
  readonly quick: boolean
  readonly elapsedMs: number
  readonly machine: Machine
  readonly disk: LatencySummary
  readonly opening: OpeningFigures
  readonly creatingAlone: LoadResult
  readonly creatingMany: LoadResult
  readonly throughput: readonly ThroughputRow[]
  readonly neighbours: NeighbourFigures
}

const KIB = 1024
const MIB = 1024 * KIB
const OPEN_MS_MAX = 3
const HANDLE_BYTES_MAX = 300 * KIB
const SCALED_BYTES_MAX = 500 * MIB
const OF_HELLO_MIN = 0.5
const BESIDE_RATIO_MAX = 2

/** The report as Markdown. */
export function reportOf(figures: BenchFigures): string {
  return [
    `# Bench of Tenax at ${figures.machine.commit}`,
    '',
    machineText(figures),
    '',
    '## Budgets',
    '',
    budgetTable(figures),
    '',
    '## Reads and inserts of 200 tenants, beside bare Hono',
    '',
    'Medians of alternating slices. "loop" and "all" are processor time of the server for one request, on its event loop and',
    'on all its threads; "of hello" is the ratio of requests/s, "of hello, cpu" that of processor time on the loop, which',
    'says the same with less noise. `echo` is bare Hono that parses and answers JSON.',
    '',
    throughputTable(figures.throughput),
    '',
    '## Making, opening, holding',
    '',
    openingTable(figures),
    '',
    memoryText(figures.opening),
    '',
    '## Neighbours',
    '',
    neighbourTable(figures.neighbours),
    '',
  ].join('\n')
}

function machineText({ machine, disk, quick, elapsedMs }: BenchFigures): string {
  const run = `* ${quick ? 'quick run' : 'full run'} of ${figure(elapsedMs / 1000)} s`
  return [...machineLines(machine, disk), run].join('\n')
}

interface Budget {
  readonly what: string
  readonly budget: string
  readonly measured: string
  readonly met: boolean
}

function budgetTable({ throughput, opening, neighbours }: BenchFigures): string {
  const reads = throughput.filter(({ workload }) => workload === 'read-query')
  const ratio = neighbours.beside.p99Ms / neighbours.alone.p99Ms
  const budgets: Budget[] = [
    ...reads.map(({ inFlight, ofHello, ofHelloCpu }) => ({
      what: `point read over HTTP, ${inFlight} in flight`,
      budget: '≥ 50 % of bare Hono',
      measured: `${percentOf(ofHello)} (cpu ${percentOf(ofHelloCpu)})`,
      met: ofHello >= OF_HELLO_MIN,
    })),
    {
      what: 'open a warm tenant',
      budget: `p99 ≤ ${OPEN_MS_MAX} ms`,
      measured: `${figure(opening.opening.p99Ms)} ms`,
      met: opening.opening.p99Ms <= OPEN_MS_MAX,
    },
    {
      what: 'memory per open handle',
      budget: `≤ ${bytesFigure(HANDLE_BYTES_MAX)}`,
      measured: bytesFigure(opening.handleBytes),
      met: opening.handleBytes <= HANDLE_BYTES_MAX,
    },
    {
      what: '100,000 tenants, 500 open (scaled)',
      budget: `RSS ≤ ${bytesFigure(SCALED_BYTES_MAX)}`,
      measured: bytesFigure(opening.scaledBytes),
      met: opening.scaledBytes <= SCALED_BYTES_MAX,
    },
    {
      what: `quiet tenants beside ${neighbours.spinnerCount} that spin (the budget for queued runs)`,
      budget: `p99 ≤ ${BESIDE_RATIO_MAX} × alone`,
      measured: `${figure(ratio)} ×`,
      met: ratio <= BESIDE_RATIO_MAX,
    },
  ]
  const rows = budgets.map(({ what, budget, measured, met }) => [what, budget, measured, met ? 'met' : 'MISSED'])
  return markdownTable(['what', 'budget', 'measured', ''], rows)
}

function throughputTable(throughput: readonly ThroughputRow[]): string {
  const head = [
    'workload',
    'in flight',
    'requests/s',
    'of hello',
    'of hello, cpu',
    'p50 ms',
    'p99 ms',
    'loop µs',
    'all µs',
  ]
  const rows = throughput.map((row) => [
    row.workload,
    String(row.inFlight),
    figure(row.requestsPerSecond),
    percentOf(row.ofHello),
    percentOf(row.ofHelloCpu),
    figure(row.p50Ms),
    figure(row.p99Ms),
    figure(row.loopUs),
    figure(row.totalUs),
  ])
  return markdownTable(head, rows)
}

function openingTable({ opening, creatingAlone, creatingMany }: BenchFigures): string {
  const row = (what: string, summary: LatencySummary) => [
    what,
    figure(summary.count),
    figure(summary.p50Ms),
    figure(summary.p95Ms),
    figure(summary.p99Ms),
  ]
  return markdownTable(
    ['what', 'count', 'p50 ms', 'p95 ms', 'p99 ms'],
    [
      row('create a tenant over HTTP, 1 in flight', creatingAlone),
      row('create a tenant over HTTP, 16 in flight', creatingMany),
      row('create a tenant in-process, 16 in flight', opening.creating),
      row('first query of a closed tenant', opening.opening),
      row(`the same through a pool of ${SMALL_POOL}: another is closed first`, opening.cycling),
    ],
  )
}

function memoryText(opening: OpeningFigures): string {
  const {
    openCount,
    tenantCount,
    handleBytes,
    emptyHostBytes,
    registeredBytesEach,
    scaledBytes,
    creating,
    firstUseBytes,
  } = opening
  return [
    `* ${bytesFigure(handleBytes)} for each of ${openCount} open handles, each after one read and one write (the slope of the second half)`,
    `* ${bytesFigure(firstUseBytes)} once, for the first use of the engine's threads`,
    `* ${bytesFigure(emptyHostBytes)} for a host without tenants, ${figure(registeredBytesEach)} bytes for each of ${figure(tenantCount)} registered ones`,
    `* scaled to 100,000 registered and 500 open: ${bytesFigure(scaledBytes)}`,
    `* ${figure(tenantCount / (creating.elapsedMs / 1000))} tenants made per second, 16 in flight`,
  ].join('\n')
}

function neighbourTable({ alone, beside, outside, spinnerCount }: NeighbourFigures): string {
  const ratio = (of: 'p50Ms' | 'p99Ms') => `${figure(beside[of] / alone[of])} ×`
  const row = (what: string, of: typeof alone) => [what, figure(of.p50Ms), figure(of.p99Ms), figure(of.longestMs)]
  return markdownTable(
    ['point reads of quiet tenants', 'p50 ms', 'p99 ms', 'longest ms'],
    [
      row('alone', alone),
      row(`beside ${spinnerCount} endless statements of other tenants`, beside),
      row(`beside ${spinnerCount} endless processes that are not Tenax`, outside),
      ['endless statements to alone', ratio('p50Ms'), ratio('p99Ms'), '–'],
    ],
  )
}

function percentOf(ratio: number): string {
  return `${figure(Math.round(ratio * 100))} %`
}
