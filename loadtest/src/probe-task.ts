/** Starts the probe and reads what it prints. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { childEnvironment } from './settings.ts'
import type { LatencySummary } from './statistics.ts'

/** What the probe does. */
export interface ProbeTask {
  /** `register` makes `tenantCount` tenants, the first `openCount` with a table; `open` opens those one by one. */
  readonly kind: 'register' | 'open'
  readonly dataPath: string
  readonly handlesMax: number
  readonly tenantCount: number
  readonly openCount: number
}

/** Latencies of what the probe did, and its resident memory: before the host, with it, with half of the work done, at the end. */
export interface ProbeResult extends LatencySummary {
  readonly elapsedMs: number
  readonly baseBytes: number
  readonly beforeBytes: number
  readonly halfBytes: number
  readonly afterBytes: number
}

/** Runs one task in a fresh process. Throws when it fails. */
export async function runProbe(task: ProbeTask): Promise<ProbeResult> {
  const path = fileURLToPath(new URL('./probe.ts', import.meta.url))
  const args = ['--expose-gc', path, JSON.stringify(task)]
  const { stdout } = await promisify(execFile)(process.execPath, args, { env: childEnvironment() })
  const result: unknown = JSON.parse(stdout)
  if (isProbeResult(result)) return result
  throw new Error(`the probe printed ${stdout}`)
}

/** Reads a task as {@link runProbe} writes it. */
export function parseProbeTask(text: string): ProbeTask {
  const task: unknown = JSON.parse(text)
  if (isProbeTask(task)) return task
  throw new Error('not a task of the probe')
}

function isProbeTask(value: unknown): value is ProbeTask {
  return typeof value === 'object' && value !== null && 'kind' in value && 'dataPath' in value && 'openCount' in value
}

function isProbeResult(value: unknown): value is ProbeResult {
  return typeof value === 'object' && value !== null && 'p99Ms' in value && 'beforeBytes' in value
}
