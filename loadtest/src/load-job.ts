/** What the bench asks of a load process and what it gets back, over IPC. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { childEnvironment } from './settings.ts'
import type { LatencySummary } from './statistics.ts'

/** Requests to send, in turn, until the time is over. */
export interface LoadJob {
  readonly port: number
  /** Whole HTTP requests. */
  readonly requests: readonly string[]
  readonly inFlight: number
  /** Ends after this time; 0 ends after each request was sent once. */
  readonly durationMs: number
  /** Pause of each sender between a reply and its next request. */
  readonly pauseMs: number
}

/** What came of a job. */
export interface LoadResult extends LatencySummary {
  readonly requestsPerSecond: number
  readonly elapsedMs: number
  /** Replies by HTTP status. */
  readonly statuses: Readonly<Record<string, number>>
}

/** A load process that waits for jobs. */
export interface LoadProcess extends Disposable {
  run(job: LoadJob): Promise<LoadResult>
}

/** Starts a load process. */
export function startLoadProcess(): LoadProcess {
  const path = fileURLToPath(new URL('./load-process.ts', import.meta.url))
  const child = fork(path, { env: childEnvironment(), serialization: 'json' })
  return { run: (job) => runJob(child, job), [Symbol.dispose]: () => void child.kill() }
}

async function runJob(child: ChildProcess, job: LoadJob): Promise<LoadResult> {
  child.send(job)
  const [message]: unknown[] = await once(child, 'message')
  if (typeof message === 'object' && message !== null && 'result' in message && isLoadResult(message.result)) {
    return message.result
  }
  throw new Error(`the load process failed: ${JSON.stringify(message)}`)
}

/** Checks what came over IPC. */
export function isLoadJob(value: unknown): value is LoadJob {
  return typeof value === 'object' && value !== null && 'requests' in value && Array.isArray(value.requests)
}

function isLoadResult(value: unknown): value is LoadResult {
  return typeof value === 'object' && value !== null && 'statuses' in value && 'requestsPerSecond' in value
}
