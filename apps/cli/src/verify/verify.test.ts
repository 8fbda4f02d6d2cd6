import { expect, test } from 'vitest'
import { fakeContext } from '../fixtures/fake-context.ts'
import { showTenant } from '../tenant-commands.ts'
import { verifyAll, verifyOne } from './verify-command.ts'

test('every tenant that has a snapshot is proven, one line each, and a summary', async () => {
  const context = await fakeContext({ ids: ['acme', 'b', 'never'] })
  for (const id of ['acme', 'b']) await context.client.tenants.archive(id)
  await verifyAll(context)
  expect(context.io.out().split('\n')).toEqual([
    'ok    acme  manifest 1  12.0 KiB  3 ms',
    'ok    b  manifest 1  12.0 KiB  3 ms',
    '2 proven, 0 failed, 1 without a snapshot',
    '',
  ])
})

test('a damaged one is named, the others are proven all the same, and the command fails', async () => {
  const context = await fakeContext({ json: true, ids: ['acme', 'b'] })
  for (const id of ['acme', 'b']) await context.client.tenants.archive(id)
  context.server.damageSnapshot('acme', 'chunk c is missing')
  await expect(verifyAll(context)).rejects.toMatchObject({ code: 'checks_failed' })
  expect(JSON.parse(context.io.out())).toMatchObject({
    ...{ ok: false, proven: 1, failed: 1, withoutSnapshot: 0 },
    tenants: [
      { id: 'acme', code: 'snapshot_damaged', reason: 'snapshot 1 is damaged: chunk c is missing' },
      { id: 'b', proof: { manifest: 1 } },
    ],
  })
})

test('one tenant by its name: what is wrong is thrown, also that it has no snapshot', async () => {
  const context = await fakeContext({ ids: ['acme'] })
  await expect(verifyOne(context, 'acme')).rejects.toMatchObject({ code: 'snapshot_not_found' })
  await context.client.tenants.archive('acme')
  await verifyOne(context, 'acme')
  expect(context.io.out()).toBe('ok    acme  manifest 1  12.0 KiB  3 ms\n')
  await showTenant(context, 'acme')
  expect(context.io.out()).toContain('proven       2026-11-22T12:00:00.000Z, manifest 1\n')
  context.server.damageSnapshot('acme', 'chunk c is missing')
  await expect(verifyOne(context, 'acme')).rejects.toMatchObject({ code: 'snapshot_damaged' })
  await showTenant(context, 'acme')
  expect(context.io.out()).toContain('damage       its last snapshot: chunk c is missing\n')
})

test('a server that goes away ends it after a few tries, and one that refuses the key at once', async () => {
  const ids = ['a', 'b', 'c', 'd', 'e']
  const context = await fakeContext({ ids })
  for (const id of ids) await context.client.tenants.archive(id)
  const { tenants } = context.client
  let calls = 0
  const away = {
    ...context.client,
    tenants: {
      ...tenants,
      verify: async (id: string) => {
        calls += 1
        context.server.answerNext(new TypeError('fetch failed'))
        return tenants.verify(id)
      },
    },
  }
  await expect(verifyAll({ ...context, client: away })).rejects.toMatchObject({ code: 'checks_failed' })
  expect(calls).toBe(3)
  context.server.answerNext(Response.json({ code: 'unauthorized', title: 'no', status: 401 }, { status: 401 }))
  await expect(verifyAll(context)).rejects.toMatchObject({ code: 'unauthorized' })
})
