/** Verbs on a tenant that may take long: each is answered when it has ended, or with `?job=true` at once, with the job that does it. */
import { parseTenantId, type TenantId, TenaxError } from '@tenax/kernel'
import {
  type DeleteReceipt,
  forkTenantBodySchema,
  type JobVerb,
  jobQuerySchema,
  parseBody,
  parseSearchParams,
  type RestoredTenant,
  restoreTenantBodySchema,
  startExportQuerySchema,
} from '@tenax/protocol'
import { metered, type Remains, type ScratchFile, type TenantExport } from '@tenax/tenancy'
import type { Hono } from 'hono'
import type { Job, JobOutcome } from '../jobs/job.ts'
import type { JobKey } from '../jobs/jobs.ts'
import { bytesOf, readJson } from './body.ts'
import type { AppContext, AppEnvironment, HostParts } from './environment.ts'
import { streamExport } from './export-stream.ts'
import { headerKeyOf, REPLAYED_HEADER } from './idempotency.ts'
import { jobResource } from './job-resource.ts'
import { type KeptExport, sendOnce } from './kept-file.ts'
import { resourceOf, timeOf } from './tenant-resource.ts'

/** A verb as its request has it. */
interface LongVerb {
  readonly verb: JobVerb
  readonly tenant: TenantId
  /** The tenant that is made of it. */
  readonly makes?: TenantId
  /** What of the body counts, for who repeats the request. */
  readonly about?: unknown
  /** Gives the body of the answer, and its status where that is not 200. */
  readonly work: () => Promise<Answer>
}

interface Answer {
  readonly body: object
  readonly status?: 201
  readonly headers?: Record<string, string>
}

/** Adds their routes below `/v1/tenants`. */
export function addLongVerbs(app: Hono<AppEnvironment>, parts: HostParts): void {
  const { tenancy } = parts
  for (const verb of ['archive', 'hydrate'] as const) {
    app.post(`/:id/${verb}`, (context) => {
      const tenant = idOf(context)
      return answer(parts, context, {
        verb,
        tenant,
        work: async () => ({ body: resourceOf(await tenancy[verb](tenant)) }),
      })
    })
  }
  app.post('/:id/fork', (context) => fork(parts, context))
  app.post('/:id/restore', (context) => restore(parts, context))
  app.delete('/:id', (context) => {
    const tenant = idOf(context)
    return answer(parts, context, { verb: 'delete', tenant, work: () => deleted(parts, tenant) })
  })
  app.get('/:id/export', (context) => streamExport(parts, { id: idOf(context), method: context.req.method }))
  app.post('/:id/export', (context) => startExport(parts, context))
  app.put('/:id/import', (context) => importFile(parts, context))
}

function idOf(context: AppContext): TenantId {
  return parseTenantId(context.req.param('id'))
}

async function fork(parts: HostParts, context: AppContext): Promise<Response> {
  const { id, manifest } = parseBody(forkTenantBodySchema, await readJson(parts, context))
  const [tenant, makes] = [idOf(context), parseTenantId(id)]
  const work = async (): Promise<Answer> => {
    const record = await parts.tenancy.fork(tenant, makes, manifest ?? undefined)
    return { body: resourceOf(record), status: 201, headers: { location: `/v1/tenants/${record.id}` } }
  }
  return answer(parts, context, { verb: 'fork', tenant, makes, about: { id, manifest }, work })
}

async function restore(parts: HostParts, context: AppContext): Promise<Response> {
  const { manifest } = parseBody(restoreTenantBodySchema, await readJson(parts, context))
  const tenant = idOf(context)
  const work = async (): Promise<Answer> => {
    const { record, replacedManifest } = await parts.tenancy.restore(tenant, manifest)
    const body: RestoredTenant = { ...resourceOf(record), replacedManifest: replacedManifest ?? null }
    return { body }
  }
  return answer(parts, context, { verb: 'restore', tenant, about: { manifest }, work })
}

async function deleted({ tenancy }: HostParts, tenant: TenantId): Promise<Answer> {
  const { id, incarnation, deletedAtMs, remains } = await tenancy.delete(tenant)
  const known = remains.map((where) => ({ where, until: null, note: REMAINS[where] }))
  const body: DeleteReceipt = { id, incarnation, deletedAt: timeOf(deletedAtMs), remains: known }
  return { body }
}

/** What is known of the end of each. */
const REMAINS: Readonly<Record<Remains, string>> = {
  snapshots: 'its snapshots in object storage are removed now; while that is away, it is tried every 30 s',
  local_ledger:
    "segments of the server's ledger, which all tenants share, hold pages of it until they are trimmed: with the next start at the latest, if all in them is stored",
  stored_ledger:
    'objects of the stored ledger, which all tenants share, hold pages of it, and no server removes those objects yet',
}

/** Does it now, or as a job. */
async function answer(parts: HostParts, context: AppContext, long: LongVerb): Promise<Response> {
  if (!isJob(context)) {
    const { body, status = 200, headers = {} } = await long.work()
    return context.json(body, status, headers)
  }
  const { verb, tenant, makes, about } = long
  const key = keyOf(context, [verb, tenant, about])
  const known = parts.jobs.known(key)
  if (known !== undefined) return accepted(context, known, true)
  parts.tenancy.get(tenant) // what is not there is told at once
  const watched = makes === undefined ? [tenant] : [tenant, makes]
  const work = async (): Promise<JobOutcome> => ({ result: (await long.work()).body })
  return accepted(context, parts.jobs.begin({ verb, tenant, watched, key, work }), false)
}

function isJob({ req }: AppContext): boolean {
  return parseSearchParams(jobQuerySchema, new URL(req.url).searchParams).job === 'true'
}

function keyOf(context: AppContext, request: unknown): JobKey | undefined {
  const key = headerKeyOf(context)
  return key === undefined ? undefined : { key, request: JSON.stringify(request) }
}

function accepted(context: AppContext, { record }: Job, isReplay: boolean): Response {
  const headers = { location: `/v1/jobs/${record.id}`, ...(isReplay ? { [REPLAYED_HEADER]: 'true' } : {}) }
  return context.json(jobResource(record), 202, headers)
}

/** An export that changes something, or whose file waits to be fetched: it is written whole before it leaves. */
async function startExport(parts: HostParts, context: AppContext): Promise<Response> {
  const { move, job } = parseSearchParams(startExportQuerySchema, new URL(context.req.url).searchParams)
  const tenant = idOf(context)
  if (job === 'true') return exportJob(parts, context, { tenant, isMove: move === 'true' })
  if (move === 'true') return sendOnce(tenant, await exported(parts, tenant, true))
  throw new TenaxError('argument_invalid', 'POST …/export is for a job, or a move', {
    hint: 'POST …/export?job=true or ?move=true, or GET …/export for the file itself',
  })
}

interface ExportRequest {
  readonly tenant: TenantId
  readonly isMove: boolean
}

function exportJob(parts: HostParts, context: AppContext, { tenant, isMove }: ExportRequest): Response {
  const { jobs, tenancy } = parts
  const key = keyOf(context, ['export', tenant, isMove])
  const known = jobs.known(key)
  if (known !== undefined) return accepted(context, known, true)
  tenancy.get(tenant)
  const work = () => exported(parts, tenant, isMove)
  return accepted(context, jobs.begin({ verb: 'export', tenant, watched: [tenant], key, work }), false)
}

/** The tenant's file, whole; with `isMove` the tenant is suspended then, its workflows held. */
function exported({ jobs, tenancy }: HostParts, tenant: TenantId, isMove: boolean): Promise<KeptExport> {
  const keep = async (source: TenantExport): Promise<KeptExport> => {
    const release = jobs.takeRoom(source.bytes)
    try {
      const file = await tenancy.files.receive(metered(source, tenancy.transfers.of(tenant)), source.bytes)
      return { result: { id: tenant, bytes: file.bytes }, file, release }
    } catch (error) {
      release()
      throw error
    }
  }
  return isMove ? tenancy.move(tenant, keep) : tenancy.export(tenant, keep)
}

async function importFile(parts: HostParts, context: AppContext): Promise<Response> {
  refuseOtherTypes(context)
  const tenant = idOf(context)
  const { tenancy } = parts
  if (isJob(context)) return importJob(parts, context, tenant)
  const { record, created } = await tenancy.import(tenant, bytesOf(context))
  return context.json(resourceOf(record), created ? 201 : 200)
}

/** The body is taken within the request; what is made of it is the job. */
async function importJob(
  { tenancy, jobs, settings }: HostParts,
  context: AppContext,
  tenant: TenantId,
): Promise<Response> {
  const key = keyOf(context, ['import', tenant])
  const known = jobs.known(key)
  if (known !== undefined) return accepted(context, known, true)
  const file = await tenancy.files.receive(bytesOf(context), settings.tenancy.importBytesMax)
  let release: () => void = () => undefined
  const abandon = async () => {
    await file.remove()
    release()
  }
  try {
    const meanwhile = jobs.known(key)
    if (meanwhile !== undefined) {
      await abandon()
      return accepted(context, meanwhile, true)
    }
    release = jobs.takeRoom(file.bytes)
    const work = () => imported(tenancy, tenant, file).finally(abandon)
    return accepted(context, jobs.begin({ verb: 'import', tenant, watched: [tenant], key, work, abandon }), false)
  } catch (error) {
    await abandon()
    throw error
  }
}

async function imported(tenancy: HostParts['tenancy'], tenant: TenantId, file: ScratchFile): Promise<JobOutcome> {
  const { record } = await tenancy.import(tenant, file)
  return { result: resourceOf(record) }
}

function refuseOtherTypes(context: AppContext): void {
  const type = (context.req.header('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase()
  if (type === 'application/vnd.sqlite3' || type === 'application/x-sqlite3' || type === 'application/octet-stream')
    return
  throw new TenaxError('content_type_unsupported', 'an import is a raw SQLite file', {
    hint: 'send Content-Type: application/vnd.sqlite3',
  })
}
