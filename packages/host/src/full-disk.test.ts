/** What a full disk does: writes are refused, nothing that was acknowledged is lost, nobody is stopped, and it heals. */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { SEGMENT_BYTES_MAX } from '@tenax/ledger'
import { describe, expect, test } from 'vitest'
import { codeOf, rowsOf, send } from './fixtures/host-bed.ts'
import { mountDisk, noSmallDisk, type SmallDisk } from './fixtures/small-disk.ts'
import { createTenax, type Tenax } from './index.ts'

const hindrance = noSmallDisk()
const FULL = { status: 507, json: { code: 'storage_full' } }

/** Opens a host that lets the disk get full, and whose ledger has made its spare segment: on a full disk it would give that one's space back. */
async function openOn({ path }: SmallDisk): Promise<Tenax> {
  const tenax = await createTenax({ data: join(path, 'data'), shardCount: 1, diskFreeBytesMin: 0 })
  const ledgers = join(path, 'data', 'ledgers')
  while (!hasSpare(ledgers)) await new Promise((resolve) => setImmediate(resolve))
  return tenax
}

function hasSpare(ledgers: string): boolean {
  return readdirSync(ledgers, { recursive: true, withFileTypes: true }).some(
    ({ name, parentPath }) =>
      name.endsWith('.spare') &&
      statSync(join(parentPath, name), { throwIfNoEntry: false })?.size === SEGMENT_BYTES_MAX,
  )
}

const insert = (tenax: Tenax, id: string, row: number) =>
  send(tenax, `POST /t/${id}/query`, { json: { sql: 'insert into t values (?)', args: [row] } })

/** Creates tenants with one row each. */
async function fillTenants(tenax: Tenax, ...ids: string[]): Promise<void> {
  for (const id of ids) {
    await tenax.tenant(id).create()
    await tenax.tenant(id).query('create table t (a)')
    expect(await insert(tenax, id, 1)).toMatchObject({ status: 200 })
  }
}

/** Writes until the disk is full, and gives the rows that were acknowledged. */
async function insertUntilFull(tenax: Tenax, id: string): Promise<number[]> {
  const acknowledged = [1]
  for (let row = 2; ; row += 1) {
    const { status, json } = await insert(tenax, id, row)
    if (status === 200) acknowledged.push(row)
    else {
      expect({ status, json }).toMatchObject(FULL)
      return acknowledged
    }
  }
}

describe.skipIf(hindrance !== undefined)(`a full disk${hindrance === undefined ? '' : ` (${hindrance})`}`, () => {
  test('writes answer storage_full, reads go on, and what was acknowledged is there, also after it heals', async () => {
    using disk = mountDisk()
    const tenax = await openOn(disk)
    await fillTenants(tenax, 'acme', 'quiet')
    disk.fill(100_000)
    const rows = await insertUntilFull(tenax, 'acme')
    disk.free()
    disk.fill()
    expect(await insert(tenax, 'acme', -1)).toMatchObject(FULL)
    expect(await insert(tenax, 'quiet', -1)).toMatchObject(FULL)
    expect(await rowsOf(tenax, 'acme', 'select a from t')).toEqual(rows.map((row) => [row]))
    expect(await rowsOf(tenax, 'quiet', 'select a from t')).toEqual([[1]])
    disk.free()
    for (const id of ['acme', 'quiet']) expect(await insert(tenax, id, 0)).toMatchObject({ status: 200 })
    await tenax.close()
    const again = await openOn(disk)
    expect(await rowsOf(again, 'acme', 'select a from t')).toEqual([...rows, 0].map((row) => [row]))
    expect(await rowsOf(again, 'quiet', 'select a from t')).toEqual([[1], [0]])
    await again.close()
  })

  test('a tenant that is opened then is told so, and not quarantined, though the catalog has room for that', async () => {
    using disk = mountDisk()
    const first = await openOn(disk)
    await fillTenants(first, 'acme')
    await first.close()
    const tenax = await openOn(disk)
    disk.fill(20_480) // an opened file needs 32 KiB
    expect(await codeOf(tenax.tenant('acme').query('select a from t'))).toBe('storage_full')
    expect(await send(tenax, 'GET /v1/tenants/acme')).toMatchObject({ json: { state: 'warm' } })
    disk.free()
    expect(await rowsOf(tenax, 'acme', 'select a from t')).toEqual([[1]])
    await tenax.close()
  })

  test('lifecycle verbs answer storage_full and change nothing; they work when there is room', async () => {
    using disk = mountDisk()
    const tenax = await openOn(disk)
    await fillTenants(tenax, 'acme')
    const file = await (await tenax.fetch(new Request('http://localhost/v1/tenants/acme/export'))).arrayBuffer()
    const sending = { body: file, headers: { 'content-type': 'application/vnd.sqlite3' } }
    disk.fill()
    for (const [route, options] of [
      ['POST /v1/tenants/acme/suspend', {}],
      ['DELETE /v1/tenants/acme', {}],
      ['PUT /v1/tenants/acme/import', sending],
      ['PUT /v1/tenants/copy/import', sending],
      ['POST /v1/tenants', { json: { id: 'new' } }],
    ] as const) {
      expect([route, await send(tenax, route, options)]).toMatchObject([route, FULL])
      expect(await send(tenax, 'GET /v1/tenants')).toMatchObject({ json: { tenants: [{ id: 'acme', state: 'warm' }] } })
    }
    expect(await rowsOf(tenax, 'acme', 'select a from t')).toEqual([[1]])
    disk.free()
    expect(await send(tenax, 'PUT /v1/tenants/acme/import', sending)).toMatchObject({ status: 200 })
    expect(await send(tenax, 'POST /v1/tenants/acme/suspend')).toMatchObject({ json: { state: 'suspended' } })
    expect(await send(tenax, 'POST /v1/tenants', { json: { id: 'new' } })).toMatchObject({ status: 201 })
    await tenax.close()
  })

  test('a start says that the disk is full, leaves the directory unlocked, and works when there is room', async () => {
    using disk = mountDisk()
    const first = await openOn(disk)
    await fillTenants(first, 'acme')
    await first.close()
    disk.fill()
    await expect(openOn(disk)).rejects.toMatchObject({ code: 'storage_full', message: 'the disk is full' })
    const other = createTenax({ data: join(disk.path, 'other'), diskFreeBytesMin: 0 })
    await expect(other).rejects.toMatchObject({ code: 'storage_full', message: 'the disk is full' })
    disk.free()
    const tenax = await openOn(disk)
    expect(await rowsOf(tenax, 'acme', 'select a from t')).toEqual([[1]])
    await tenax.close()
  })
})
