/** Verbs on a disk that is full from some point on: whatever they leave behind, the next verb of that tenant mends it. */
import { libsqlDriver } from '@tenax/sqlite'
import { describe, expect, it } from 'vitest'
import { fullDriver, Room } from './fixtures/full-driver.ts'
import { databaseBytes } from './fixtures/odd-files.ts'
import { idOf, streamOf } from './fixtures/settings.ts'
import { codeOf, filesBelow, type OpenTenancy, tenancyMaker } from './fixtures/test-bed.ts'
import type { Migration } from './migrations.ts'

const MIGRATIONS: readonly Migration[] = [{ name: '0001-note.sql', sql: 'CREATE TABLE note(a)' }]
const newTenancy = tenancyMaker()
const room = new Room()
const open = await newTenancy({ driver: fullDriver(libsqlDriver, room), migrations: MIGRATIONS, shardCount: 1 })
const { tenancy, sql } = open
const FILE = databaseBytes((db) => db.exec("CREATE TABLE t AS SELECT 'new' AS a"))
/** More statements than any verb has. */
const POINTS = Array.from({ length: 40 }, (_, index) => index)

/** Runs `verb` on a disk that is full after `point` more changes; then there is room again. */
async function cramped(point: number, verb: () => Promise<unknown>): Promise<{ code: string; wasFull: boolean }> {
  room.endAfter(point)
  const code = await codeOf(verb())
  const wasFull = room.hasRefused
  room.heal()
  return { code, wasFull }
}

/** Runs a verb at every point, each on a tenant of its own, and says how often the disk was full meanwhile. */
async function atEveryPoint(name: string, run: (id: ReturnType<typeof idOf>, point: number) => Promise<boolean>) {
  let fullCount = 0
  for (const point of POINTS) if (await run(idOf(`${name}-${point}`), point)) fullCount += 1
  expect(fullCount).toBeGreaterThan(4)
  expect(fullCount).toBeLessThan(POINTS.length)
  return fullCount
}

function strayFiles({ dataPath }: OpenTenancy): string[] {
  const isOurs = (path: string) => /^shards\/\d+\/[a-z0-9]{20}\/.*\.db$/.test(path)
  const named = tenancy.list({ limit: 10_000, afterId: '', prefix: '', accepts: () => true })
  return filesBelow(dataPath).filter(
    (path) => isOurs(path) && !named.tenants.some(({ incarnation, file }) => path.includes(`${incarnation}/${file}`)),
  )
}

describe('on a disk that is full at any point', () => {
  it('a create succeeds or is storage_full, and the next create makes the tenant', async () => {
    await atEveryPoint('create', async (id, point) => {
      const { code, wasFull } = await cramped(point, () => tenancy.create(id))
      expect(['ok', 'storage_full']).toContain(code)
      if (code !== 'ok') expect(await codeOf(tenancy.create(id))).toBe('ok')
      expect(await sql(id, 'SELECT count(*) FROM note')).toEqual([[0n]])
      return wasFull
    })
    expect(strayFiles(open)).toEqual([])
  })

  it('a create that failed leaves nothing that a delete cannot remove, or an import replace', async () => {
    await atEveryPoint('left', async (id, point) => {
      const { code, wasFull } = await cramped(point, () => tenancy.create(id))
      const deleted = await codeOf(tenancy.delete(id))
      expect(deleted === 'ok' || (code !== 'ok' && deleted === 'tenant_not_found')).toBe(true)
      expect(await codeOf(() => tenancy.get(id))).toBe('tenant_not_found')
      const again = idOf(`${id}-i`)
      await cramped(point, () => tenancy.create(again))
      expect(await codeOf(tenancy.import(again, streamOf(FILE)))).toBe('ok')
      expect(await sql(again, 'SELECT a FROM t')).toEqual([['new']])
      return wasFull
    })
    expect(strayFiles(open)).toEqual([])
  })

  it('an import of a new tenant succeeds or is storage_full, and the next one succeeds', async () => {
    await atEveryPoint('import', async (id, point) => {
      const { code, wasFull } = await cramped(point, () => tenancy.import(id, streamOf(FILE)))
      expect(['ok', 'storage_full']).toContain(code)
      if (code !== 'ok') expect(await codeOf(tenancy.import(id, streamOf(FILE)))).toBe('ok')
      expect(await sql(id, 'SELECT a FROM t')).toEqual([['new']])
      return wasFull
    })
    expect(strayFiles(open)).toEqual([])
  })

  it('an import over a tenant leaves the old one serving or brings the new one, and says which', async () => {
    await atEveryPoint('replace', async (id, point) => {
      await tenancy.create(id)
      await sql(id, "CREATE TABLE t AS SELECT 'old' AS a")
      const { code, wasFull } = await cramped(point, () => tenancy.import(id, streamOf(FILE)))
      expect(['ok', 'storage_full']).toContain(code)
      expect(await sql(id, 'SELECT a FROM t')).toEqual([[code === 'ok' ? 'new' : 'old']])
      expect(await codeOf(tenancy.import(id, streamOf(FILE)))).toBe('ok')
      expect(await sql(id, 'SELECT a FROM t')).toEqual([['new']])
      return wasFull
    })
    expect(strayFiles(open)).toEqual([])
  })

  it('a delete removes the tenant, or the next delete does', async () => {
    let fullCount = 0
    for (const point of POINTS) {
      const id = idOf(`delete-${point}`)
      await tenancy.create(id)
      const { code, wasFull } = await cramped(point, () => tenancy.delete(id))
      expect(['ok', 'storage_full']).toContain(code)
      if (code !== 'ok') expect(await codeOf(tenancy.delete(id))).toBe('ok')
      expect(await codeOf(() => tenancy.get(id))).toBe('tenant_not_found')
      expect(await codeOf(tenancy.create(id))).toBe('ok')
      if (wasFull) fullCount += 1
    }
    expect(fullCount).toBeGreaterThan(4)
    expect(strayFiles(open)).toEqual([])
  })

  it('nobody was quarantined', () => {
    expect(open.events).toEqual([])
  })
})
