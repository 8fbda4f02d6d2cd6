/** Requests per second and latency of every workload, beside bare Hono, in alternating slices of one run. */
import type { LoadProcess } from '../load-job.ts'
import { cpuUse } from '../proc-files.ts'
import { requestsOf, WORKLOADS, type Workload } from '../requests.ts'
import type { RunningServer } from '../server-process.ts'
import { median } from '../statistics.ts'

/** How long and how often. */
export interface ThroughputPlan {
  readonly rounds: number
  readonly sliceMs: number
  readonly warmUpMs: number
  /** Requests in flight. */
  readonly inFlights: readonly number[]
}

/** Medians over the rounds. Processor time is the server's, per request. */
export interface ThroughputRow {
  readonly workload: Workload
  readonly inFlight: number
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly loopUs: number
  readonly totalUs: number
  /** Requests per second by those of `hello` in the same round: the median of the rounds' ratios. */
  readonly ofHello: number
  /** The same of processor time on the loop: hello's by this one's. */
  readonly ofHelloCpu: number
}

type Slice = Omit<ThroughputRow, 'ofHello' | 'ofHelloCpu'> & { readonly round: number }

/** The two servers and the tenants that they are asked about. */
export interface ThroughputBed {
  readonly load: LoadProcess
  readonly tenax: RunningServer
  readonly hello: RunningServer
  readonly tenantIds: readonly string[]
}

/** Measures every workload at every concurrency. Throws when a request fails. */
export async function measureThroughput(bed: ThroughputBed, plan: ThroughputPlan): Promise<ThroughputRow[]> {
  for (const workload of WORKLOADS) {
    await measureSlice(bed, { workload, inFlight: plan.inFlights.at(-1) ?? 1, sliceMs: plan.warmUpMs, round: -1 })
  }
  const slices: Slice[] = []
  for (const inFlight of plan.inFlights) {
    for (let round = 0; round < plan.rounds; round++) {
      const order = round % 2 === 0 ? WORKLOADS : WORKLOADS.toReversed()
      for (const workload of order) {
        slices.push(await measureSlice(bed, { workload, inFlight, sliceMs: plan.sliceMs, round }))
      }
    }
  }
  return plan.inFlights.flatMap((inFlight) => WORKLOADS.map((workload) => rowOf(slices, workload, inFlight)))
}

async function measureSlice(
  { load, tenax, hello, tenantIds }: ThroughputBed,
  { workload, inFlight, sliceMs, round }: { workload: Workload; inFlight: number; sliceMs: number; round: number },
): Promise<Slice> {
  const server = workload === 'hello' || workload === 'echo' ? hello : tenax
  const before = cpuUse(server.pid)
  const requests = requestsOf(workload, tenantIds)
  const result = await load.run({ port: server.port, requests, inFlight, durationMs: sliceMs, pauseMs: 0 })
  const after = cpuUse(server.pid)
  if (result.statuses['200'] !== result.count) throw new Error(`${workload}: ${JSON.stringify(result.statuses)}`)
  const { requestsPerSecond, p50Ms, p99Ms, count } = result
  const loopUs = ((after.loopMs - before.loopMs) / count) * 1000
  const totalUs = ((after.totalMs - before.totalMs) / count) * 1000
  return { workload, inFlight, round, requestsPerSecond, p50Ms, p99Ms, loopUs, totalUs }
}

function rowOf(slices: readonly Slice[], workload: Workload, inFlight: number): ThroughputRow {
  const at = slices.filter((slice) => slice.inFlight === inFlight)
  const own = at.filter((slice) => slice.workload === workload)
  const helloOf = (slice: Slice) => at.find((other) => other.workload === 'hello' && other.round === slice.round)
  const middle = (read: (slice: Slice) => number) => median(own.map(read))
  return {
    workload,
    inFlight,
    requestsPerSecond: middle((slice) => slice.requestsPerSecond),
    p50Ms: middle((slice) => slice.p50Ms),
    p99Ms: middle((slice) => slice.p99Ms),
    loopUs: middle((slice) => slice.loopUs),
    totalUs: middle((slice) => slice.totalUs),
    ofHello: middle((slice) => slice.requestsPerSecond / (helloOf(slice)?.requestsPerSecond ?? Number.NaN)),
    ofHelloCpu: middle((slice) => (helloOf(slice)?.loopUs ?? Number.NaN) / slice.loopUs),
  }
}
