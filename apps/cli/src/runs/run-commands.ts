/** `tenax runs list`, `start`, `cancel`, `terminate`. */
import { RUN_STATUSES, type Run, type RunStatus } from '@tenax/client'
import { CliError } from '../failure.ts'
import { type CommandContext, confirm, print, printJson } from '../io.ts'
import { formatTable } from '../table.ts'

/** Which runs `runs list` shows. */
export interface ListRunsArguments {
  readonly status?: string
  readonly workflow?: string
  readonly limit: number
}

/** What may be said about a run that is started. */
export interface StartArguments {
  readonly id?: string
  readonly idempotencyKey?: string
  readonly at?: Date
  readonly priority?: number
}

const PAGE_LIMIT_MAX = 500

/** `runs list`: page by page, up to the limit. */
export async function listRuns(context: CommandContext, tenant: string, filter: ListRunsArguments): Promise<void> {
  const { workflow, limit } = filter
  const status = statusOf(filter.status)
  const runs: Run[] = []
  let cursor: string | undefined
  do {
    const page = await context.client
      .tenant(tenant)
      .runs.list({ status, workflow, cursor, limit: Math.min(limit - runs.length, PAGE_LIMIT_MAX) })
    runs.push(...page.runs)
    cursor = page.nextCursor ?? undefined
  } while (cursor !== undefined && runs.length < limit)
  if (context.json) {
    printJson(context.io, { runs })
    return
  }
  const columns = ['id', 'workflow', 'status', 'created', 'ended'].map((title) => ({ title }))
  const rows = runs.map((run) => [run.id, run.workflow, shownStatus(run), run.createdAt, run.endedAt ?? ''])
  for (const line of formatTable(columns, rows)) print(context.io, line)
}

function statusOf(text: string | undefined): RunStatus | undefined {
  if (text === undefined) return undefined
  const status = RUN_STATUSES.find((one) => one === text)
  if (status !== undefined) return status
  throw CliError.usage(`there is no status ${text}`, `it is one of ${RUN_STATUSES.join(', ')}`)
}

/** The status, and what stands beside it. */
export function shownStatus({ status, blockedReason, pausedAt, cancelRequestedAt, endedAt }: Run): string {
  if (endedAt !== null) return status
  const beside = [
    blockedReason === null ? '' : 'blocked',
    pausedAt === null ? '' : 'paused',
    cancelRequestedAt === null ? '' : 'cancelling',
  ]
  return [status, ...beside].filter((word) => word !== '').join(', ')
}

/** `runs start`. */
export async function startRun(
  context: CommandContext,
  given: StartArguments & { readonly tenant: string; readonly workflow: string; readonly input: unknown },
): Promise<void> {
  const { tenant, workflow, input, id, idempotencyKey, at, priority } = given
  const options = { id, idempotencyKey, startAt: at, priority }
  const run = await context.client.tenant(tenant).runs.start(workflow, input, options)
  if (context.json) printJson(context.io, run)
  else print(context.io, run.isNew ? `started run ${run.id}` : `run ${run.id} was there: it is ${shownStatus(run)}`)
}

/** `runs cancel`. */
export async function cancelRun(context: CommandContext, tenant: string, run: string): Promise<void> {
  const cancelled = await context.client.tenant(tenant).runs.cancel(run)
  if (context.json) printJson(context.io, cancelled)
  else print(context.io, `asked run ${cancelled.id} to end: it is ${shownStatus(cancelled)}`)
}

/** `runs release`. */
export async function releaseRuns(context: CommandContext, tenant: string): Promise<void> {
  const receipt = await context.client.tenants.releaseWorkflows(tenant)
  const { released } = receipt
  if (context.json) printJson(context.io, receipt)
  else print(context.io, released === 1 ? '1 run goes on' : `${released} runs go on`)
}

/** `runs terminate`. */
export async function terminateRun(
  context: CommandContext,
  given: { readonly tenant: string; readonly run: string; readonly isGiven: boolean },
): Promise<void> {
  const { tenant, run, isGiven } = given
  await confirm(context.io, { what: `this ends run ${run} of tenant ${tenant} without its clean-up`, isGiven })
  const terminated = await context.client.tenant(tenant).runs.terminate(run)
  if (context.json) printJson(context.io, terminated)
  else print(context.io, `run ${terminated.id} is ${terminated.status}`)
}
