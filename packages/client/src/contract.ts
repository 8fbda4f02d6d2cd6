/**
 * The HTTP contract as a server in memory: a `fetch` without a network, for tests of what speaks to Tenax. SQL runs on
 * `node:sqlite`; requests and replies go through the same codecs as in the real host, so a wrong one is refused here too.
 */
import { DatabaseSync } from 'node:sqlite'
import {
  isTenaxError,
  messageOf,
  parseTenantId,
  type SqlArgs,
  type SqlResult,
  type SqlValue,
  TenaxError,
} from '@tenax/kernel'
import {
  createTenantBodySchema,
  decodeJsonArgs,
  durabilityQuerySchema,
  encodePipelineReply,
  encodeQueryReply,
  encodeStatementResult,
  forkTenantBodySchema,
  type HranaStatement,
  listTenantsQuerySchema,
  parseBody,
  parsePipelineRequest,
  parseSearchParams,
  patchTenantBodySchema,
  queryBodySchema,
  restoreTenantBodySchema,
  type StreamRequest,
  type StreamResult,
  type TenantResource,
  toHranaError,
  toHranaProblem,
  toProblem,
} from '@tenax/protocol'
import { FakeJobStore, type FakeJobs } from './contract-jobs.ts'
import { FakeRunStore, type FakeRuns } from './contract-runs.ts'
import { FakeScheduleStore } from './contract-schedules.ts'

/** A request as the fake saw it, with its body as text. */
export interface SeenRequest {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** What a {@link fakeServer} answers with. */
export interface FakeServer {
  readonly fetch: (request: Request) => Promise<Response>
  readonly seen: readonly SeenRequest[]
  readonly runs: FakeRuns
  readonly jobs: FakeJobs
  /** What exports answer, and what the last import sent. */
  file: Uint8Array<ArrayBuffer>
  /** Answers the next request in place of the fake; for broken servers. */
  answerNext(response: Response | Error): void
  /** From now on the tenant's snapshot is damaged. */
  damageSnapshot(id: string, reason: string): void
  /** Forgets every open stream, as an idle time does. */
  expireStreams(): void
}

interface FakeTenant {
  resource: TenantResource
  readonly db: DatabaseSync
}

interface FakeState {
  readonly adminKey: string | undefined
  readonly tenants: Map<string, FakeTenant>
  /** Baton to tenant id. */
  readonly streams: Map<string, string>
  batonCount: number
  readonly runs: FakeRunStore
  readonly schedules: FakeScheduleStore
  readonly jobs: FakeJobStore
  file: Uint8Array<ArrayBuffer>
}

const REMAINS = { where: 'local_ledger', until: null, note: 'until it is trimmed' }
const CREATED_AT = '2026-11-22T12:00:00.000Z'

/** A server with no tenants. With `adminKey` it refuses every request that does not carry it. */
export function fakeServer({ adminKey }: { readonly adminKey?: string } = {}): FakeServer {
  const file = new TextEncoder().encode('SQLite format 3\0')
  const state: FakeState = {
    adminKey,
    tenants: new Map(),
    streams: new Map(),
    batonCount: 0,
    file,
    runs: new FakeRunStore(),
    schedules: new FakeScheduleStore(),
    jobs: new FakeJobStore(),
  }
  const seen: SeenRequest[] = []
  let next: Response | Error | undefined
  return {
    seen,
    runs: state.runs,
    jobs: state.jobs,
    get file() {
      return state.file
    },
    set file(bytes) {
      state.file = bytes
    },
    answerNext(response) {
      next = response
    },
    damageSnapshot(id, snapshotDamage) {
      const tenant = tenantOf(state, id)
      tenant.resource = { ...tenant.resource, snapshotDamage }
    },
    expireStreams: () => expireStreams(state),
    async fetch(request) {
      const bytes = new Uint8Array(await request.arrayBuffer())
      const { pathname } = new URL(request.url)
      const headers = Object.fromEntries(request.headers)
      seen.push({ method: request.method, path: pathname, headers, body: new TextDecoder().decode(bytes) })
      const given = next
      next = undefined
      if (given instanceof Error) throw given
      return given ?? answer(state, request, bytes)
    },
  }
}

function expireStreams({ streams, tenants }: FakeState): void {
  for (const id of streams.values()) {
    const db = tenants.get(id)?.db
    if (db?.isTransaction) db.exec('rollback')
  }
  streams.clear()
}

async function answer(state: FakeState, request: Request, bytes: Uint8Array<ArrayBuffer>): Promise<Response> {
  const { pathname, searchParams } = new URL(request.url)
  const isHrana = /\/v[23]\/pipeline$/.test(pathname)
  try {
    authorize(state, request)
    const [, area, first = '', ...path] = pathname.split('/')
    if (area === 't' && (path[0] === 'runs' || path[0] === 'events')) {
      refuseSuspended(tenantOf(state, first))
      const { method, headers } = request
      return state.runs.answer({ method, headers, tenantId: first, path, searchParams, body: jsonOf(bytes) })
    }
    if (area === 't' && path[0] === 'schedules') {
      refuseSuspended(tenantOf(state, first))
      return state.schedules.answer({ method: request.method, tenantId: first, path, body: jsonOf(bytes) })
    }
    if (area === 't') return answerTenant(tenantOf(state, first), { state, route: path[0] ?? '', body: jsonOf(bytes) })
    if (first === 'jobs') return state.jobs.answer(request, path)
    if (first !== 'tenants') throw new TenaxError('route_not_found', 'there is no such route')
    const admin = { request, bytes, searchParams, path }
    if (searchParams.get('job') !== 'true') return answerAdmin(state, admin)
    return await state.jobs.begin(path[1] ?? 'delete', path[0] ?? '', () => answerAdmin(state, admin))
  } catch (error) {
    const { status, headers, body } = isHrana ? toHranaProblem(error) : toProblem(error)
    return new Response(JSON.stringify(body), { status, headers })
  }
}

function authorize({ adminKey }: FakeState, { method, headers }: Request): void {
  if (adminKey !== undefined && headers.get('authorization') !== `Bearer ${adminKey}`) {
    throw new TenaxError('unauthorized', 'the key is wrong or missing', { hint: 'set TENAX_ADMIN_KEY' })
  }
  if (method !== 'GET' && !/^application\//.test(headers.get('content-type') ?? '')) {
    throw new TenaxError('content_type_unsupported', 'a change needs a content type')
  }
}

function jsonOf(bytes: Uint8Array): unknown {
  return bytes.byteLength === 0 ? undefined : JSON.parse(new TextDecoder().decode(bytes))
}

function tenantOf({ tenants }: FakeState, id: string): FakeTenant {
  const tenant = tenants.get(parseTenantId(id))
  if (tenant === undefined)
    throw new TenaxError('tenant_not_found', `there is no tenant "${id}"`, { hint: 'create it' })
  return tenant
}

interface AdminRequest {
  readonly request: Request
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly searchParams: URLSearchParams
  readonly path: readonly string[]
}

function answerAdmin(state: FakeState, { request, bytes, searchParams, path: [id, verb] }: AdminRequest): Response {
  if (id === undefined) {
    return request.method === 'POST' ? createTenant(state, jsonOf(bytes)) : listTenants(state, searchParams)
  }
  if (verb === 'import') return importTenant(state, id, bytes)
  const tenant = tenantOf(state, id)
  switch (verb ?? request.method) {
    case 'GET':
      return Response.json(tenant.resource)
    case 'DELETE':
      state.tenants.delete(id)
      return Response.json({ id, incarnation: tenant.resource.incarnation, deletedAt: CREATED_AT, remains: [REMAINS] })
    case 'suspend':
      tenant.resource = { ...tenant.resource, state: 'suspended', suspendedAt: CREATED_AT }
      return Response.json(tenant.resource)
    case 'resume':
      tenant.resource = { ...tenant.resource, state: 'warm', suspendedAt: null }
      return Response.json(tenant.resource)
    case 'archive':
    case 'hydrate':
      tenant.resource = { ...tenant.resource, state: verb === 'archive' ? 'archived' : 'warm' }
      return Response.json(tenant.resource)
    case 'snapshots':
      return Response.json({ snapshots: [] })
    case 'verify':
      return Response.json(proofOf(tenant))
    case 'fork':
      return Response.json(addTenant(state, parseBody(forkTenantBodySchema, jsonOf(bytes)).id), { status: 201 })
    case 'restore':
      parseBody(restoreTenantBodySchema, jsonOf(bytes))
      return Response.json({ ...tenant.resource, replacedManifest: 7 })
    case 'PATCH':
      return patchTenant(tenant, jsonOf(bytes))
    case 'durability':
      parseSearchParams(durabilityQuerySchema, searchParams)
      return Response.json({
        lineage: 'lineage0lineage0line',
        committed: '7',
        local: '7',
        remote: null,
        waited: 'reached',
      })
    case 'workflows':
      return Response.json({ released: state.runs.release(id) })
    case 'stats':
      refuseSuspended(tenant)
      return Response.json(statsOf(id))
    case 'export':
      if (searchParams.get('move') === 'true')
        tenant.resource = { ...tenant.resource, state: 'suspended', suspendedAt: CREATED_AT }
      return new Response(state.file, { headers: { 'content-length': String(state.file.byteLength) } })
    default:
      throw new TenaxError('route_not_found', 'there is no such route')
  }
}

const UNPROVEN = { provenAt: null, provenManifest: null, snapshotDamage: null }

/** A tenant's snapshot is damaged when that was said of it, and there is none of a tenant that was never archived. */
function proofOf(tenant: FakeTenant): unknown {
  const { id, snapshotDamage, state } = tenant.resource
  if (snapshotDamage !== null) throw new TenaxError('snapshot_damaged', `snapshot 1 is damaged: ${snapshotDamage}`)
  if (state !== 'archived') throw new TenaxError('snapshot_not_found', `tenant "${id}" has no snapshot`)
  tenant.resource = { ...tenant.resource, provenAt: CREATED_AT, provenManifest: 1 }
  return { id, manifest: 1, provenAt: CREATED_AT, fileBytes: 12_288, durationMs: 3 }
}

function patchTenant(tenant: FakeTenant, body: unknown): Response {
  const { durability = null } = parseBody(patchTenantBodySchema, body)
  tenant.resource = { ...tenant.resource, durability }
  return Response.json(tenant.resource)
}

function statsOf(id: string): unknown {
  const pages = { pageCount: 3, pageBytes: 4096, fileBytes: 12_288, walBytes: 0, freePages: 1, pageCountMax: 262_144 }
  return { id, ...pages, lineage: 'lineage0lineage0line', lsn: '9223372036854775807', open: true }
}

function addTenant(state: FakeState, id: string): TenantResource {
  const incarnation = 'incarnation0incarnat'
  const times = { createdAt: CREATED_AT, suspendedAt: null }
  const resource: TenantResource = {
    ...{ id, incarnation, state: 'warm', url: `/t/${id}/` },
    ...{ ...times, quarantineReason: null, durability: null, ...UNPROVEN },
  }
  state.tenants.set(id, { resource, db: new DatabaseSync(':memory:') })
  return resource
}

function createTenant(state: FakeState, body: unknown): Response {
  const { id: text, durability = null } = parseBody(createTenantBodySchema, body)
  const id = parseTenantId(text)
  if (state.tenants.has(id)) throw new TenaxError('tenant_exists', `there is a tenant "${id}"`, { hint: 'delete it' })
  const resource = addTenant(state, id)
  return Response.json(Object.assign(resource, { durability }), { status: 201 })
}

function listTenants({ tenants }: FakeState, searchParams: URLSearchParams): Response {
  const { limit, cursor = '', state, prefix = '' } = parseSearchParams(listTenantsQuerySchema, searchParams)
  const matching = [...tenants.values()]
    .map((tenant) => tenant.resource)
    .filter((tenant) => tenant.id > cursor && tenant.id.startsWith(prefix))
    .filter((tenant) => state === undefined || tenant.state === state)
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
  const page = matching.slice(0, limit)
  return Response.json({ tenants: page, nextCursor: matching.length > limit ? (page.at(-1)?.id ?? null) : null })
}

function importTenant(state: FakeState, id: string, bytes: Uint8Array<ArrayBuffer>): Response {
  if (!new TextDecoder().decode(bytes).startsWith('SQLite format 3\0')) {
    throw new TenaxError('import_invalid', 'not a SQLite file', { details: { reason: 'header' } })
  }
  state.file = bytes
  const existed = state.tenants.has(parseTenantId(id))
  return Response.json(addTenant(state, id), { status: existed ? 200 : 201 })
}

function refuseSuspended({ resource }: FakeTenant): void {
  if (resource.suspendedAt !== null) throw new TenaxError('tenant_suspended', 'the tenant is suspended')
}

interface TenantRequest {
  readonly state: FakeState
  readonly route: string
  readonly body: unknown
}

function answerTenant(tenant: FakeTenant, { state, route, body }: TenantRequest): Response {
  refuseSuspended(tenant)
  if (route !== 'query') return answerPipeline(tenant, state, body)
  const { sql, args } = parseBody(queryBodySchema, body)
  return Response.json(encodeQueryReply(runSql(tenant.db, sql, decodeJsonArgs(args))))
}

function answerPipeline(tenant: FakeTenant, state: FakeState, body: unknown): Response {
  const { baton, requests } = parsePipelineRequest(body)
  if (baton !== undefined && !state.streams.delete(baton)) {
    throw new TenaxError('baton_invalid', 'the baton is not of an open stream')
  }
  const results = requests.map((request) => streamResult(tenant.db, request))
  if (requests.at(-1)?.type === 'close') return pipelineReply(undefined, results)
  const nextBaton = `baton-${state.batonCount++}`
  state.streams.set(nextBaton, tenant.resource.id)
  return pipelineReply(nextBaton, results)
}

function pipelineReply(baton: string | undefined, results: readonly StreamResult[]): Response {
  return new Response(JSON.stringify(encodePipelineReply(baton, results)))
}

function streamResult(db: DatabaseSync, request: StreamRequest): StreamResult {
  try {
    if (request.type === 'execute') {
      const result = runSql(db, sqlOf(request.statement), argsOf(request.statement))
      const options = { wantRows: true, durationMs: 0 }
      return { type: 'ok', response: { type: 'execute', result: encodeStatementResult(result, options) } }
    }
    if (request.type === 'get_autocommit') {
      return { type: 'ok', response: { type: 'get_autocommit', is_autocommit: !db.isTransaction } }
    }
    if (db.isTransaction) db.exec('rollback')
    return { type: 'ok', response: { type: 'close' } }
  } catch (error) {
    return { type: 'error', error: toHranaError(error) }
  }
}

function sqlOf({ source }: HranaStatement): string {
  if ('sql' in source) return source.sql
  throw new TenaxError('baton_invalid', 'the stream stored no such text')
}

function argsOf({ args: { positional, named } }: HranaStatement): SqlArgs {
  return named.length === 0 ? positional : Object.fromEntries(named.map(({ name, value }) => [name, value]))
}

function runSql(db: DatabaseSync, sql: string, args: SqlArgs): SqlResult {
  try {
    const statement = db.prepare(sql)
    statement.setReturnArrays(true)
    statement.setReadBigInts(true)
    const columns = statement.columns().map(({ name, type }) => ({ name, decltype: type ?? null }))
    const rows = isPositional(args) ? statement.all(...args) : statement.all({ ...args })
    const [changes, rowid] = Object.values(db.prepare('select changes(), last_insert_rowid()').get() ?? {})
    const isWrite = columns.length === 0
    return {
      ...{ columns, rows: rows.map((row) => Object.values(row)) },
      rowsAffected: isWrite ? Number(changes) : 0,
      lastInsertRowid: isWrite ? BigInt(Number(rowid)) : undefined,
    }
  } catch (error) {
    if (isTenaxError(error)) throw error
    throw new TenaxError('sql_error', messageOf(error), { details: { sqliteCode: 'SQLITE_ERROR' } })
  }
}

function isPositional(args: SqlArgs): args is readonly SqlValue[] {
  return Array.isArray(args)
}
