/** Runs and events of the server in memory: it keeps what it is told, and no workflow runs. */
import { TenaxError } from '@tenax/kernel'
import {
  listRunsQuerySchema,
  type OutputEvent,
  parseBody,
  parseSearchParams,
  type ReplayCheck,
  type Run,
  type RunDetail,
  type RunHistory,
  rerunBodySchema,
  rerunPreviewSchema,
  runDetailSchema,
  runHistorySchema,
  runResultQuerySchema,
  runResultSchema,
  runSchema,
  sendEventBodySchema,
  startRunBodySchema,
} from '@tenax/protocol'

/** The runs of all tenants of a fake server. */
export interface FakeRuns {
  /** Changes a run as its workflow would have: its status, its steps, what it waits for. */
  change(run: string, change: Partial<RunDetail>): void
  /** What the run is said to come to with the code that is loaded, or that it was deleted since it was listed; unsaid, it goes on. */
  judge(run: string, check: ReplayCheck | 'deleted'): void
  /** Gives a run something to put out. Each connection that follows it ends behind `perConnection` of them, if that is said. */
  putOut(run: string, events: readonly OutputEvent[], perConnection?: number): void
}

/** A request below `/t/:id/runs` or `/t/:id/events`. */
export interface FakeRunRequest {
  readonly method: string
  readonly tenantId: string
  /** What stands behind `/t/:id/`. */
  readonly path: readonly string[]
  readonly headers: Headers
  readonly searchParams: URLSearchParams
  readonly body: unknown
}

interface KeptRun {
  readonly tenantId: string
  readonly key: string | undefined
  detail: RunDetail
  check?: ReplayCheck | 'deleted'
  outputs?: { readonly events: readonly OutputEvent[]; readonly perConnection: number }
}

const AT = '2026-11-22T12:00:00.000Z'

/** Runs by their ids, and the ids of events. */
export class FakeRunStore implements FakeRuns {
  readonly #runs = new Map<string, KeptRun>()
  readonly #eventIds = new Set<string>()

  change(run: string, change: Partial<RunDetail>): void {
    const kept = this.#runs.get(run)
    if (kept !== undefined) kept.detail = runDetailSchema.parse({ ...kept.detail, ...change })
  }

  judge(run: string, check: ReplayCheck | 'deleted'): void {
    const kept = this.#runs.get(run)
    if (kept !== undefined) kept.check = check
  }

  putOut(run: string, events: readonly OutputEvent[], perConnection = Number.POSITIVE_INFINITY): void {
    const kept = this.#runs.get(run)
    if (kept !== undefined) kept.outputs = { events, perConnection }
  }

  /** Lets go of what is put aside; gives how many. */
  release(tenantId: string): number {
    const aside = [...this.#runs.values()].filter(
      (run) => run.tenantId === tenantId && run.detail.blockedReason !== null,
    )
    for (const kept of aside) kept.detail = { ...kept.detail, blockedReason: null }
    return aside.length
  }

  /** The answer to `request`. */
  answer(request: FakeRunRequest): Response {
    const [area, run, verb] = request.path
    if (area === 'events') return this.#send(request)
    if (run === undefined) return request.method === 'POST' ? this.#start(request) : this.#list(request)
    const kept = this.#kept(request.tenantId, decodeURIComponent(run))
    if (verb === undefined) return Response.json(kept.detail)
    if (verb === 'result') {
      parseSearchParams(runResultQuerySchema, request.searchParams)
      return Response.json(runResultSchema.parse(kept.detail))
    }
    if (verb === 'history') return Response.json(historyOf(request.tenantId, kept.detail))
    if (verb === 'check') {
      if (kept.check === 'deleted') throw runNotFound(run)
      return Response.json(kept.check ?? { ok: true, state: 'waiting', asks: [] })
    }
    if (verb === 'outputs') return streamOutputs(kept, request.headers)
    if (verb === 'rerun') return this.#rerun(request, kept.detail)
    return changeRun(kept, verb)
  }

  #start({ tenantId, headers, body }: FakeRunRequest): Response {
    const {
      workflow,
      input = null,
      id: named,
      idempotencyKey,
      startAt,
      priority = 0,
    } = parseBody(startRunBodySchema, body)
    if (workflow === 'unknown') throw new TenaxError('workflow_unknown', `there is no workflow "${workflow}"`)
    const key = idempotencyKey ?? headers.get('idempotency-key') ?? undefined
    const known = [...this.#runs.values()].find(
      (run) => run.tenantId === tenantId && (run.detail.id === named || (key !== undefined && run.key === key)),
    )
    if (known !== undefined) return accepted(runSchema.parse(known.detail), false)
    const id = named ?? `run-${this.#runs.size + 1}`
    const times = {
      createdAt: AT,
      startAt: startAt ?? AT,
      startedAt: null,
      endedAt: null,
      cancelRequestedAt: null,
      pausedAt: null,
    }
    const detail: RunDetail = {
      ...{ id, workflow, version: null, status: 'queued', priority, ...times, blockedReason: null },
      ...{
        parent: null,
        predecessor: null,
        successor: null,
        origin: null,
        input,
        output: null,
        error: null,
        values: {},
      },
      ...{ steps: [], stepCount: 0, waitsFor: [] },
    }
    this.#runs.set(id, { tenantId, key, detail })
    return accepted(runSchema.parse(detail), true)
  }

  #rerun({ tenantId, body }: FakeRunRequest, origin: RunDetail): Response {
    const { from, preview } = parseBody(rerunBodySchema, body)
    if (origin.endedAt === null) throw new TenaxError('run_not_ended', `run "${origin.id}" has not ended`)
    const index = origin.steps.findIndex(({ identity }) => identity === from)
    if (preview === true) {
      const [kept, again] = [origin.steps.slice(0, Math.max(0, index)), origin.steps.slice(Math.max(0, index))]
      return Response.json(rerunPreviewSchema.parse({ kept, keptCount: kept.length, again, againCount: again.length }))
    }
    const id = `run-${this.#runs.size + 1}`
    const ends = { status: 'queued', endedAt: null, output: null, error: null } as const
    const detail: RunDetail = { ...origin, ...ends, id, origin: origin.id, steps: [], stepCount: 0 }
    this.#runs.set(id, { tenantId, key: undefined, detail })
    return accepted(runSchema.parse(detail), true)
  }

  #list({ tenantId, searchParams }: FakeRunRequest): Response {
    const { status, workflow, cursor, limit } = parseSearchParams(listRunsQuerySchema, searchParams)
    const runs = [...this.#runs.values()]
      .filter((run) => run.tenantId === tenantId)
      .map(({ detail }) => runSchema.parse(detail))
      .filter((run) => status === undefined || run.status === status)
      .filter((run) => workflow === undefined || run.workflow === workflow)
      .reverse()
    const from = cursor === undefined ? 0 : runs.findIndex(({ id }) => id === cursor) + 1
    const page = runs.slice(from, from + limit)
    return Response.json({ runs: page, nextCursor: runs.length > from + limit ? (page.at(-1)?.id ?? null) : null })
  }

  #send({ tenantId, headers, body }: FakeRunRequest): Response {
    const { id: member, run } = parseBody(sendEventBodySchema, body)
    if (run !== undefined) refuseEnded(this.#kept(tenantId, run))
    const id = member ?? headers.get('idempotency-key') ?? `event-${this.#eventIds.size + 1}`
    const isNew = !this.#eventIds.has(id)
    this.#eventIds.add(id)
    return accepted({ id, receivedAt: AT }, isNew)
  }

  #kept(tenantId: string, run: string): KeptRun {
    const kept = this.#runs.get(run)
    if (kept?.tenantId === tenantId) return kept
    throw runNotFound(run)
  }
}

function runNotFound(run: string): TenaxError {
  return new TenaxError('run_not_found', `there is no run "${run}"`, { hint: 'list them' })
}

/** As a server whose connections are cut off: the reader comes back with the id of the last event that had one. */
function streamOutputs({ outputs }: KeptRun, headers: Headers): Response {
  const afterSeq = Number(headers.get('last-event-id') ?? 0)
  const { events, perConnection } = outputs ?? { events: [], perConnection: 0 }
  const behind = events.findLastIndex((event) => 'seq' in event && event.seq <= afterSeq) + 1
  const text = events
    .slice(behind, behind + perConnection)
    .map((event) => {
      const id = 'seq' in event ? `id: ${event.seq}\n` : ''
      return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n${id}\n`
    })
    .join(': still there\n\n')
  return new Response(text, { headers: { 'content-type': 'text/event-stream' } })
}

function historyOf(tenant: string, { id, workflow, status, steps: operations }: RunDetail): RunHistory {
  const run = { id, workflow, status }
  return runHistorySchema.parse({ format: 'tenax-run-history', version: 1, tenant, run, operations })
}

function changeRun(kept: KeptRun, verb: string): Response {
  if (verb === 'retry') return retryRun(kept)
  refuseEnded(kept)
  if (verb === 'skip' && kept.detail.blockedReason === null) {
    throw new TenaxError('run_not_stuck', `of the run "${kept.detail.id}" no compensation is stuck`)
  }
  if (verb === 'cancel') kept.detail = { ...kept.detail, cancelRequestedAt: AT }
  else if (verb === 'terminate') kept.detail = { ...kept.detail, status: 'terminated', endedAt: AT, waitsFor: [] }
  else if (verb === 'skip') kept.detail = { ...kept.detail, blockedReason: null, waitsFor: [] }
  else if (verb === 'pause') kept.detail = { ...kept.detail, pausedAt: AT }
  else if (verb === 'resume') kept.detail = { ...kept.detail, pausedAt: null }
  else throw new TenaxError('route_not_found', 'there is no such route')
  return Response.json(runSchema.parse(kept.detail))
}

function retryRun(kept: KeptRun): Response {
  const { detail } = kept
  if (detail.endedAt !== null && detail.status !== 'failed') {
    throw new TenaxError('run_not_retryable', `run "${detail.id}" is ${detail.status}`)
  }
  if (detail.endedAt !== null) kept.detail = { ...detail, status: 'running', endedAt: null, error: null }
  else kept.detail = { ...detail, blockedReason: null, waitsFor: [] }
  return Response.json(runSchema.parse(kept.detail))
}

function refuseEnded({ detail }: KeptRun): void {
  if (detail.endedAt !== null) throw new TenaxError('run_ended', `run "${detail.id}" has ended`)
}

function accepted(body: Run | { readonly id: string; readonly receivedAt: string }, isNew: boolean): Response {
  return Response.json(body, { status: 202, headers: isNew ? {} : { 'idempotency-replayed': 'true' } })
}
