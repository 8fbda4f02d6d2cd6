/** What a run of a test has come to. */
import type { Json } from '@tenax/workflow'
import type { StepRecord } from '../port.ts'
import type { TestRunRecord } from './test-tenant.ts'

/** The run failed, or was ended. */
export class RunFailed extends Error {
  readonly run: string
  /** Of the failure; `cancelled` or `terminated` for a run that was ended. */
  readonly code: string
  readonly data: Json | undefined

  constructor(run: string, { code, message, data }: { code: string; message: string; data?: Json | undefined }) {
    super(`run ${run} failed: ${code}: ${message}`)
    this.name = 'RunFailed'
    this.run = run
    this.code = code
    this.data = data
  }
}

/** The output of a run, or of the last of those that it has continued as. */
export async function endOf(tenant: { run(id: string): Promise<TestRunRecord> }, id: string): Promise<unknown> {
  const run = await tenant.run(id)
  switch (run.status) {
    case 'completed':
      return run.output
    case 'continued':
      return endOf(tenant, run.successor ?? '')
    case 'failed':
      throw new RunFailed(id, run.error ?? { code: 'failed', message: 'without an error' })
    case 'cancelled':
    case 'terminated':
      throw new RunFailed(id, { code: run.status, message: `it was ${run.status}` })
    default:
      throw new Error(`run ${id} has not ended: ${whyNot(run)}`)
  }
}

function whyNot({ status, blockedReason, steps }: TestRunRecord): string {
  if (blockedReason !== undefined) return `it is blocked: ${blockedReason}`
  const open = steps.filter((step) => step.status === 'open').map(shown)
  return open.length === 0
    ? `it is ${status}`
    : `it waits for ${open.join(', ')}; advance() moves time, send() sends an event`
}

function shown({ identity, kind, dueAtMs, event, key, error }: StepRecord): string {
  const until = dueAtMs === undefined ? '' : ` until ${new Date(dueAtMs).toISOString()}`
  const what = event === undefined ? `${kind} ${identity}` : `event ${event}${key ? `[${key}]` : ''} (${identity})`
  return `${what}${until}${error === undefined ? '' : `, last error ${error.code}: ${error.message}`}`
}
