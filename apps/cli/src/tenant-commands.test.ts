import { expect, test } from 'vitest'
import { fakeContext, fakeIo } from './fixtures/fake-context.ts'
import {
  archiveTenant,
  createTenant,
  deleteTenant,
  forkTenant,
  hydrateTenant,
  listTenants,
  restoreTenant,
  resumeTenant,
  showTenant,
  suspendTenant,
} from './tenant-commands.ts'

test('create, suspend and resume say what became of the tenant', async () => {
  const context = await fakeContext()
  await createTenant(context, 'acme')
  await suspendTenant(context, 'acme')
  await resumeTenant(context, 'acme')
  expect(context.io.out()).toBe('created tenant acme\ntenant acme is suspended\ntenant acme is warm\n')
})

test('with --json each of them answers the tenant', async () => {
  const context = await fakeContext({ json: true })
  await createTenant(context, 'acme')
  expect(JSON.parse(context.io.out())).toMatchObject({ id: 'acme', state: 'warm', url: '/t/acme/' })
})

test('create of a tenant that is there fails', async () => {
  const context = await fakeContext({ ids: ['acme'] })
  await expect(createTenant(context, 'acme')).rejects.toMatchObject({ code: 'tenant_exists' })
  expect(context.io.out()).toBe('')
})

test('list shows a table', async () => {
  const context = await fakeContext({ ids: ['b', 'acme'] })
  await listTenants(context, {})
  expect(context.io.out().split('\n')).toEqual([
    'id    state  created',
    '----  -----  ------------------------',
    'acme  warm   2026-11-22T12:00:00.000Z',
    'b     warm   2026-11-22T12:00:00.000Z',
    '',
  ])
})

test('list goes through all pages, and stops at its limit', async () => {
  const ids = Array.from({ length: 1001 }, (_, index) => `t${String(index).padStart(4, '0')}`)
  const context = await fakeContext({ json: true, ids })
  const pages = () => context.server.seen.filter(({ method }) => method === 'GET').length
  await listTenants(context, {})
  expect(JSON.parse(context.io.out()).tenants).toHaveLength(1001)
  expect(pages()).toBe(2)
  await listTenants(context, { limit: 2 })
  expect(pages()).toBe(3)
  expect(JSON.parse(context.io.out().trim().split('\n')[1] ?? '').tenants).toHaveLength(2)
})

test('list filters by state and prefix', async () => {
  const context = await fakeContext({ json: true, ids: ['a1', 'a2', 'b1'] })
  await context.client.tenants.suspend('a2')
  await listTenants(context, { prefix: 'a', state: 'suspended' })
  expect(JSON.parse(context.io.out()).tenants).toMatchObject([{ id: 'a2' }])
})

test('show has the tenant and the numbers of its file', async () => {
  const context = await fakeContext({ ids: ['acme'] })
  await showTenant(context, 'acme')
  expect(context.io.out()).toMatch(/^id {11}acme\nstate {8}warm\n/)
  expect(context.io.out()).toContain('size         12.0 KiB of 1.0 GiB\n')
})

test('show as JSON keeps a 64-bit LSN exact', async () => {
  const context = await fakeContext({ json: true, ids: ['acme'] })
  await showTenant(context, 'acme')
  expect(JSON.parse(context.io.out())).toMatchObject({ id: 'acme', stats: { lsn: '9223372036854775807' } })
})

test('show of a suspended tenant goes without the numbers', async () => {
  const context = await fakeContext({ json: true, ids: ['acme'] })
  await suspendTenant({ ...context, io: fakeIo() }, 'acme')
  await showTenant(context, 'acme')
  expect(JSON.parse(context.io.out())).toMatchObject({ state: 'suspended', stats: null })
})

test('show fails when the server does', async () => {
  const context = await fakeContext({ ids: ['acme'] })
  context.server.answerNext(new TypeError('fetch failed'))
  await expect(showTenant(context, 'acme')).rejects.toMatchObject({ code: 'unavailable' })
})

test('archive, hydrate and fork say what became of the tenant, and how far they are in lines on stderr', async () => {
  const context = await fakeContext({ ids: ['acme'] })
  await archiveTenant(context, 'acme')
  expect(context.io.err().split('\n')).toEqual([
    'archive acme  45%  90 bytes of 200 bytes',
    'archive acme  75%  150 bytes of 200 bytes',
    'archive acme  100%  200 bytes of 200 bytes',
    '',
  ])
  await hydrateTenant(context, 'acme')
  await forkTenant(context, { id: 'acme', to: 'copy', manifest: undefined })
  expect(context.io.out().split('\n')).toEqual([
    'tenant acme is archived',
    'tenant acme is warm',
    'made tenant copy of acme; its workflows are held: tenax runs release copy',
    '',
  ])
})

test('a long verb draws a bar at a terminal, and nothing with --json but its answer', async () => {
  const terminal = await fakeContext({ ids: ['acme'], isTTY: true })
  await archiveTenant(terminal, 'acme')
  expect(terminal.io.err()).toContain('archive acme')
  expect(terminal.io.out()).toBe('tenant acme is archived\n')
  const json = await fakeContext({ ids: ['acme'], json: true })
  await archiveTenant(json, 'acme')
  expect([json.io.err(), JSON.parse(json.io.out())]).toMatchObject(['', { id: 'acme', state: 'archived' }])
  await expect(archiveTenant(json, 'nobody')).rejects.toMatchObject({ code: 'tenant_not_found' })
})

test('restore asks first, and says how it is undone', async () => {
  const context = await fakeContext({ ids: ['acme'] })
  const about = { id: 'acme', manifest: 6 }
  await expect(restoreTenant(context, { ...about, isGiven: false })).rejects.toMatchObject({ code: 'usage' })
  await restoreTenant(context, { ...about, isGiven: true })
  expect(context.io.out().split('\n')).toEqual([
    'restored tenant acme to snapshot 6',
    'what it was until now: tenax tenants restore acme --manifest 7',
    'its workflows are held: tenax runs release acme',
    '',
  ])
})

test('delete without a terminal needs --yes, and asks nobody', async () => {
  const context = await fakeContext({ ids: ['acme'] })
  await expect(deleteTenant(context, 'acme', { isGiven: false })).rejects.toMatchObject({ code: 'usage' })
  expect(await context.client.tenants.get('acme')).toMatchObject({ id: 'acme' })
  await deleteTenant(context, 'acme', { isGiven: true })
  expect(context.io.out()).toMatch(/^deleted tenant acme at .*\nlocal_ledger: no time known; until it is trimmed\n$/)
})

test.each(['n', '', 'yellow'])('delete at a terminal is given up by the answer %j', async (answer) => {
  const context = await fakeContext({ ids: ['acme'], isTTY: true, input: `${answer}\n` })
  await expect(deleteTenant(context, 'acme', { isGiven: false })).rejects.toMatchObject({ code: 'not_confirmed' })
  expect(context.io.err()).toContain('acme')
})

test.each(['y', 'YES'])('delete at a terminal goes on by the answer %j', async (answer) => {
  const context = await fakeContext({ ids: ['acme'], isTTY: true, input: `${answer}\n` })
  await deleteTenant(context, 'acme', { isGiven: false })
  await expect(context.client.tenants.get('acme')).rejects.toMatchObject({ code: 'tenant_not_found' })
})
