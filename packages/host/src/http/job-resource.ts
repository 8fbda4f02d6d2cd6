/** Jobs as the API shows them. */
import type { JobResource } from '@tenax/protocol'
import { toProblem } from '@tenax/protocol'
import type { JobRecord } from '../jobs/job.ts'

/** The resource of a job. */
export function jobResource(job: JobRecord): JobResource {
  const { id, verb, tenant, state, progress, outcome, error } = job
  return {
    ...{ id, verb, tenant, state },
    progress:
      progress === undefined ? null : { done: progress.doneBytes, total: progress.totalBytes, unit: 'bytes' as const },
    result: outcome === undefined ? null : { ...outcome.result },
    error: state === 'failed' ? toProblem(error).body : null,
    createdAt: timeOf(job.createdAtMs),
    startedAt: job.startedAtMs === undefined ? null : timeOf(job.startedAtMs),
    endedAt: job.endedAtMs === undefined ? null : timeOf(job.endedAtMs),
    expiresAt: job.expiresAtMs === undefined ? null : timeOf(job.expiresAtMs),
  }
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString()
}
