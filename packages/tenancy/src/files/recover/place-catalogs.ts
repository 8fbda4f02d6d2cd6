/** The catalogs of a recovered data directory: whole files, or there is no recovery. */
import { mkdir, open, rename } from 'node:fs/promises'
import { TenaxError } from '@tenax/kernel'
import { PAGE_BYTES } from '@tenax/sqlite'
import { SnapshotDamage } from '../../archive/damage.ts'
import { CATALOG_NAME, catalogIncarnation } from '../../catalog.ts'
import type { LedgerRoot } from '../../remote/ledger-root.ts'
import type { Layout } from '../layout.ts'
import type { ChainFile, ChainFiles } from './chain-files.ts'
import { refuseWrongPages } from './settle-tenant.ts'
import { type CatalogedTenant, type CatalogReader, readStoredCatalog } from './stored-catalog.ts'

/** Where they come from and go to. */
export interface CatalogPlaces {
  readonly root: LedgerRoot
  readonly scratch: Layout
  readonly files: ChainFiles
}

/**
 * Puts each catalog in its place, as the stored ledgers have it, and gives the tenants of each shard.
 *
 * @throws TenaxError `ledger_damaged` when one is not whole; `data_format_newer`
 */
export async function placeCatalogs(
  reader: CatalogReader,
  { root, scratch, files }: CatalogPlaces,
): Promise<ReadonlyMap<number, readonly CatalogedTenant[]>> {
  const tenants = new Map<number, readonly CatalogedTenant[]>()
  for (let shard = 0; shard < root.shardCount; shard += 1) {
    await mkdir(scratch.shard(shard), { recursive: true, mode: 0o700 })
    const entries = files.get(catalogIncarnation(shard))
    if (entries === undefined) {
      refuseTenantsWithout(files, shard)
      continue // the start makes a new one: nothing was ever stored behind the first commits of the others
    }
    await proveWhole(entries, shard)
    const path = scratch.catalog(shard)
    await rename(entries.path, path)
    tenants.set(shard, await readStoredCatalog(reader, { path, shard }))
  }
  return tenants
}

/** A host opens all catalogs before it serves anybody: without one of them there are no commits of tenants. */
function refuseTenantsWithout(files: ChainFiles, shard: number): void {
  for (const incarnation of files.incarnations()) {
    if (!incarnation.startsWith(CATALOG_NAME)) throw damaged(shard, 'is not in the stored ledgers, and tenants are')
  }
}

async function proveWhole(entries: ChainFile, shard: number): Promise<void> {
  const { known, databasePages, gap } = entries
  if (!known.isWhole(databasePages)) throw damaged(shard, `is not whole in the stored ledgers${gap ? `: ${gap}` : ''}`)
  const file = await open(entries.path, 'r+')
  try {
    await file.truncate(databasePages * PAGE_BYTES)
    await refuseWrongPages(entries, file)
    await file.sync()
  } catch (error) {
    if (error instanceof SnapshotDamage) throw damaged(shard, `is damaged: ${error.message}`)
    throw error
  } finally {
    await file.close()
  }
}

function damaged(shard: number, reason: string): TenaxError {
  return new TenaxError('ledger_damaged', `the catalog of shard ${shard} ${reason}`, {
    hint: 'nothing was recovered; restore ledgers/ from a copy of the bucket',
    details: { shard },
  })
}
