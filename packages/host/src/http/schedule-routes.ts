/** `/t/:id/schedules`: runs that start by the clock. The engine does the work and waits at the tenant's gate. */
import type { PutSchedule, ScheduleRequest } from '@tenax/engine'
import type { TenantId } from '@tenax/kernel'
import { createScheduleBodySchema, type PutScheduleBody, parseBody, putScheduleBodySchema } from '@tenax/protocol'
import { systemRandomId } from '@tenax/tenancy'
import { Hono } from 'hono'
import { readJson } from './body.ts'
import type { AppContext, AppEnvironment, HostParts } from './environment.ts'
import { runResource } from './run-resource.ts'
import { onTenant } from './run-routes.ts'
import { scheduleDetailResource, scheduleResource } from './schedule-resource.ts'

/** Routes below `/t/:id/schedules`. */
export function scheduleRoutes(parts: HostParts): Hono<AppEnvironment> {
  const { schedules } = parts.workflows
  const app = new Hono<AppEnvironment>()
  app.get('/', async (context) => {
    const found = await onTenant(parts, context, (tenant) => schedules.list(tenant))
    return context.json({ schedules: found.map(scheduleResource) })
  })
  app.post('/', async (context) => {
    const { id = systemRandomId(), ...body } = parseBody(createScheduleBodySchema, await readJson(parts, context))
    return put(parts, context, id, body)
  })
  app.get('/:schedule', async (context) => {
    const schedule = await onSchedule(parts, context, (tenant, id) => schedules.get(tenant, id))
    return context.json(scheduleDetailResource(schedule))
  })
  app.put('/:schedule', async (context) =>
    put(parts, context, idOf(context), parseBody(putScheduleBodySchema, await readJson(parts, context))),
  )
  app.delete('/:schedule', async (context) => {
    await onSchedule(parts, context, (tenant, id) => schedules.delete(tenant, id))
    return context.json({ id: idOf(context) })
  })
  for (const verb of ['pause', 'resume'] as const) {
    app.post(`/:schedule/${verb}`, async (context) =>
      context.json(scheduleResource(await onSchedule(parts, context, (tenant, id) => schedules[verb](tenant, id)))),
    )
  }
  app.post('/:schedule/trigger', async (context) => {
    const run = await onSchedule(parts, context, (tenant, id) => schedules.trigger(tenant, id))
    const location = `/t/${context.req.param('id')}/runs/${encodeURIComponent(run.id)}`
    return context.json(runResource(run), 202, { location })
  })
  return app
}

async function put(parts: HostParts, context: AppContext, id: string, body: PutScheduleBody): Promise<Response> {
  const { schedule, isNew } = await onTenant(
    parts,
    context,
    (tenant): Promise<PutSchedule> => parts.workflows.schedules.put(tenant, id, requestOf(body)),
  )
  const location = `/t/${context.req.param('id')}/schedules/${encodeURIComponent(id)}`
  return context.json(scheduleDetailResource(schedule), isNew ? 201 : 200, { location })
}

function requestOf(body: PutScheduleBody): ScheduleRequest {
  const { workflow, input, cron, timeZone, everyMs, overlap, catchUp, spreadMs } = body
  return {
    workflow,
    input,
    ...(cron === undefined ? {} : { cron }),
    ...(timeZone === undefined ? {} : { timeZone }),
    ...(everyMs === undefined ? {} : { everyMs }),
    ...(overlap === undefined ? {} : { overlap }),
    ...(catchUp === undefined ? {} : { catchUp }),
    ...(spreadMs === undefined ? {} : { spreadMs }),
  }
}

function idOf(context: AppContext): string {
  return context.req.param('schedule') ?? ''
}

function onSchedule<T>(
  parts: HostParts,
  context: AppContext,
  work: (tenant: TenantId, id: string) => Promise<T>,
): Promise<T> {
  return onTenant(parts, context, (tenant) => work(tenant, idOf(context)))
}
