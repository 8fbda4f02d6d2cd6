/** `/v1/tenants`: operating tenants. */
import { parseTenantId, TenaxError } from '@tenax/kernel'
import {
  createTenantBodySchema,
  type DeleteReceipt,
  durabilityQuerySchema,
  forkTenantBodySchema,
  listTenantsQuerySchema,
  parseBody,
  parseSearchParams,
  patchTenantBodySchema,
  type ReleaseReceipt,
  type RestoredTenant,
  restoreTenantBodySchema,
  type SnapshotList,
  type TenantDurability,
  type TenantResource,
  type TenantStats,
} from '@tenax/protocol'
import { type Manifest, reportDurability, type TenantRecord } from '@tenax/tenancy'
import { Hono } from 'hono'
import { bytesOf, readJson } from './body.ts'
import type { AppContext, AppEnvironment, HostParts } from './environment.ts'
import { streamExport } from './export-stream.ts'

const JSON_HEADERS = { 'content-type': 'application/json' }

/** Routes below `/v1/tenants`. */
export function tenantRoutes(parts: HostParts): Hono<AppEnvironment> {
  const { tenancy, workflows } = parts
  const app = new Hono<AppEnvironment>()
  app.post('/', async (context) => {
    const { id, durability } = parseBody(createTenantBodySchema, await readJson(parts, context))
    const record = await tenancy.create(parseTenantId(id), { durability: durability ?? undefined })
    return context.json(resourceOf(record), 201, { location: `/v1/tenants/${record.id}` })
  })
  app.get('/', (context) => context.json(listTenants(parts, context)))
  app.get('/:id', (context) => context.json(resourceOf(tenancy.get(idOf(context)))))
  app.patch('/:id', async (context) => {
    const { durability } = parseBody(patchTenantBodySchema, await readJson(parts, context))
    const id = idOf(context)
    if (durability === undefined) return context.json(resourceOf(tenancy.get(id)))
    return context.json(resourceOf(await tenancy.classes.set(id, durability ?? undefined)))
  })
  app.get('/:id/durability', async (context) => context.json(await durabilityOf(parts, context)))
  app.delete('/:id', async (context) => {
    const { id, incarnation, deletedAtMs } = await tenancy.delete(idOf(context))
    const receipt: DeleteReceipt = { id, incarnation, deletedAt: timeOf(deletedAtMs) }
    return context.json(receipt)
  })
  app.post('/:id/suspend', async (context) => context.json(resourceOf(await tenancy.suspend(idOf(context)))))
  app.post('/:id/resume', async (context) => context.json(resourceOf(await tenancy.resume(idOf(context)))))
  app.post('/:id/archive', async (context) => context.json(resourceOf(await tenancy.archive(idOf(context)))))
  app.post('/:id/hydrate', async (context) => context.json(resourceOf(await tenancy.hydrate(idOf(context)))))
  app.get('/:id/snapshots', async (context) => context.json(snapshotsOf(await tenancy.snapshots(idOf(context)))))
  app.post('/:id/fork', async (context) => {
    const { id, manifest } = parseBody(forkTenantBodySchema, await readJson(parts, context))
    const record = await tenancy.fork(idOf(context), parseTenantId(id), manifest ?? undefined)
    return context.json(resourceOf(record), 201, { location: `/v1/tenants/${record.id}` })
  })
  app.post('/:id/restore', async (context) => {
    const { manifest } = parseBody(restoreTenantBodySchema, await readJson(parts, context))
    const { record, replacedManifest } = await tenancy.restore(idOf(context), manifest)
    const restored: RestoredTenant = { ...resourceOf(record), replacedManifest: replacedManifest ?? null }
    return context.json(restored)
  })
  app.post('/:id/workflows/release', async (context) => {
    const receipt: ReleaseReceipt = { released: await workflows.release(idOf(context)) }
    return context.json(receipt)
  })
  app.get('/:id/stats', async (context) => context.json(await statsOf(parts, context)))
  app.get('/:id/export', (context) => streamExport(parts, { id: idOf(context), method: context.req.method }))
  app.put('/:id/import', async (context) => {
    refuseOtherTypes(context)
    const { record, created } = await tenancy.import(idOf(context), bytesOf(context))
    return new Response(JSON.stringify(resourceOf(record)), { status: created ? 201 : 200, headers: JSON_HEADERS })
  })
  return app
}

function idOf(context: AppContext) {
  return parseTenantId(context.req.param('id'))
}

/** The resource of a catalog row: the strongest of its states is the one shown. */
export function resourceOf(record: TenantRecord): TenantResource {
  const { id, incarnation, suspendedAtMs, quarantineReason } = record
  const serving =
    quarantineReason !== undefined ? 'quarantined' : suspendedAtMs !== undefined ? 'suspended' : record.state
  return {
    id,
    incarnation,
    state: record.state === 'warm' || record.state === 'archived' ? serving : record.state,
    createdAt: timeOf(record.createdAtMs),
    suspendedAt: suspendedAtMs === undefined ? null : timeOf(suspendedAtMs),
    quarantineReason: quarantineReason ?? null,
    durability: record.durability ?? null,
    url: `/t/${id}/`,
  }
}

function snapshotsOf(manifests: readonly Manifest[]): SnapshotList {
  const snapshots = manifests.map(({ number, lineage, lsn, createdAtMs, fileBytes, chunks }) => ({
    ...{ manifest: number, lineage, lsn: String(lsn), createdAt: timeOf(createdAtMs), fileBytes },
    storedBytes: chunks.reduce((sum, { bytes }) => sum + bytes, 0),
  }))
  return { snapshots }
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString()
}

function listTenants({ tenancy }: HostParts, context: AppContext) {
  const query = parseSearchParams(listTenantsQuerySchema, new URL(context.req.url).searchParams)
  const { tenants, nextAfterId } = tenancy.list({
    limit: query.limit,
    afterId: query.cursor === undefined ? '' : afterIdOf(query.cursor),
    prefix: query.prefix ?? '',
    accepts: (record) => query.state === undefined || resourceOf(record).state === query.state,
  })
  const nextCursor = nextAfterId === undefined ? null : Buffer.from(nextAfterId).toString('base64url')
  return { tenants: tenants.map(resourceOf), nextCursor }
}

function afterIdOf(cursor: string): string {
  try {
    return parseTenantId(Buffer.from(cursor, 'base64url').toString('utf8'))
  } catch (error) {
    throw new TenaxError('cursor_invalid', 'not a cursor that a list has answered', {
      cause: error,
      hint: 'begin the list anew',
    })
  }
}

async function statsOf({ tenancy }: HostParts, context: AppContext): Promise<TenantStats> {
  const id = idOf(context)
  const stats = await tenancy.stats(id)
  const { pageCount, pageBytes, freePages, walBytes, pageCountMax, lineage } = stats
  const fileBytes = pageCount * pageBytes
  return {
    id,
    pageCount,
    pageBytes,
    fileBytes,
    walBytes,
    freePages,
    pageCountMax,
    lineage,
    lsn: String(stats.lsn),
    open: stats.wasOpen,
  }
}

async function durabilityOf({ tenancy, settings }: HostParts, context: AppContext): Promise<TenantDurability> {
  const query = parseSearchParams(durabilityQuerySchema, new URL(context.req.url).searchParams)
  const { class: durability, timeout_ms: timeoutMs, wait_lsn: token } = query
  const wait = token === undefined ? undefined : { ...positionOf(token), durability, timeoutMs }
  const report = await reportDurability({ tenancy, clock: settings.clock }, idOf(context), wait)
  const { lineage, committed, local, remote, waited } = report
  const [stored, ended] = [remote === undefined ? null : String(remote), waited ?? null]
  return { lineage, committed: String(committed), local: String(local), remote: stored, waited: ended }
}

function positionOf(token: string): { readonly lineage: string; readonly lsn: bigint } {
  const [lineage = '', lsn = ''] = token.split('.')
  return { lineage, lsn: BigInt(lsn) }
}

function refuseOtherTypes(context: AppContext): void {
  const type = (context.req.header('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase()
  if (type === 'application/vnd.sqlite3' || type === 'application/x-sqlite3' || type === 'application/octet-stream')
    return
  throw new TenaxError('content_type_unsupported', 'an import is a raw SQLite file', {
    hint: 'send Content-Type: application/vnd.sqlite3',
  })
}
