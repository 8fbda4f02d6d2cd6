/** Proofs that snapshots can be restored, over HTTP: their answers, the tenant's status, the metrics. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { snapshotProofSchema, tenantSchema } from '@tenax/protocol'
import { afterAll, expect, test } from 'vitest'
import { codeOf, createTenants, openHost, rowsOf, send } from './fixtures/host-bed.ts'

const directory = mkdtempSync(join(tmpdir(), 'tenax-store-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

test('a tenant is verified by name, its status says when, and damage is named there and in the metrics', async () => {
  await using bed = await openHost({ store: { directory } })
  await createTenants(bed, 'acme')
  await rowsOf(bed, 'acme', 'CREATE TABLE note (text TEXT)')
  const verify = () => send(bed, 'POST /v1/tenants/acme/verify')
  const status = async () => tenantSchema.parse((await send(bed, 'GET /v1/tenants/acme')).json)
  const metrics = async () => (await send(bed, 'GET /metrics')).text
  expect(await verify()).toMatchObject({ status: 404, json: { code: 'snapshot_not_found' } })
  await send(bed, 'POST /v1/tenants/acme/archive')
  expect(await metrics()).toMatch(/^tenax_snapshots_unproven 1$/m)
  const proof = snapshotProofSchema.parse((await verify()).json)
  expect(await status()).toMatchObject({
    ...{ state: 'archived', provenAt: proof.provenAt, provenManifest: proof.manifest, snapshotDamage: null },
  })
  const text = await metrics()
  for (const line of ['tenax_snapshots 1', 'tenax_snapshots_unproven 0', 'tenax_snapshots_damaged 0'])
    expect(text).toContain(`\n${line}\n`)
  expect(text).toMatch(/^tenax_snapshot_oldest_proof_age_seconds [0-9.e-]+$/m)
  expect(text).toContain('tenax_snapshot_proofs_total{outcome="proven"} 1')
  await send(bed, 'POST /v1/tenants/acme/hydrate')
  const objects = readdirSync(join(directory, 'tenants', 'acme'), { withFileTypes: true, recursive: true })
  for (const { name, parentPath } of objects.filter((entry) => entry.isFile() && entry.parentPath.includes('chunks')))
    rmSync(join(parentPath, name))
  expect(await verify()).toMatchObject({ status: 409, json: { code: 'snapshot_damaged', manifest: 1 } })
  expect(await status()).toMatchObject({
    ...{ state: 'warm', provenAt: proof.provenAt, snapshotDamage: expect.stringMatching(/^chunk .* is missing$/) },
  })
  expect(await metrics()).toMatch(/^tenax_snapshots_damaged 1$/m)
})

test('proofs in turn need a store, and so does a verify', async () => {
  expect(await codeOf(openHost({ scrubEveryMs: 60_000 }))).toBe('config_invalid')
  await using bare = await openHost()
  await createTenants(bare, 'acme')
  expect(await send(bare, 'POST /v1/tenants/acme/verify')).toMatchObject({ json: { code: 'store_not_configured' } })
})
