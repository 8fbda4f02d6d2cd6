/** `/v1/tenants`: operating tenants. */
import { parseTenantId, TenaxError } from '@tenax/kernel'
import {
  createTenantBodySchema,
  durabilityQuerySchema,
  listTenantsQuerySchema,
  parseBody,
  parseSearchParams,
  patchTenantBodySchema,
  type ReleaseReceipt,
  type SnapshotList,
  type SnapshotProof,
  type TenantDurability,
  type TenantStats,
} from '@tenax/protocol'
import { type Manifest, type Proof, reportDurability } from '@tenax/tenancy'
import { Hono } from 'hono'
import { readJson } from './body.ts'
import type { AppContext, AppEnvironment, HostParts } from './environment.ts'
import { addLongVerbs } from './long-verbs.ts'
import { resourceOf, timeOf } from './tenant-resource.ts'

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
  app.post('/:id/suspend', async (context) => context.json(resourceOf(await tenancy.suspend(idOf(context)))))
  app.post('/:id/resume', async (context) => context.json(resourceOf(await tenancy.resume(idOf(context)))))
  app.get('/:id/snapshots', async (context) => context.json(snapshotsOf(await tenancy.snapshots(idOf(context)))))
  app.post('/:id/verify', async (context) => context.json(proofOf(await tenancy.scrubber.verify(idOf(context)))))
  app.post('/:id/workflows/release', async (context) => {
    const receipt: ReleaseReceipt = { released: await workflows.release(idOf(context)) }
    return context.json(receipt)
  })
  app.get('/:id/stats', async (context) => context.json(await statsOf(parts, context)))
  addLongVerbs(app, parts)
  return app
}

function idOf(context: AppContext) {
  return parseTenantId(context.req.param('id'))
}

function proofOf({ tenantId: id, manifest, provenAtMs, fileBytes, durationMs }: Proof): SnapshotProof {
  return { id, manifest, provenAt: timeOf(provenAtMs), fileBytes, durationMs }
}

function snapshotsOf(manifests: readonly Manifest[]): SnapshotList {
  const snapshots = manifests.map(({ number, lineage, lsn, createdAtMs, fileBytes, chunks }) => ({
    ...{ manifest: number, lineage, lsn: String(lsn), createdAt: timeOf(createdAtMs), fileBytes },
    storedBytes: chunks.reduce((sum, { bytes }) => sum + bytes, 0),
  }))
  return { snapshots }
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
