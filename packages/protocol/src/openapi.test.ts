import { expect, test } from 'vitest'
import { openApiDocument } from './openapi.ts'

const document = openApiDocument()
const text = JSON.stringify(document)

test('the document has every route of the contract', () => {
  const routes = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method} ${path}`),
  )
  expect(routes.toSorted()).toEqual(
    [
      'get /v1/tenants',
      'post /v1/tenants',
      'get /v1/tenants/{id}',
      'delete /v1/tenants/{id}',
      'post /v1/tenants/{id}/suspend',
      'post /v1/tenants/{id}/workflows/release',
      'post /v1/tenants/{id}/archive',
      'get /v1/tenants/{id}/snapshots',
      'post /v1/tenants/{id}/verify',
      'post /v1/tenants/{id}/fork',
      'post /v1/tenants/{id}/restore',
      'post /v1/tenants/{id}/export',
      'get /v1/jobs',
      'get /v1/jobs/{job}',
      'delete /v1/jobs/{job}',
      'get /v1/jobs/{job}/events',
      'get /v1/jobs/{job}/result',
      'post /v1/tenants/{id}/hydrate',
      'post /v1/tenants/{id}/resume',
      'get /v1/tenants/{id}/stats',
      'get /v1/tenants/{id}/durability',
      'get /v1/tenants/{id}/export',
      'put /v1/tenants/{id}/import',
      'patch /v1/tenants/{id}',
      'post /t/{id}/query',
      'post /t/{id}/runs',
      'get /t/{id}/runs',
      'get /t/{id}/runs/{run}',
      'get /t/{id}/runs/{run}/result',
      'get /t/{id}/runs/{run}/outputs',
      'get /t/{id}/runs/{run}/history',
      'get /t/{id}/runs/{run}/check',
      'post /t/{id}/runs/{run}/cancel',
      'post /t/{id}/runs/{run}/pause',
      'post /t/{id}/runs/{run}/rerun',
      'post /t/{id}/runs/{run}/resume',
      'post /t/{id}/runs/{run}/retry',
      'post /t/{id}/runs/{run}/skip',
      'post /t/{id}/runs/{run}/terminate',
      'post /t/{id}/events',
      'get /t/{id}/schedules',
      'post /t/{id}/schedules',
      'get /t/{id}/schedules/{schedule}',
      'put /t/{id}/schedules/{schedule}',
      'delete /t/{id}/schedules/{schedule}',
      'post /t/{id}/schedules/{schedule}/pause',
      'post /t/{id}/schedules/{schedule}/resume',
      'post /t/{id}/schedules/{schedule}/trigger',
      'get /t/{id}/v2',
      'post /t/{id}/v2/pipeline',
      'get /t/{id}/v3',
      'post /t/{id}/v3/pipeline',
      'post /t/{id}/v3/cursor',
      'get /healthz',
      'get /readyz',
      'get /metrics',
      'get /v1/openapi.json',
    ].toSorted(),
  )
})

test('every reference leads to a component', () => {
  const names = [...text.matchAll(/"\$ref":"([^"]*)"/g)].map(([, target]) =>
    target?.replace('#/components/schemas/', ''),
  )
  expect(names.length).toBeGreaterThan(20)
  expect(Object.keys(document.components.schemas)).toEqual(expect.arrayContaining([...new Set(names)]))
})

test('no component is anonymous or a document of its own', () => {
  expect(text).not.toContain('__shared')
  expect(text).not.toContain('"$schema"')
  expect(text).not.toContain('"$id"')
})

test('each operation has an id of its own, and each path parameter is declared', () => {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.values(methods).map((operation) => ({ path, operation })),
  )
  expect(new Set(operations.map(({ operation }) => operation.operationId)).size).toBe(operations.length)
  for (const { path, operation } of operations) {
    if (path.includes('{id}')) expect(JSON.stringify(operation.parameters)).toContain('"in":"path"')
  }
})

test('the list has its four query parameters with their limits', () => {
  expect(document.paths['/v1/tenants']?.get?.parameters).toMatchObject([
    {
      name: 'limit',
      in: 'query',
      required: false,
      schema: { type: 'integer', minimum: 1, maximum: 1000, default: 100 },
    },
    { name: 'cursor', in: 'query' },
    { name: 'state', in: 'query' },
    { name: 'prefix', in: 'query' },
  ])
})
