/** Drives a job: as many senders as requests in flight, each with its own connection. */
import { sleep, systemClock } from '@tenax/kernel'
import type { LoadJob, LoadResult } from './load-job.ts'
import { summarise } from './statistics.ts'
import { WireConnection } from './wire.ts'

/** Performs `job`. Throws when a connection breaks. */
export async function drive(job: LoadJob): Promise<LoadResult> {
  const connections = await Promise.all(Array.from({ length: job.inFlight }, () => WireConnection.open(job.port)))
  const latenciesMs: number[] = []
  const statuses: Record<string, number> = {}
  const startMs = performance.now()
  const endMs = startMs + job.durationMs
  let sent = 0
  const mayGoOn = () => (job.durationMs === 0 ? sent < job.requests.length : performance.now() < endMs)
  const sender = async (connection: WireConnection) => {
    while (mayGoOn()) {
      const request = job.requests[sent++ % job.requests.length] ?? ''
      const sentMs = performance.now()
      const { status } = await connection.exchange(request)
      latenciesMs.push(performance.now() - sentMs)
      statuses[status] = (statuses[status] ?? 0) + 1
      if (job.pauseMs > 0) await sleep(systemClock, job.pauseMs)
    }
  }
  try {
    await Promise.all(connections.map(sender))
  } finally {
    for (const connection of connections) connection.close()
  }
  const elapsedMs = performance.now() - startMs
  const requestsPerSecond = latenciesMs.length / (elapsedMs / 1000)
  return { ...summarise(latenciesMs), requestsPerSecond, elapsedMs, statuses }
}
