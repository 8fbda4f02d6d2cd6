import { expect, test } from 'vitest'
import { parseBody, parseSearchParams } from './body.ts'
import { createTenantBodySchema, listTenantsQuerySchema, tenantPageSchema, tenantStatsSchema } from './tenants.ts'

const tenant = {
  id: 'acme',
  incarnation: 'abcdefghij0123456789',
  state: 'warm',
  createdAt: '2026-11-22T12:00:00.000Z',
  suspendedAt: null,
  quarantineReason: null,
  durability: null,
  provenAt: null,
  provenManifest: null,
  snapshotDamage: null,
  url: '/t/acme/',
}

function list(query: string) {
  return parseSearchParams(listTenantsQuerySchema, new URLSearchParams(query))
}

test('a list query without members has the default limit', () => {
  expect(list('')).toEqual({ limit: 100 })
})

test('a list query keeps its members and drops unknown ones', () => {
  expect(list('limit=1000&cursor=abc&state=suspended&prefix=a_b&color=red')).toEqual({
    limit: 1000,
    cursor: 'abc',
    state: 'suspended',
    prefix: 'a_b',
  })
})

test.each(['limit=0', 'limit=1001', 'limit=', 'limit=-1', 'limit=1.5', 'limit=1e2', 'limit=0x10', 'limit= 5'])(
  'the limit in %j is refused',
  (query) => {
    expect(() => list(query)).toThrow(expect.objectContaining({ code: 'argument_invalid' }))
  },
)

test.each(['state=', 'state=hot', 'prefix=A', 'prefix=../', 'cursor=', `cursor=${'x'.repeat(513)}`])(
  'the list query %j is refused',
  (query) => {
    expect(() => list(query)).toThrow(expect.objectContaining({ code: 'argument_invalid' }))
  },
)

test('a create body leaves the rules of the id to parseTenantId()', () => {
  expect(parseBody(createTenantBodySchema, { id: '../etc', later: 1 })).toEqual({ id: '../etc' })
})

test.each([{}, { id: 5 }, { id: null }, null, 'acme'])('the create body %j is refused', (body) => {
  expect(() => parseBody(createTenantBodySchema, body)).toThrow(expect.objectContaining({ code: 'body_invalid' }))
})

test('a page from a newer server is read without its new members', () => {
  const page = { tenants: [{ ...tenant, later: 1 }], nextCursor: null, later: 2 }
  expect(tenantPageSchema.parse(page)).toEqual({ tenants: [tenant], nextCursor: null })
})

test('stats refuse an LSN that is not decimal', () => {
  const counts = { pageCount: 1, pageBytes: 4096, fileBytes: 4096, walBytes: 0, freePages: 0, pageCountMax: 9 }
  const stats = { id: 'acme', ...counts, lineage: 'l', lsn: '12', open: true }
  expect(tenantStatsSchema.parse(stats)).toEqual(stats)
  expect(tenantStatsSchema.safeParse({ ...stats, lsn: '0x1' }).success).toBe(false)
})
