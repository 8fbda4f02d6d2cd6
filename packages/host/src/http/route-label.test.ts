import { expect, test } from 'vitest'
import { routeLabel } from './route-label.ts'

test.each([
  ['/t/acme/query', '/t/:id/query'],
  ['/t/acme/v3/pipeline', '/t/:id/v3/pipeline'],
  ['/t/acme/runs', '/t/:id/runs'],
  ['/t/acme/runs/r-1/history', '/t/:id/runs/:run/history'],
  ['/t/acme/runs/r-1/check', '/t/:id/runs/:run/check'],
  ['/v1/tenants/acme/workflows/release', '/v1/tenants/:id/workflows/release'],
  ['/v1/tenants/acme/workflows', 'other'],
  ['/t/acme/runs/r1', '/t/:id/runs/:run'],
  ['/t/acme/runs/r1/result', '/t/:id/runs/:run/result'],
  ['/t/acme/runs/r1/terminate', '/t/:id/runs/:run/terminate'],
  ['/t/acme/runs/r1/pause', '/t/:id/runs/:run/pause'],
  ['/t/acme/runs/r1/invented', 'other'],
  ['/t/acme/runs/r1/cancel/x', 'other'],
  ['/t/acme/events', '/t/:id/events'],
  ['/t/acme/events/x', 'other'],
  ['/t/acme/schedules', '/t/:id/schedules'],
  ['/t/acme/schedules/s1', '/t/:id/schedules/:schedule'],
  ['/t/acme/schedules/s1/trigger', '/t/:id/schedules/:schedule/trigger'],
  ['/t/acme/schedules/s1/result', 'other'],
  ['/v1/tenants', '/v1/tenants'],
  ['/v1/tenants/acme', '/v1/tenants/:id'],
  ['/v1/tenants/acme/stats', '/v1/tenants/:id/stats'],
  ['/v1/tenants/acme/invented', 'other'],
  ['/healthz', '/healthz'],
  ['/t/acme', 'other'],
  ['/', 'other'],
])('%s counts as %s', (path, label) => {
  expect(routeLabel(path)).toBe(label)
})
