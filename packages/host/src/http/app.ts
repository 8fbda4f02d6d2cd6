/** The host's Hono app: guard, routes, failures. */
import { parseTenantId, TenaxError } from '@tenax/kernel'
import { openApiDocument } from '@tenax/protocol'
import { Hono, type MiddlewareHandler } from 'hono'
import type { AppEnvironment, HostParts } from './environment.ts'
import { answerFailure, hostFailed } from './failure.ts'
import { guard } from './guard.ts'
import { cursor, pipeline } from './hrana-routes.ts'
import { jobRoutes } from './job-routes.ts'
import { query } from './query-route.ts'
import { catalogGate, tenantGate } from './reply-gate.ts'
import { routeLabel } from './route-label.ts'
import { eventRoutes, runRoutes } from './run-routes.ts'
import { scheduleRoutes } from './schedule-routes.ts'
import { tenantRoutes } from './tenant-routes.ts'

/** The whole HTTP face of one host. */
export function createApp(parts: HostParts): Hono<AppEnvironment> {
  const { settings } = parts
  const app = new Hono<AppEnvironment>()
  app.onError((error, context) => answerFailure(parts, error, context))
  app.notFound((context) =>
    answerFailure(
      parts,
      new TenaxError('route_not_found', 'there is no such route', { hint: 'GET /v1/openapi.json lists them' }),
      context,
    ),
  )
  app.use(observe(parts))
  app.get('/healthz', (context) => context.json({ status: 'ok' }))
  app.get('/readyz', (context) =>
    context.json({ status: parts.isServing() ? 'ready' : 'stopping' }, parts.isServing() ? 200 : 503),
  )
  app.use(guard({ adminKey: settings.adminKey, mode: settings.guard }))
  app.use(serving(parts))
  app.get('/metrics', async (context) =>
    context.text(await parts.metrics.text(), 200, { 'content-type': 'text/plain; version=0.0.4' }),
  )
  app.get('/v1/openapi.json', (context) => context.json(openApiDocument()))
  app.use('/v1/tenants/*', catalogGate(parts))
  app.route('/v1/tenants', tenantRoutes(parts))
  app.route('/v1/jobs', jobRoutes(parts))
  addTenantFace(app, parts)
  return app
}

function addTenantFace(app: Hono<AppEnvironment>, parts: HostParts): void {
  for (const version of ['v1', 'v2', 'v3']) app.all(`/t/${version}/*`, missingSlash)
  app.use('/t/*', tenantGate(parts))
  app.post('/t/:id/query', (context) => query(parts, context))
  for (const version of ['v2', 'v3']) {
    app.get(`/t/:id/${version}`, (context) => {
      parseTenantId(context.req.param('id'))
      return context.json({ version })
    })
    app.post(`/t/:id/${version}/pipeline`, (context) => pipeline(parts, context))
  }
  app.post('/t/:id/v3/cursor', (context) => cursor(parts, context))
  app.route('/t/:id/runs', runRoutes(parts))
  app.route('/t/:id/events', eventRoutes(parts))
  app.route('/t/:id/schedules', scheduleRoutes(parts))
}

/** A client whose URL lacks its final slash posts to `/t/v2/pipeline`. */
const missingSlash: MiddlewareHandler<AppEnvironment> = async () => {
  throw new TenaxError('missing_trailing_slash', 'the client URL lacks its final slash', {
    hint: "use url: 'http://host/t/<tenant>/' with a slash at the end",
  })
}

function observe({ metrics, settings }: HostParts): MiddlewareHandler<AppEnvironment> {
  return async (context, next) => {
    const startMs = settings.clock.monotonicMs()
    await next()
    metrics.observeRequest(routeLabel(context.req.path), context.res.status, settings.clock.monotonicMs() - startMs)
  }
}

/** Refuses what comes when the host is stopping. What was under way when it failed is not acknowledged. */
function serving(parts: HostParts): MiddlewareHandler<AppEnvironment> {
  return async (context, next) => {
    if (!parts.isServing())
      throw new TenaxError('unavailable', 'the host is stopping', { hint: 'retry at another host' })
    await next()
    if (!parts.hasFailed() || !context.res.ok) return
    context.res = undefined // or Hono would carry over what the headers of the old one promise
    context.res = answerFailure(parts, hostFailed(), context)
  }
}
