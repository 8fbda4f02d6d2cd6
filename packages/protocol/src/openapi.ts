/** The HTTP contract as OpenAPI 3.1, from the same schemas that parse the requests: the page cannot drift from the code. */

import { startExportQuerySchema } from './jobs.ts'
import { componentSchemas } from './openapi-components.ts'
import { answered, durabilityParameter, keyParameter } from './openapi-headers.ts'
import { acceptedJob, jobPaths, maybeJob } from './openapi-jobs.ts'
import {
  hranaFailures,
  idParameter,
  json,
  jsonBody,
  onTenant,
  type Paths,
  problems,
  queryParameters,
  reference,
} from './openapi-parts.ts'
import { runPaths } from './openapi-runs.ts'
import { schedulePaths } from './openapi-schedules.ts'
import { storePaths } from './openapi-store.ts'
import { durabilityQuerySchema, listTenantsQuerySchema } from './tenants.ts'

const SQLITE_CONTENT_TYPE = 'application/vnd.sqlite3'

/** What {@link openApiDocument} answers: plain JSON, open to OpenAPI tools. */
export interface OpenApiDocument {
  readonly openapi: '3.1.0'
  readonly info: object
  readonly security: readonly object[]
  readonly tags: readonly object[]
  readonly paths: Paths
  readonly components: { readonly schemas: Record<string, object>; readonly securitySchemes: object }
}

/**
 * The OpenAPI 3.1 document of every route.
 *
 * @example
 * app.get('/v1/openapi.json', (context) => context.json(openApiDocument()))
 */
export function openApiDocument(): OpenApiDocument {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Tenax',
      version: '1',
      description: '`/v1` operates tenants; `/t/{id}` is a tenant. Failures are problem details with a stable `code`.',
    },
    security: [{ bearer: [] }, {}],
    tags: [
      { name: 'tenants' },
      { name: 'tenant' },
      { name: 'hrana' },
      { name: 'workflows' },
      { name: 'jobs' },
      { name: 'server' },
    ],
    paths: {
      ...tenantPaths(),
      ...tenantVerbPaths(),
      ...proofPaths(),
      ...storePaths(),
      ...filePaths(),
      ...durabilityPaths(),
      ...queryPaths(),
      ...runPaths(),
      ...schedulePaths(),
      ...jobPaths(),
      ...hranaPaths('v2'),
      ...hranaPaths('v3'),
      ...serverPaths(),
    },
    components: {
      schemas: componentSchemas(),
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: '`TENAX_ADMIN_KEY`, when the server has one' },
      },
    },
  }
}

function tenantPaths(): Paths {
  const tags = ['tenants']
  const tenant = { 200: json('the tenant', 'Tenant'), ...problems }
  const created = { ...json('created', 'Tenant'), headers: { Location: { schema: { type: 'string' } } } }
  return {
    '/v1/tenants': {
      post: {
        operationId: 'createTenant',
        summary: 'Create a tenant',
        tags,
        requestBody: jsonBody('CreateTenantBody'),
        responses: { 201: created, ...problems },
      },
      get: {
        operationId: 'listTenants',
        summary: 'List tenants, sorted by id',
        tags,
        parameters: queryParameters(listTenantsQuerySchema),
        responses: { 200: json('a page', 'TenantPage'), ...problems },
      },
    },
    '/v1/tenants/{id}': {
      get: onTenant({ operationId: 'getTenant', summary: 'Show a tenant', tags, responses: tenant }),
      patch: {
        ...onTenant({ operationId: 'patchTenant', summary: 'Change settings of a tenant', tags, responses: tenant }),
        requestBody: jsonBody('PatchTenantBody'),
      },
      delete: maybeJob({
        operationId: 'deleteTenant',
        summary: 'Delete a tenant and all that it holds',
        tags,
        responses: {
          200: json('the receipt', 'DeleteReceipt'),
          ...problems,
        },
      }),
    },
  }
}

function tenantVerbPaths(): Paths {
  const tags = ['tenants']
  const tenant = { 200: json('the tenant', 'Tenant'), ...problems }
  return {
    '/v1/tenants/{id}/suspend': {
      post: onTenant({ operationId: 'suspendTenant', summary: 'Refuse work on a tenant', tags, responses: tenant }),
    },
    '/v1/tenants/{id}/resume': {
      post: onTenant({
        operationId: 'resumeTenant',
        summary: 'Let a suspended tenant work again',
        tags,
        responses: tenant,
      }),
    },
    '/v1/tenants/{id}/stats': {
      get: onTenant({
        operationId: 'tenantStats',
        summary: "Numbers of a tenant's file",
        tags,
        responses: {
          200: json('the numbers', 'TenantStats'),
          ...problems,
        },
      }),
    },
  }
}

function proofPaths(): Paths {
  const tags = ['tenants']
  return {
    '/v1/tenants/{id}/verify': {
      post: onTenant({
        operationId: 'verifyTenant',
        summary: 'Prove that the last snapshot of a tenant can be restored; the tenant serves on',
        tags,
        responses: { 200: json('the proof', 'SnapshotProof'), ...problems },
      }),
    },
  }
}

function filePaths(): Paths {
  const tags = ['tenants']
  const sqliteFile = { schema: { type: 'string', format: 'binary' } }
  return {
    '/v1/tenants/{id}/export': {
      get: onTenant({
        operationId: 'exportTenant',
        summary: 'One consistent SQLite file, while writes go on',
        tags,
        responses: {
          200: { description: 'the file', content: { [SQLITE_CONTENT_TYPE]: sqliteFile } },
          ...problems,
        },
      }),
      post: {
        operationId: 'startExport',
        summary: 'Export as a job, whose result is fetched later, or as a move',
        tags,
        parameters: [idParameter, keyParameter, ...queryParameters(startExportQuerySchema)],
        responses: {
          200: { description: 'of a move: the file', content: { [SQLITE_CONTENT_TYPE]: sqliteFile } },
          202: acceptedJob,
          ...problems,
        },
      },
    },
    '/v1/tenants/{id}/import': {
      put: {
        ...maybeJob({
          operationId: 'importTenant',
          summary: 'Create a tenant from a SQLite file, or replace it',
          tags,
          responses: {
            200: json('replaced', 'Tenant'),
            201: json('created', 'Tenant'),
            ...problems,
          },
        }),
        requestBody: {
          required: true,
          content: { [SQLITE_CONTENT_TYPE]: sqliteFile, 'application/octet-stream': sqliteFile },
        },
      },
    },
  }
}

function durabilityPaths(): Paths {
  const responses = { 200: json('the positions', 'TenantDurability'), ...problems }
  const route = { operationId: 'tenantDurability', summary: "How far a tenant's commits are", tags: ['tenants'] }
  const parameters = [idParameter, ...queryParameters(durabilityQuerySchema)]
  return { '/v1/tenants/{id}/durability': { get: { ...route, parameters, responses } } }
}

function queryPaths(): Paths {
  const responses = { 200: answered(json('columns and rows', 'QueryReply')), ...problems }
  return {
    '/t/{id}/query': {
      post: {
        ...onTenant({ operationId: 'query', summary: 'Run one statement', tags: ['tenant'], responses }),
        parameters: [idParameter, durabilityParameter, keyParameter],
        requestBody: jsonBody('QueryBody'),
      },
    },
  }
}

function hranaPaths(version: 'v2' | 'v3'): Paths {
  const tags = ['hrana']
  const suffix = version.toUpperCase()
  const reply = answered(json('one result per request, in order', 'HranaPipelineReply'))
  const pipeline = { 200: reply, ...hranaFailures }
  const paths: Paths = {
    [`/t/{id}/${version}`]: {
      get: onTenant({
        operationId: `hrana${suffix}`,
        summary: 'Ask for this version of Hrana',
        tags,
        responses: {
          200: { description: 'the version is spoken here' },
        },
      }),
    },
    [`/t/{id}/${version}/pipeline`]: {
      post: {
        ...onTenant({
          operationId: `pipeline${suffix}`,
          summary: 'Run requests on a stream',
          tags,
          responses: pipeline,
        }),
        parameters: [idParameter, durabilityParameter, keyParameter],
        requestBody: jsonBody('HranaPipeline'),
      },
    },
  }
  return version === 'v2' ? paths : { ...paths, ...cursorPath(tags) }
}

function cursorPath(tags: readonly string[]): Paths {
  const lines = {
    description: 'lines of JSON: first {"baton", "base_url"}, then entries',
    content: { 'application/x-ndjson': { schema: reference('HranaCursorEntry') } },
  }
  return {
    '/t/{id}/v3/cursor': {
      post: {
        ...onTenant({
          operationId: 'cursorV3',
          summary: 'Run a batch and stream its results',
          tags,
          responses: { 200: answered(lines), ...hranaFailures },
        }),
        parameters: [idParameter, durabilityParameter],
        requestBody: jsonBody('HranaCursor'),
      },
    },
  }
}

function serverPaths(): Paths {
  const open = { tags: ['server'], security: [{}] }
  const status = { schema: { type: 'object', properties: { status: { type: 'string' } }, required: ['status'] } }
  const ready = { description: 'ready', content: { 'application/json': status } }
  const metrics = { description: 'Prometheus text', content: { 'text/plain': { schema: { type: 'string' } } } }
  const document = { description: 'this document', content: { 'application/json': { schema: { type: 'object' } } } }
  return {
    '/healthz': {
      get: {
        operationId: 'healthz',
        summary: 'Whether the process lives',
        ...open,
        responses: { 200: { description: 'it lives', content: { 'application/json': status } } },
      },
    },
    '/readyz': {
      get: {
        operationId: 'readyz',
        summary: 'Whether the host takes work',
        ...open,
        responses: { 200: ready, 503: { ...ready, description: 'not ready' } },
      },
    },
    '/metrics': {
      get: { operationId: 'metrics', summary: 'Metrics', tags: ['server'], responses: { 200: metrics } },
    },
    '/v1/openapi.json': {
      get: { operationId: 'openapi', summary: 'The contract', tags: ['server'], responses: { 200: document } },
    },
  }
}
