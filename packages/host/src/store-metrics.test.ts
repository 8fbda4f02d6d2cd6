/** What `/metrics` and `onStoreCall` say of object storage. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { createTenants, openHost, rowsOf, send } from './fixtures/host-bed.ts'
import type { StoreCall } from './index.ts'

const directory = mkdtempSync(join(tmpdir(), 'tenax-store-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** Values of the metrics whose lines begin so, by the rest of the line. */
function valuesOf(text: string, name: string): Record<string, number> {
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`))
  return Object.fromEntries(
    lines.map((line) => [line.slice(name.length, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]),
  )
}

test('calls of the store are counted by verb and outcome, with bytes and time, and told without a key', async () => {
  const calls: StoreCall[] = []
  await using bed = await openHost({ store: { directory }, onStoreCall: (call) => calls.push(call) })
  await createTenants(bed, 'acme')
  await rowsOf(bed, 'acme', 'CREATE TABLE note (text TEXT)')
  await send(bed, 'POST /v1/tenants/acme/archive')
  rmSync(join(directory, 'tenants', 'acme'), { recursive: true })
  expect((await send(bed, 'POST /t/acme/query', { json: { sql: 'SELECT 1' } })).status).toBe(423)
  const { text } = await send(bed, 'GET /metrics')
  const of = (verb: string, outcome: string) => calls.filter((call) => call.verb === verb && call.outcome === outcome)
  expect(of('get', 'blob_not_found')).not.toEqual([])
  const counted = valuesOf(text, 'tenax_store_calls_total')
  for (const [verb, outcome] of [
    ['put', 'ok'],
    ['create', 'ok'],
    ['get', 'ok'],
    ['get', 'blob_not_found'],
  ] as const)
    expect(counted[`{verb="${verb}",outcome="${outcome}"}`]).toBe(of(verb, outcome).length)
  const sum = (verb: string) => of(verb, 'ok').reduce((bytes, { lengthBytes }) => bytes + lengthBytes, 0)
  expect(sum('put')).toBeGreaterThan(0)
  expect(valuesOf(text, 'tenax_store_bytes_total')).toEqual(
    Object.fromEntries(['get', 'create', 'put'].map((verb) => [`{verb="${verb}"}`, sum(verb)])),
  )
  const gets = calls.filter(({ verb }) => verb === 'get').length
  expect(valuesOf(text, 'tenax_store_call_duration_seconds_count')['{verb="get"}']).toBe(gets)
  expect(text + JSON.stringify(calls)).not.toMatch(/acme\/|manifests/)
  expect(readdirSync(directory)).toContain('hosts')
})

test('a host without a store has no such metrics', async () => {
  await using bed = await openHost()
  expect((await send(bed, 'GET /metrics')).text).not.toContain('tenax_store')
})
