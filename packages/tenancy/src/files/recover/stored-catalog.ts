/** Reads a catalog that was made from stored ledgers. What reading changes (an older format, a log) is changed in a copy. */
import { copyFileSync, rmSync } from 'node:fs'
import type { Clock, TenantId } from '@tenax/kernel'
import { type EngineDriver, SqliteFile, type SqliteFileSettings } from '@tenax/sqlite'
import { Catalog } from '../../catalog.ts'
import type { TenantRecord } from '../../catalog-rows.ts'
import type { SnapshotPlace } from '../../catalog-snapshots.ts'
import { RECOVERY_ROWS } from '../../limits.ts'
import { checkCatalog } from '../directory.ts'
import { removeLog } from '../tenant-files.ts'

/** What opening a catalog takes. */
export interface CatalogReader {
  readonly driver: EngineDriver
  readonly clock: Clock
  readonly fileSettings: SqliteFileSettings
}

/** A tenant's row, and its last snapshot. */
export interface CatalogedTenant {
  readonly record: TenantRecord
  readonly snapshot: SnapshotPlace | undefined
}

/** Every tenant of the catalog at `path`. The copy lies beside it and is gone afterwards. */
export async function readStoredCatalog(
  { driver, clock, fileSettings: settings }: CatalogReader,
  { path, shard }: { readonly path: string; readonly shard: number },
): Promise<readonly CatalogedTenant[]> {
  const copy = `${path}.copy`
  copyFileSync(path, copy)
  const file = SqliteFile.open(copy, { driver, settings, nowMs: () => clock.monotonicMs(), synchronous: 'off' })
  try {
    checkCatalog(file, shard)
    const catalog = new Catalog({ shard, file, journal: NOBODYS, onFatal: () => undefined })
    await catalog.upgrade()
    return [...tenantsOf(catalog)]
  } finally {
    file.close()
    removeLog(copy)
    rmSync(copy)
  }
}

/** Nobody but the reader ever sees the copy. */
const NOBODYS = {
  settled: () => Promise.resolve(),
  checkpoint: () => Promise.resolve(true),
  includeAllPages: () => true,
  rest: () => undefined,
  close: () => undefined,
}

function* tenantsOf(catalog: Catalog): Generator<CatalogedTenant> {
  let afterId: TenantId | '' = ''
  for (;;) {
    const records: TenantRecord[] = catalog.list({ afterId, prefix: '', limit: RECOVERY_ROWS })
    const last = records.at(-1)
    if (last === undefined) return
    for (const record of records) yield { record, snapshot: catalog.snapshots.get(record.incarnation) }
    afterId = last.id
  }
}
