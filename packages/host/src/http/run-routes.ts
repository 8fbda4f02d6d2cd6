/** `/t/:id/runs` and `/t/:id/events`: a tenant's workflows. The engine does the work and waits at the tenant's gate. */
import type { RerunRequest, SendRequest, Started, StartRequest } from '@tenax/engine'
import { parseTenantId, type TenantId, TenaxError } from '@tenax/kernel'
import {
  listRunsQuerySchema,
  parseBody,
  parseSearchParams,
  type RerunBody,
  rerunBodySchema,
  runResultQuerySchema,
  type SendEventBody,
  type StartRunBody,
  sendEventBodySchema,
  skipBodySchema,
  startRunBodySchema,
} from '@tenax/protocol'
import { Hono } from 'hono'
import { readJson, readJsonOr } from './body.ts'
import type { AppContext, AppEnvironment, HostParts } from './environment.ts'
import { headerKeyOf, IDEMPOTENCY_HEADER, REPLAYED_HEADER } from './idempotency.ts'
import { outputResource } from './output-resource.ts'
import { outputsRequestOf, streamOutputs } from './output-stream.ts'
import { detailResource, resultResource, runResource } from './run-resource.ts'

/** Routes below `/t/:id/runs`. */
export function runRoutes(parts: HostParts): Hono<AppEnvironment> {
  const { workflows, waits, settings } = parts
  const app = new Hono<AppEnvironment>()
  app.post('/', (context) => startRun(parts, context))
  app.get('/', (context) => listRuns(parts, context))
  app.get('/:run', async (context) => {
    const [run, steps] = await onRun(
      parts,
      context,
      async (id, name) => [await workflows.get(id, name), await workflows.steps(id, name)] as const,
    )
    return context.json(detailResource(run, steps, settings.clock.nowMs()))
  })
  app.get('/:run/result', async (context) => {
    const { timeout_ms } = parseSearchParams(runResultQuerySchema, searchOf(context))
    const run = await onRun(parts, context, (id, name) =>
      waits.wait((timeoutMs) => workflows.result(id, name, { timeoutMs }), timeout_ms),
    )
    return context.json(resultResource(run))
  })
  app.get('/:run/outputs', (context) => readOutputs(parts, context))
  app.get('/:run/history', async (context) =>
    context.json(await onRun(parts, context, (id, name) => workflows.histories.get(id, name))),
  )
  app.get('/:run/check', async (context) =>
    context.json(await onRun(parts, context, (id, name) => workflows.histories.check(id, name))),
  )
  for (const verb of ['cancel', 'terminate', 'pause', 'resume', 'retry'] as const) {
    app.post(`/:run/${verb}`, async (context) =>
      context.json(runResource(await onRun(parts, context, (id, name) => workflows[verb](id, name)))),
    )
  }
  app.post('/:run/skip', async (context) => {
    const { step } = parseBody(skipBodySchema, await readJsonOr(parts, context, {}))
    return context.json(runResource(await onRun(parts, context, (id, name) => workflows.skip(id, name, { step }))))
  })
  app.post('/:run/rerun', (context) => rerunRun(parts, context))
  return app
}

/** Routes below `/t/:id/events`. */
export function eventRoutes(parts: HostParts): Hono<AppEnvironment> {
  const app = new Hono<AppEnvironment>()
  app.post('/', async (context) => {
    const body = parseBody(sendEventBodySchema, await readJson(parts, context))
    const request = sendRequestOf(body, oneKey(body.id, headerKeyOf(context), 'id'))
    const { id, receivedAtMs, isNew } = await onTenant(parts, context, (tenant) =>
      parts.workflows.send(tenant, request),
    )
    return context.json({ id, receivedAt: new Date(receivedAtMs).toISOString() }, 202, replayed(isNew))
  })
  return app
}

async function startRun(parts: HostParts, context: AppContext): Promise<Response> {
  const body = parseBody(startRunBodySchema, await readJson(parts, context))
  const request = startRequestOf(body, oneKey(body.idempotencyKey, headerKeyOf(context), 'idempotencyKey'))
  const { id, run, isNew } = await onTenant(parts, context, async (tenant) => ({
    id: tenant,
    ...(await parts.workflows.start(tenant, request)),
  }))
  return acceptedRun(context, { id, run, isNew })
}

async function rerunRun(parts: HostParts, context: AppContext): Promise<Response> {
  const body = parseBody(rerunBodySchema, await readJsonOr(parts, context, {}))
  const request = rerunRequestOf(body, oneKey(body.idempotencyKey, headerKeyOf(context), 'idempotencyKey'))
  if (body.preview === true) {
    return context.json(await onRun(parts, context, (id, name) => parts.workflows.reruns.preview(id, name, request)))
  }
  const { id, run, isNew } = await onRun(parts, context, async (tenant, name) => ({
    id: tenant,
    ...(await parts.workflows.reruns.start(tenant, name, request)),
  }))
  return acceptedRun(context, { id, run, isNew })
}

function acceptedRun(context: AppContext, { id, run, isNew }: Started & { readonly id: TenantId }): Response {
  const location = `/t/${id}/runs/${encodeURIComponent(run.id)}`
  return context.json(runResource(run), 202, { location, ...replayed(isNew) })
}

async function listRuns(parts: HostParts, context: AppContext): Promise<Response> {
  const { status, workflow, cursor, limit } = parseSearchParams(listRunsQuerySchema, searchOf(context))
  const query = {
    limit,
    ...(status === undefined ? {} : { status }),
    ...(workflow === undefined ? {} : { workflow }),
    ...(cursor === undefined ? {} : { cursor }),
  }
  const page = await onTenant(parts, context, (id) => parts.workflows.list(id, query))
  return context.json({ runs: page.runs.map(runResource), nextCursor: page.cursor ?? null })
}

async function readOutputs(parts: HostParts, context: AppContext): Promise<Response> {
  const { isStream, after: afterSeq, hasChanges, limit } = outputsRequestOf(context)
  const { workflows } = parts
  if (isStream) {
    const feed = await onRun(parts, context, (id, run) => workflows.follow(id, run, { afterSeq, hasChanges }))
    return streamOutputs(parts, context, feed)
  }
  const outputs = await onRun(parts, context, (id, run) => workflows.outputs(id, run, { afterSeq, limit }))
  const nextAfter = outputs.length === limit ? (outputs.at(-1)?.seq ?? null) : null
  return context.json({ outputs: outputs.map(outputResource), nextAfter })
}

function startRequestOf(body: StartRunBody, idempotencyKey: string | undefined): StartRequest {
  const { workflow, input, id, startAt, priority } = body
  return {
    workflow,
    input,
    ...(id === undefined ? {} : { id }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    ...(startAt === undefined ? {} : { startAtMs: Date.parse(startAt) }),
    ...(priority === undefined ? {} : { priority }),
  }
}

function rerunRequestOf(body: RerunBody, idempotencyKey: string | undefined): RerunRequest {
  const { from, input, results, id } = body
  return {
    ...(from === undefined ? {} : { from }),
    ...('input' in body ? { input, hasInput: true } : {}),
    ...(results === undefined ? {} : { results }),
    ...(id === undefined ? {} : { id }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
  }
}

function sendRequestOf(body: SendEventBody, id: string | undefined): SendRequest {
  const { name, key, run, payload } = body
  return {
    name,
    payload,
    ...(key === undefined ? {} : { key }),
    ...(run === undefined ? {} : { run }),
    ...(id === undefined ? {} : { id }),
  }
}

/** The header means the same as the member. Throws TenaxError `argument_invalid` when they disagree. */
function oneKey(member: string | undefined, header: string | undefined, name: string): string | undefined {
  if (member !== undefined && header !== undefined && member !== header) {
    throw new TenaxError('argument_invalid', `${IDEMPOTENCY_HEADER} and ${name} name different keys`, {
      hint: 'send one of them',
    })
  }
  return member ?? header
}

function replayed(isNew: boolean): Record<string, string> {
  return isNew ? {} : { [REPLAYED_HEADER]: 'true' }
}

function searchOf(context: AppContext): URLSearchParams {
  return new URL(context.req.url).searchParams
}

function onRun<T>(parts: HostParts, context: AppContext, work: (id: TenantId, run: string) => Promise<T>): Promise<T> {
  return onTenant(parts, context, (id) => work(id, context.req.param('run') ?? ''))
}

/** Does `work`, and lets the reply's gate see where the tenant is behind it, whatever came of it. */
export async function onTenant<T>(
  parts: HostParts,
  context: AppContext,
  work: (id: TenantId) => Promise<T>,
): Promise<T> {
  const id = parseTenantId(context.req.param('id'))
  try {
    return await work(id)
  } finally {
    // The engine has waited for the tenant's own class; a tenant that is gone by now has nothing more to show.
    await parts.tenancy.use(id, async (handle) => handle.showTo(context.get('gate'))).catch(() => undefined)
  }
}
