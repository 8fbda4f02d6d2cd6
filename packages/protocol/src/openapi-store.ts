/** OpenAPI of what object storage is for: archive, hydrate, snapshots, fork, restore. */
import { maybeJob } from './openapi-jobs.ts'
import { json, jsonBody, onTenant, type Paths, problems } from './openapi-parts.ts'

/** Paths below `/v1/tenants/{id}`. */
export function storePaths(): Paths {
  const tags = ['tenants']
  const tenant = { 200: json('the tenant', 'Tenant'), ...problems }
  return {
    '/v1/tenants/{id}/archive': {
      post: maybeJob({
        operationId: 'archiveTenant',
        summary: 'Put a tenant into object storage, and remove its local file',
        tags,
        responses: tenant,
      }),
    },
    '/v1/tenants/{id}/hydrate': {
      post: maybeJob({
        operationId: 'hydrateTenant',
        summary: 'Bring an archived tenant back, as its next use would',
        tags,
        responses: tenant,
      }),
    },
    '/v1/tenants/{id}/snapshots': {
      get: onTenant({
        operationId: 'listSnapshots',
        summary: 'Snapshots of a tenant in object storage, newest first',
        tags,
        responses: { 200: json('the snapshots', 'SnapshotList'), ...problems },
      }),
    },
    '/v1/tenants/{id}/fork': {
      post: {
        ...maybeJob({
          operationId: 'forkTenant',
          summary: 'Make a new tenant of what this one has, or had at a snapshot',
          tags,
          responses: { 201: json('the new tenant', 'Tenant'), ...problems },
        }),
        requestBody: jsonBody('ForkTenantBody'),
      },
    },
    '/v1/tenants/{id}/restore': {
      post: {
        ...maybeJob({
          operationId: 'restoreTenant',
          summary: 'Make a tenant what it was at a snapshot',
          tags,
          responses: { 200: json('the tenant, and the snapshot of what was replaced', 'RestoredTenant'), ...problems },
        }),
        requestBody: jsonBody('RestoreTenantBody'),
      },
    },
  }
}
