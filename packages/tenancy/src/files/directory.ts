/** The directory: tenant → shard → catalog. All shards of a data directory, opened, recovered, listed as one. */
import { existsSync } from 'node:fs'
import { type Clock, type Incarnation, type RandomId, type TenantId, TenaxError } from '@tenax/kernel'
import { type EngineDriver, makeTemplate, SqliteFile, type SqliteFileSettings, writeNewFile } from '@tenax/sqlite'
import { Catalog, catalogIncarnation } from '../catalog.ts'
import type { TenantRecord } from '../catalog-rows.ts'
import { CATALOG_FORMAT, CATALOG_SCHEMA } from '../catalog-schema.ts'
import { attachJournal } from '../durability/attach-journal.ts'
import type { HostLedger } from '../durability/host-ledger.ts'
import type { DataDirectory } from './data-directory.ts'
import { shardOf } from './layout.ts'

/** One page of tenants in order of id. */
export interface TenantPage {
  readonly tenants: readonly TenantRecord[]
  /** Where the next page begins, or undefined at the end. */
  readonly nextAfterId: string | undefined
}

/** What to list. `accepts` filters by what is no column; rows that it drops do not count. */
export interface ListQuery {
  readonly limit: number
  readonly afterId: string
  readonly prefix: string
  readonly accepts: (record: TenantRecord) => boolean
}

/** All catalogs of one data directory. */
export class Directory {
  readonly #catalogs: readonly Catalog[]

  private constructor(catalogs: readonly Catalog[]) {
    this.#catalogs = catalogs
  }

  /** Opens every shard's catalog. */
  static open(data: DataDirectory, options: DirectoryOptions): Directory {
    const catalogs: Catalog[] = []
    try {
      for (let shard = 0; shard < data.identity.shardCount; shard += 1) catalogs.push(openCatalog(data, shard, options))
      return new Directory(catalogs)
    } catch (error) {
      new Directory(catalogs).abandon()
      throw error
    }
  }

  /** Every shard's catalog, in order. */
  get catalogs(): readonly Catalog[] {
    return this.#catalogs
  }

  catalogOf(id: TenantId): Catalog {
    const catalog = this.#catalogs[shardOf(id, this.#catalogs.length)]
    if (catalog === undefined) throw new TenaxError('internal', 'a shard has no catalog')
    return catalog
  }

  /** The tenant that an incarnation is of, if there is one. */
  tenantOf(incarnation: Incarnation): TenantId | undefined {
    for (const catalog of this.#catalogs) {
      const id = catalog.tenantOf(incarnation)
      if (id !== undefined) return id
    }
    return undefined
  }

  /** @throws TenaxError `tenant_not_found` */
  get(id: TenantId): TenantRecord {
    const record = this.catalogOf(id).get(id)
    if (record === undefined)
      throw new TenaxError('tenant_not_found', `there is no tenant "${id}"`, { hint: 'POST /v1/tenants creates one' })
    return record
  }

  list(query: ListQuery): TenantPage {
    const found: TenantRecord[] = []
    let afterId = query.afterId
    for (;;) {
      const batch = this.#nextBatch(afterId, query)
      for (const record of batch) {
        if (!query.accepts(record)) continue
        if (found.length === query.limit) return { tenants: found, nextAfterId: found.at(-1)?.id }
        found.push(record)
      }
      const last = batch.at(-1)
      if (last === undefined) return { tenants: found, nextAfterId: undefined }
      afterId = last.id
    }
  }

  /** The next rows over all shards in order of id: as many as are certain to come next. */
  #nextBatch(afterId: string, { prefix, limit }: ListQuery): TenantRecord[] {
    const wanted = limit + 1
    return this.#catalogs
      .flatMap((catalog) => catalog.list({ afterId, prefix, limit: wanted }))
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .slice(0, wanted)
  }

  /** Says when somebody should look at the tenant next. It is made when this returns; resolves when it is durable. */
  setWake(id: TenantId, wakeAtMs: number | undefined): Promise<void> {
    return this.catalogOf(id).setWake(id, wakeAtMs)
  }

  /** Tenants that serve and are to be looked at by `nowMs`, earliest first, at most `limit`. */
  due(nowMs: number, limit: number): { readonly id: TenantId; readonly wakeAtMs: number }[] {
    return this.#catalogs
      .flatMap((catalog) => catalog.due(nowMs, limit))
      .sort((a, b) => a.wakeAtMs - b.wakeAtMs)
      .slice(0, limit)
  }

  count(): number {
    return this.#catalogs.reduce((sum, catalog) => sum + catalog.count(), 0)
  }

  async close(): Promise<void> {
    for (const catalog of this.#catalogs) await catalog.close()
  }

  /** Lets go of the catalogs of a start that failed. */
  abandon(): void {
    for (const catalog of this.#catalogs) catalog.abandon()
  }
}

/** What opening the catalogs needs. */
export interface DirectoryOptions {
  readonly driver: EngineDriver
  readonly clock: Clock
  readonly randomId: RandomId
  readonly ledger: HostLedger
  readonly fileSettings: SqliteFileSettings
  /** Hears of a catalog's defect. */
  readonly onFatal: (error: unknown) => void
}

function openCatalog({ layout }: DataDirectory, shard: number, options: DirectoryOptions): Catalog {
  const path = layout.catalog(shard)
  if (!existsSync(path)) {
    const meta = `INSERT INTO catalog_meta VALUES (1, ${CATALOG_FORMAT}, ${shard})`
    const scratch = layout.upload(`catalog-${shard}`)
    writeNewFile(path, makeTemplate(options.driver, scratch, [...CATALOG_SCHEMA, meta]))
  }
  const file = SqliteFile.open(path, {
    driver: options.driver,
    settings: options.fileSettings,
    nowMs: () => options.clock.monotonicMs(),
    synchronous: 'off',
  })
  try {
    checkCatalog(file, shard)
    const journal = attachJournal(options, file, catalogIncarnation(shard))
    return new Catalog({ shard, file, journal, onFatal: options.onFatal })
  } catch (error) {
    file.close()
    throw error
  }
}

/** @throws TenaxError `data_format_newer`, `data_format_invalid` */
export function checkCatalog(file: SqliteFile, shard: number): void {
  const [format, written] = file.engine('SELECT format, shard FROM catalog_meta WHERE id = 1').get() ?? []
  if (typeof format === 'bigint' && format > BigInt(CATALOG_FORMAT)) {
    throw new TenaxError('data_format_newer', `the catalog of shard ${shard} has format ${format}`, {
      hint: 'use a newer Tenax',
    })
  }
  if (written !== BigInt(shard)) {
    throw new TenaxError('data_format_invalid', `the catalog of shard ${shard} is another shard's`, {
      hint: 'put the shard directories back',
    })
  }
}
