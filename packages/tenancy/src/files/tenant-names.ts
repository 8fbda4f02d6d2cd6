/**
 * Who an incarnation is, for tools that run beside a server or without one. The catalogs are copied and the copies opened:
 * opening a live file would take locks in it, and its close could move a log that is not in the ledger yet.
 */
import { copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type EngineConnection, nodeSqliteDriver } from '@tenax/sqlite'
import { catalogIncarnation } from '../catalog.ts'
import { Layout } from './layout.ts'

/**
 * Tenant ids by incarnation, of tenants that are there and of deleted ones; catalogs have names of their own. As good as it
 * gets while a server writes: a catalog whose copy cannot be read is left out.
 */
export function readTenantNames(dataPath: string): ReadonlyMap<string, string> {
  const layout = new Layout(dataPath)
  const names = new Map<string, string>()
  const scratch = mkdtempSync(join(tmpdir(), 'tenax-names-'))
  try {
    for (const name of readdirSync(layout.shards).filter((each) => /^\d{2}$/.test(each))) {
      const shard = Number(name)
      names.set(catalogIncarnation(shard), `(catalog ${name})`)
      for (const [incarnation, id] of readCatalogCopy(layout.catalog(shard), join(scratch, `${name}.db`))) {
        names.set(incarnation, id)
      }
    }
    return names
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

function readCatalogCopy(path: string, copy: string): [incarnation: string, id: string][] {
  let connection: EngineConnection | undefined
  try {
    copyFileSync(path, copy)
    if (existsSync(`${path}-wal`)) copyFileSync(`${path}-wal`, `${copy}-wal`)
    connection = nodeSqliteDriver.open(copy)
    const rows = connection
      .prepare('SELECT incarnation, id FROM tenant UNION ALL SELECT incarnation, tenant_id FROM tombstone')
      .all()
    return rows.map(([incarnation, id]) => [String(incarnation), String(id)])
  } catch {
    return [] // the copy was taken in the middle of a checkpoint: incarnations stand for themselves
  } finally {
    connection?.close()
  }
}
