import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { systemClock, type TenantId } from '@tenax/kernel'
import { libsqlDriver } from '@tenax/sqlite'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Intent } from './catalog-rows.ts'
import { startDataDirectory } from './durability/start.ts'
import { openDataDirectory } from './files/data-directory.ts'
import { Layout, shardOf } from './files/layout.ts'
import { createTenantFile } from './files/tenant-files.ts'
import { CRASH_POINTS } from './fixtures/crash-points.ts'
import { FILE_SETTINGS, idOf } from './fixtures/settings.ts'
import { codeOf, directoryMaker, filesBelow, type OpenTenancy, tenancyMaker } from './fixtures/test-bed.ts'
import { newFileName, newRecord } from './lifecycle/create.ts'
import { LEDGER_BYTES_MAX } from './limits.ts'
import { undoNew } from './recovery.ts'
import { systemRandomId } from './system-ids.ts'

const SHARDS = 4
const CHILD = fileURLToPath(new URL('./fixtures/crash-child.ts', import.meta.url))
const openTenancy = tenancyMaker()
const newDirectory = directoryMaker()

/** What the tenant is: `nothing`, or the word in its table (a created tenant has no table yet: it is `new`). */
async function stateOf({ tenancy, sql }: OpenTenancy, id: TenantId): Promise<unknown> {
  if ((await codeOf(() => tenancy.get(id))) === 'tenant_not_found') return 'nothing'
  return (await sql(id, 'SELECT a FROM t'))[0]?.[0]
}

function catalogRows(dataPath: string, query: string): unknown[] {
  return Array.from({ length: SHARDS }, (_, shard) => {
    const catalog = new DatabaseSync(new Layout(dataPath).catalog(shard), { readOnly: true })
    const rows = catalog.prepare(query).all()
    catalog.close()
    return rows
  }).flat()
}

/** The tenant files on disk, and those that the catalogs name. */
function tenantFiles(dataPath: string) {
  const onDisk = filesBelow(dataPath).filter((path) => path.endsWith('.db') && !path.endsWith('catalog.db'))
  const layout = new Layout(dataPath)
  const named = catalogRows(dataPath, 'SELECT id, incarnation, file FROM tenant').map((row) => {
    const { id, incarnation, file } = row as { id: string; incarnation: string; file: string }
    const shard = shardOf(idOf(id), SHARDS)
    return `${layout.tenantDirectory(shard, incarnation)}/${file}.db`.slice(dataPath.length + 1)
  })
  return { onDisk, named: named.sort() }
}

describe('undoNew()', () => {
  it('leaves the files of a tenant whose making has ended', async () => {
    const base = { driver: libsqlDriver, clock: systemClock }
    const data = openDataDirectory({ ...base, path: newDirectory(), randomId: systemRandomId, shardCount: 1, pid: 1 })
    const { directory, ledger } = await startDataDirectory({
      ...{
        ...base,
        data,
        randomId: systemRandomId,
        fileSettings: FILE_SETTINGS,
        settings: {},
        ledgerBytesMax: LEDGER_BYTES_MAX,
      },
      onFatal: (error) => expect.unreachable(String(error)),
    })
    const intent: Intent = { tenantId: idOf('acme'), verb: 'create', ...newFileName(systemRandomId) }
    const catalog = directory.catalogOf(intent.tenantId)
    await catalog.beginNew(newRecord(intent.tenantId, intent, 'creating', 1), intent)
    await createTenantFile(data.layout, catalog.shard, intent, new Uint8Array(4_096))
    await catalog.finishNew(intent, 0)
    await undoNew(catalog, data.layout, intent)
    expect(existsSync(data.layout.tenantFile(catalog.shard, intent))).toBe(true)
    expect(catalog.get(intent.tenantId)?.state).toBe('warm')
    await directory.close()
    await ledger.close()
    data.release()
  })
})

describe('after SIGKILL at every crash point', () => {
  let first: OpenTenancy

  beforeAll(async () => {
    const before = await openTenancy({ shardCount: SHARDS })
    for (const point of CRASH_POINTS.filter((each) => each.before === 'old')) {
      await before.tenancy.create(idOf(point.id))
      await before.sql(idOf(point.id), "CREATE TABLE t AS SELECT 'old' AS a")
    }
    await before.tenancy.close()
    const child = spawnSync(process.execPath, [CHILD, before.dataPath], { encoding: 'utf8' })
    expect([child.stderr, child.signal]).toEqual(['', 'SIGKILL'])
    first = await openTenancy({ dataPath: before.dataPath, shardCount: SHARDS })
  })

  it.each(CRASH_POINTS)('$what: the tenant is $after', async ({ id, after }) => {
    expect(await stateOf(first, idOf(id))).toBe(after)
  })

  it.each(CRASH_POINTS.filter(({ after }) => after === 'nothing'))('$what: the id is free again', async ({ id }) => {
    await first.tenancy.create(idOf(id))
    expect(await codeOf(stateOf(first, idOf(id)))).toBe('sql_error') // no such table: nothing of before
    await first.tenancy.delete(idOf(id))
  })

  it('the operator hears how many verbs were finished and undone', () => {
    const sum = (key: 'finished' | 'undone') =>
      first.events.reduce((total, event) => total + (event.type === 'recovered' ? event[key] : 0), 0)
    const wanted = (action: string) => CRASH_POINTS.filter((point) => point.action === action).length
    expect([sum('finished'), sum('undone')]).toEqual([wanted('finished'), wanted('undone')])
  })

  it('no intent, no stray file and no upload is left, and a second recovery changes nothing', async () => {
    await first.tenancy.close()
    const second = await openTenancy({ dataPath: first.dataPath, shardCount: SHARDS })
    expect(second.events).toEqual([])
    for (const point of CRASH_POINTS.filter(({ after }) => after !== 'nothing')) {
      expect(await stateOf(second, idOf(point.id))).toBe(point.after)
    }
    await second.tenancy.close()
    const { onDisk, named } = tenantFiles(first.dataPath)
    expect(onDisk).toEqual(named)
    expect(catalogRows(first.dataPath, 'SELECT * FROM intent')).toEqual([])
    expect(filesBelow(first.dataPath).filter((path) => path.startsWith('uploads/'))).toEqual([])
  })

  it('a deletion that was finished left its tombstone', () => {
    const rows = catalogRows(first.dataPath, 'SELECT tenant_id FROM tombstone')
    for (const { id } of CRASH_POINTS.filter((point) => point.id.startsWith('delete-'))) {
      expect(rows).toContainEqual({ tenant_id: id })
    }
  })
})
