/** Operating tenants: `/v1/tenants`. */
import { type DurabilityClass, parseTenantId } from '@tenax/kernel'
import {
  type DeleteReceipt,
  deleteReceiptSchema,
  type ReleaseReceipt,
  type RestoredTenant,
  releaseReceiptSchema,
  restoredTenantSchema,
  type SnapshotList,
  type SnapshotProof,
  snapshotListSchema,
  snapshotProofSchema,
  type TenantPage,
  type TenantResource,
  type TenantState,
  type TenantStats,
  tenantPageSchema,
  tenantSchema,
  tenantStatsSchema,
} from '@tenax/protocol'
import { type Call, type Connection, callJson, type RequestBody, send } from './connection.ts'
import { type Download, downloadOf } from './download.ts'
import { malformedReply } from './failure.ts'

/** Which tenants a list has. */
export interface TenantFilter {
  readonly state?: TenantState | undefined
  /** Only ids that begin so. */
  readonly prefix?: string | undefined
}

/** Options of {@link TenantAdmin.list}. */
export interface ListTenantsOptions extends TenantFilter {
  /** Most tenants in the page: 1 to 1000, default 100. */
  readonly limit?: number | undefined
  /** `nextCursor` of the page before. */
  readonly cursor?: string | undefined
}

/** Options of {@link TenantAdmin.all}. */
export interface AllTenantsOptions extends TenantFilter {
  /** Tenants per request: 1 to 1000, default 1000. */
  readonly pageLimit?: number | undefined
}

/** Options of {@link TenantAdmin.create}. */
export interface CreateTenantOptions {
  /** The tenant's own class; the server's if unsaid. */
  readonly durability?: DurabilityClass | undefined
}

/** Options of {@link TenantAdmin.export}. */
export interface ExportOptions {
  /** Suspends the tenant and holds its workflows first, so that its runs go on in the copy only. Safe to repeat. Default false. */
  readonly move?: boolean | undefined
}

/** Options of {@link TenantAdmin.import}. */
export interface ImportOptions {
  /** Length of a stream. Then a stream of another length fails before the server takes it for whole. */
  readonly bytes?: number | undefined
}

/** A SQLite file on its way to the server. */
export type ImportBody = ReadableStream<Uint8Array> | Blob | Uint8Array<ArrayBuffer>

/**
 * What an operator does with tenants. Every method rejects with a TenaxError: `tenant_id_invalid` before anything is sent,
 * `tenant_not_found`, `unauthorized`, `unavailable` when no answer came, and the codes named beside it.
 */
export interface TenantAdmin {
  /** Creates an empty tenant. Fails with `tenant_exists`. */
  create(id: string, options?: CreateTenantOptions): Promise<TenantResource>
  /** Gives the tenant its own class, or with null the server's. Fails with `remote_not_configured`. */
  setDurability(id: string, durability: DurabilityClass | null): Promise<TenantResource>
  get(id: string): Promise<TenantResource>
  /** One page, sorted by id. Fails with `cursor_invalid`, `argument_invalid`. */
  list(options?: ListTenantsOptions): Promise<TenantPage>
  /** All tenants, sorted by id, page by page as they are read. */
  all(options?: AllTenantsOptions): AsyncIterableIterator<TenantResource>
  /** Removes the tenant and its data. */
  delete(id: string): Promise<DeleteReceipt>
  /** Refuses the tenant's requests until {@link TenantAdmin.resume}. Safe to repeat. */
  suspend(id: string): Promise<TenantResource>
  /** Safe to repeat. */
  resume(id: string): Promise<TenantResource>
  /** Puts the tenant into object storage; its next use brings it back. Safe to repeat. Fails with `store_not_configured`, `tenant_busy`. */
  archive(id: string): Promise<TenantResource>
  /** Brings an archived tenant back. Safe to repeat. */
  hydrate(id: string): Promise<TenantResource>
  /** Snapshots of the tenant in object storage, newest first. */
  snapshots(id: string): Promise<SnapshotList>
  /** Restores the last snapshot to a scratch file and checks it; the tenant serves on. Fails with `snapshot_damaged`, `snapshot_not_found`. */
  verify(id: string): Promise<SnapshotProof>
  /**
   * Makes the tenant `to` of what this one has now, or had at a snapshot; its workflows are held. Fails with `tenant_exists`,
   * `snapshot_not_found`, `snapshot_damaged`.
   */
  fork(id: string, to: string, options?: { readonly manifest?: number | undefined }): Promise<TenantResource>
  /**
   * Makes the tenant what it was at a snapshot; its workflows are held. What it was until then is a snapshot, `replacedManifest`. Fails
   * with `snapshot_not_found`, `snapshot_damaged`, `store_not_configured`.
   */
  restore(id: string, manifest: number): Promise<RestoredTenant>
  /** Fails with `tenant_archived`: to look at a tenant does not bring it back. */
  stats(id: string): Promise<TenantStats>
  /** Lets runs of workflows go on that an import holds, and tries blocked ones again. Safe to repeat. */
  releaseWorkflows(id: string): Promise<ReleaseReceipt>
  /** One consistent SQLite file. Its body fails with `unavailable` when it breaks off. */
  export(id: string, options?: ExportOptions): Promise<Download>
  /** Creates the tenant from a SQLite file, or replaces all that it holds. Fails with `import_invalid`. */
  import(id: string, body: ImportBody, options?: ImportOptions): Promise<TenantResource>
}

const TENANTS_PATH = 'v1/tenants'
const SQLITE_CONTENT_TYPE = 'application/vnd.sqlite3'
const PAGE_LIMIT_DEFAULT = 1000

/** The operator's side of `connection`; nothing is sent. */
export function tenantAdmin(connection: Connection): TenantAdmin {
  const tenant = (call: Call): Promise<TenantResource> => callJson(connection, call, tenantSchema)
  return {
    create: async (id, { durability } = {}) =>
      tenant({ method: 'POST', path: TENANTS_PATH, json: { id: parseTenantId(id), durability } }),
    setDurability: async (id, durability) => tenant({ method: 'PATCH', path: pathOf(id), json: { durability } }),
    get: async (id) => tenant({ method: 'GET', path: pathOf(id) }),
    list: (options = {}) => listTenants(connection, options),
    all: (options = {}) => allTenants(connection, options),
    delete: async (id) => callJson(connection, { method: 'DELETE', path: pathOf(id) }, deleteReceiptSchema),
    suspend: async (id) => tenant({ method: 'POST', path: `${pathOf(id)}/suspend` }),
    resume: async (id) => tenant({ method: 'POST', path: `${pathOf(id)}/resume` }),
    archive: async (id) => tenant({ method: 'POST', path: `${pathOf(id)}/archive` }),
    hydrate: async (id) => tenant({ method: 'POST', path: `${pathOf(id)}/hydrate` }),
    snapshots: async (id) =>
      callJson(connection, { method: 'GET', path: `${pathOf(id)}/snapshots` }, snapshotListSchema),
    verify: async (id) => callJson(connection, { method: 'POST', path: `${pathOf(id)}/verify` }, snapshotProofSchema),
    fork: async (id, to, { manifest } = {}) =>
      tenant({ method: 'POST', path: `${pathOf(id)}/fork`, json: { id: parseTenantId(to), manifest } }),
    restore: async (id, manifest) =>
      callJson(connection, { method: 'POST', path: `${pathOf(id)}/restore`, json: { manifest } }, restoredTenantSchema),
    releaseWorkflows: async (id) =>
      callJson(connection, { method: 'POST', path: `${pathOf(id)}/workflows/release` }, releaseReceiptSchema),
    stats: async (id) => callJson(connection, { method: 'GET', path: `${pathOf(id)}/stats` }, tenantStatsSchema),
    export: (id, options = {}) => exportTenant(connection, id, options),
    import: async (id, body, { bytes } = {}) => tenant(importCall(id, body, bytes)),
  }
}

function pathOf(id: string): string {
  return `${TENANTS_PATH}/${parseTenantId(id)}`
}

function listTenants(connection: Connection, options: ListTenantsOptions): Promise<TenantPage> {
  const { limit, cursor, state, prefix } = options
  const query = { limit, cursor, state, prefix }
  return callJson(connection, { method: 'GET', path: TENANTS_PATH, query }, tenantPageSchema)
}

async function* allTenants(
  connection: Connection,
  { pageLimit = PAGE_LIMIT_DEFAULT, ...filter }: AllTenantsOptions,
): AsyncGenerator<TenantResource, void, undefined> {
  let cursor: string | undefined
  for (;;) {
    const page = await listTenants(connection, { ...filter, limit: pageLimit, cursor })
    yield* page.tenants
    if (page.nextCursor === null) return
    if (page.nextCursor === cursor) throw malformedReply('a page whose next cursor is its own')
    cursor = page.nextCursor
  }
}

async function exportTenant(connection: Connection, id: string, { move = false }: ExportOptions): Promise<Download> {
  const headers = { accept: `${SQLITE_CONTENT_TYPE}, application/problem+json` }
  const path = `${pathOf(id)}/export`
  const moving = { 'content-type': 'application/json', ...headers }
  const call: Call = move
    ? { method: 'POST', path, query: { move: 'true' }, headers: moving }
    : { method: 'GET', path, headers }
  const response = await send(connection, call)
  return downloadOf(response, connection.origin)
}

/** The request that sends a file to be imported. */
export function importCall(id: string, body: RequestBody, bytes: number | undefined): Call {
  const contentLength: Record<string, string> = bytes === undefined ? {} : { 'content-length': String(bytes) }
  const headers = { 'content-type': SQLITE_CONTENT_TYPE, ...contentLength }
  return { method: 'PUT', path: `${pathOf(id)}/import`, body, headers }
}
