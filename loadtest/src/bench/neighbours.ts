/** What quiet tenants notice while others spin in a statement that never ends by itself. */
import { spawn } from 'node:child_process'
import { type LoadJob, type LoadResult, startLoadProcess } from '../load-job.ts'
import { ENDLESS_SQL, queryRequest, requestsOf } from '../requests.ts'
import { median } from '../statistics.ts'
import type { ThroughputBed } from './throughput.ts'

/** Medians over the rounds. */
export interface NeighbourFigures {
  readonly spinnerCount: number
  readonly alone: QuietLatency
  readonly beside: QuietLatency
  /** The control: as many busy processes outside of the server. What these do to latency is the machine's doing. */
  readonly outside: QuietLatency
}

/** What quiet tenants see, in milliseconds. */
export interface QuietLatency {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly longestMs: number
}

const SPINNERS = 4
const QUIET_IN_FLIGHT = 8
const QUIET_PAUSE_MS = 10

/** Point reads of quiet tenants at a gentle rate, with and without spinners, in turn. */
export async function measureNeighbours(
  { load, tenax, tenantIds }: ThroughputBed,
  { rounds, sliceMs }: { rounds: number; sliceMs: number },
): Promise<NeighbourFigures> {
  using spinners = startLoadProcess()
  const port = tenax.port
  const quiet: LoadJob = {
    port,
    requests: requestsOf('read-query', tenantIds.slice(SPINNERS)),
    inFlight: QUIET_IN_FLIGHT,
    durationMs: sliceMs,
    pauseMs: QUIET_PAUSE_MS,
  }
  const requests = tenantIds.slice(0, SPINNERS).map((id) => queryRequest(id, ENDLESS_SQL))
  const alone: LoadResult[] = []
  const beside: LoadResult[] = []
  const outside: LoadResult[] = []
  for (let round = 0; round < rounds; round++) {
    alone.push(await load.run(quiet))
    const spun = spinners.run({ port, requests, inFlight: SPINNERS, durationMs: sliceMs, pauseMs: 0 })
    beside.push(await load.run(quiet))
    const { statuses, count } = await spun
    if (statuses['408'] !== count) throw new Error(`the spinners did not time out: ${JSON.stringify(statuses)}`)
    outside.push(await besideBusyProcesses(() => load.run(quiet)))
  }
  const middle = (results: readonly LoadResult[]) => ({
    p50Ms: median(results.map((result) => result.p50Ms)),
    p99Ms: median(results.map((result) => result.p99Ms)),
    longestMs: Math.max(...results.map((result) => result.longestMs)),
  })
  return { spinnerCount: SPINNERS, alone: middle(alone), beside: middle(beside), outside: middle(outside) }
}

async function besideBusyProcesses<T>(body: () => Promise<T>): Promise<T> {
  const args = ['--eval', 'for (;;);']
  const processes = Array.from({ length: SPINNERS }, () => spawn(process.execPath, args, { stdio: 'ignore' }))
  try {
    return await body()
  } finally {
    for (const each of processes) each.kill('SIGKILL')
  }
}
