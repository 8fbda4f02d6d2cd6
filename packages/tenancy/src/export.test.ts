import { describe, expect, it } from 'vitest'
import { changedBytes, contentOf, healthOf } from './fixtures/odd-files.ts'
import { idOf } from './fixtures/settings.ts'
import { codeOf, gathered, tenancyMaker } from './fixtures/test-bed.ts'
import { EXPORT_WAL_BYTES_MAX } from './limits.ts'

const newTenancy = tenancyMaker()
const open = await newTenancy({ file: { pageCountMax: 65_536 } })
const { tenancy, sql } = open

/** A tenant of some 2 MiB, so that its export has several pieces. Counter and log move together or not at all. */
async function newTenant(name: string) {
  const id = idOf(name)
  await tenancy.create(id)
  for (const text of [
    'CREATE TABLE counter(n INTEGER)',
    'CREATE TABLE log(n INTEGER PRIMARY KEY, filler BLOB)',
    'CREATE TABLE ballast AS WITH r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r LIMIT 2000) SELECT i, randomblob(1000) b FROM r',
    'INSERT INTO counter VALUES (0)',
    'CREATE TRIGGER both AFTER UPDATE ON counter BEGIN INSERT INTO log VALUES (new.n, randomblob(500)); END',
  ]) {
    await sql(id, text)
  }
  const write = () => sql(id, 'UPDATE counter SET n = n + 1')
  return { id, write }
}

/** Counter and length of the log in an exported file. */
function momentOf(bytes: Uint8Array): unknown[] {
  const content = contentOf(bytes)
  return [content.get('counter'), content.get('log')?.length]
}

describe('an export', () => {
  it('is one sound file that needs no WAL, of the very moment when it began, while writes go on', async () => {
    const { id, write } = await newTenant('moment')
    for (let n = 0; n < 5; n += 1) await write()
    let pieces = 0
    const bytes = await tenancy.export(id, async (file) => {
      const chunks: Uint8Array[] = []
      for await (const chunk of file.chunks) {
        chunks.push(Buffer.from(chunk))
        pieces += 1
        for (let n = 0; n < 3; n += 1) await write()
      }
      expect(file.bytes).toBe(chunks.reduce((sum, { byteLength }) => sum + byteLength, 0))
      return Buffer.concat(chunks)
    })
    expect(pieces).toBeGreaterThan(5)
    expect(momentOf(bytes)).toEqual([[{ n: 5n }], 5])
    expect(healthOf(bytes)).toEqual({ check: 'ok', journal: 'delete' })
    expect(await sql(id, 'SELECT n, (SELECT count(*) FROM log) FROM counter')).toEqual([
      [5n + 3n * BigInt(pieces), 5n + 3n * BigInt(pieces)],
    ])
  })

  it('is a moment of the invariant while many write at once', async () => {
    const { id, write } = await newTenant('many')
    let stop = false
    const writer = async () => {
      while (!stop) await write()
    }
    const writers = Promise.all([writer(), writer(), writer()])
    for (let round = 0; round < 3; round += 1) {
      const bytes = await tenancy.export(id, async ({ chunks }) => Buffer.concat(await gathered(chunks)))
      const [counter, logged] = momentOf(bytes)
      expect(counter).toEqual([{ n: BigInt(Number(logged)) }])
      expect(healthOf(bytes).check).toBe('ok')
    }
    stop = true
    await writers
  })

  it('has the commits of its tenant up to now, an open WAL included', async () => {
    const { id, write } = await newTenant('now')
    await write()
    const [first, second] = await Promise.all(
      [0, 1].map(() => tenancy.export(id, async ({ chunks }) => Buffer.concat(await gathered(chunks)))),
    )
    expect(second).toEqual(first)
    expect(momentOf(first ?? Buffer.alloc(0))).toEqual([[{ n: 1n }], 1])
  })

  it('that is under way is not changed by a second one: that is refused once rows were written', async () => {
    const { id, write } = await newTenant('twice')
    const bytes = await tenancy.export(id, async ({ chunks }) => {
      const taken: Uint8Array[] = []
      for await (const chunk of chunks) {
        taken.push(Buffer.from(chunk))
        await write()
        expect(await codeOf(tenancy.export(id, async (file) => gathered(file.chunks)))).toBe('unavailable')
      }
      return Buffer.concat(taken)
    })
    expect(momentOf(bytes)).toEqual([[{ n: 0n }], 0])
    expect(healthOf(bytes).check).toBe('ok')
    expect(await codeOf(tenancy.export(id, async (file) => gathered(file.chunks)))).toBe('ok')
  })

  it('leaves no frozen file behind when its reader stops early or fails', async () => {
    const { id, write } = await newTenant('early')
    await tenancy.export(id, async ({ chunks }) => {
      for await (const _ of chunks) break
    })
    expect(await codeOf(tenancy.export(id, () => Promise.reject(new Error('client went away'))))).toBe(
      'client went away',
    )
    await write()
    expect(await tenancy.use(id, async (handle) => handle.isFrozen)).toBe(false)
  })

  it('gives way when the WAL passes its limit; every write succeeds and the WAL is emptied', async () => {
    const { id } = await newTenant('limit')
    await sql(id, 'CREATE TABLE big(b)')
    const chunkBytes = 4 * 1024 * 1024
    const outcome = await codeOf(
      tenancy.export(id, async ({ chunks }) => {
        const reader = chunks[Symbol.asyncIterator]()
        await reader.next()
        for (let written = 0; written <= EXPORT_WAL_BYTES_MAX; written += chunkBytes) {
          await sql(id, 'INSERT INTO big VALUES (zeroblob(?))', BigInt(chunkBytes))
        }
        await reader.next()
      }),
    )
    expect(outcome).toBe('export_wal_limit')
    await sql(id, 'INSERT INTO big VALUES (1)')
    expect((await tenancy.stats(id)).walBytes).toBeLessThan(5 * chunkBytes)
    expect(await sql(id, 'SELECT count(*) FROM big')).toEqual([[BigInt(EXPORT_WAL_BYTES_MAX / chunkBytes) + 2n]])
  })

  it('of a tenant that is deleted meanwhile ends with tenant_not_found, and the deletion waits for it', async () => {
    const { id } = await newTenant('deleted')
    let deletion: Promise<unknown> = Promise.resolve()
    const outcome = await codeOf(
      tenancy.export(id, async ({ chunks, interrupted }) => {
        const reader = chunks[Symbol.asyncIterator]()
        await reader.next()
        deletion = tenancy.delete(id)
        await interrupted
        await reader.next()
      }),
    )
    expect(outcome).toBe('tenant_not_found')
    await deletion
    expect(await codeOf(() => tenancy.get(id))).toBe('tenant_not_found')
  })

  it('of a suspended tenant is refused', async () => {
    const { id } = await newTenant('suspended')
    await tenancy.suspend(id)
    expect(await codeOf(tenancy.export(id, async () => undefined))).toBe('tenant_suspended')
  })

  it('opens in any SQLite and can be written there', async () => {
    const { id } = await newTenant('anywhere')
    const bytes = await tenancy.export(id, async ({ chunks }) => Buffer.concat(await gathered(chunks)))
    const changed = changedBytes(bytes, (db) => db.exec('UPDATE counter SET n = 7; PRAGMA integrity_check'))
    expect(momentOf(changed)).toEqual([[{ n: 7n }], 1])
  })
})
