/**
 * Disaster recovery: a data directory that is lost, made anew from object storage alone (LEDGER O2, D4).
 *
 *   root ──every ledger of the chain, sealed at its end──► files ──catalogs say whose──► tenants, archived or with their file
 *
 * 1. Nothing is begun when something is missing; what is not as it was stored is told by name, and no seal is put before it.
 * 2. The seal names this recovery: whoever had the data before, or recovers at the same time, can store nothing that counts.
 * 3. It is built aside and appears at once (recovered-directory.ts). After a crash anywhere it begins again: the next walk follows
 *    the seal of the one before it.
 * 4. What is wrong with one tenant stops that tenant; what is wrong with a catalog ends the recovery.
 */
import { mkdir, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { BlobStore } from '@tenax/blobstore'
import { type Clock, type RandomId, TenaxError } from '@tenax/kernel'
import { replaceFile, syncDirectory } from '@tenax/sqlite'
import { boundedStore } from '../../archive/bounded-store.ts'
import { inParallel } from '../../archive/in-parallel.ts'
import { catalogIncarnation } from '../../catalog.ts'
import { TRANSFERS_MAX } from '../../limits.ts'
import { type LedgerRoot, readRoot } from '../../remote/ledger-root.ts'
import { type ChainEnd, walkChain } from '../../remote/stored-chain.ts'
import { writeIdentityFile } from '../data-directory.ts'
import type { Layout } from '../layout.ts'
import { writeStoredPosition } from '../stored-position.ts'
import { ChainFiles } from './chain-files.ts'
import { placeCatalogs } from './place-catalogs.ts'
import { readAhead } from './read-ahead.ts'
import { beginScratch, commitScratch } from './recovered-directory.ts'
import { type RecoveredRow, writeRecoveredRows } from './recovered-rows.ts'
import { settleTenant } from './settle-tenant.ts'
import type { CatalogedTenant, CatalogReader } from './stored-catalog.ts'
import { refuseMissing, type StoredCounts } from './stored-inventory.ts'

/** What a recovery takes. */
export interface StoreRecoveryOptions extends CatalogReader {
  readonly store: BlobStore
  readonly dataId: string
  /** Of a directory that is empty but for its lock, which the caller has. */
  readonly layout: Layout
  readonly clock: Clock
  readonly randomId: RandomId
  /** Hears of each step when it is done; tests look at what a crash would leave there. */
  readonly onStep?: (step: string) => void
}

/** What a recovery has brought back. */
export interface StoreRecovery {
  readonly dataId: string
  readonly shardCount: number
  /** Of the last ledger that was read. */
  readonly epoch: number
  readonly tenantCount: number
  /** Tenants that come back with their first use. */
  readonly archivedCount: number
  /** Tenants whose file was made. */
  readonly materialisedCount: number
  /** Tenants that this recovery has stopped. */
  readonly stoppedCount: number
  /** Incarnations in the stored ledgers that no catalog names: deleted, replaced, or never ended. */
  readonly forgottenCount: number
  /** What was read of object storage. */
  readonly objectCount: number
  readonly objectBytes: number
  readonly durationMs: number
}

/**
 * Makes the data directory `dataId` anew.
 *
 * @throws TenaxError `ledger_damaged`, `data_format_newer`, `unavailable`, `outcome_unknown`, `storage_full`: nothing has appeared then
 */
export async function recoverFromStore(options: StoreRecoveryOptions): Promise<StoreRecovery> {
  const { layout, clock, onStep = () => undefined } = options
  const startedMs = clock.monotonicMs()
  const ended = new AbortController()
  const read = { objectCount: 0, objectBytes: 0 }
  const store = counting(boundedStore(options.store, { clock, signal: ended.signal }), read)
  const root = await rootOf(store, options.dataId)
  const found = await refuseMissing(store, { dataId: root.dataId, firstEpoch: root.first.epoch })
  const scratch = beginScratch(layout)
  try {
    const counts = await build({ ...options, store, onStep }, { root, scratch, found })
    commitScratch(layout, onStep)
    const { dataId, shardCount } = root
    return { dataId, shardCount, ...counts, ...read, durationMs: clock.monotonicMs() - startedMs }
  } catch (error) {
    await rm(layout.recovering, { recursive: true, force: true })
    throw error
  } finally {
    ended.abort()
  }
}

async function rootOf(store: BlobStore, dataId: string): Promise<LedgerRoot> {
  const root = await readRoot(store, dataId)
  if (root !== undefined) return root
  throw new TenaxError('config_invalid', `this object storage has no ledgers of the data directory ${dataId}`, {
    hint: 'name the store, and the id in the tenax.json of the directory that was lost',
  })
}

type Building = Required<StoreRecoveryOptions>

interface Place {
  readonly root: LedgerRoot
  readonly scratch: Layout
  /** Objects that the chain has. */
  readonly found: StoredCounts
}

type Counts = Omit<StoreRecovery, 'dataId' | 'shardCount' | 'objectCount' | 'objectBytes' | 'durationMs'>

async function build(options: Building, place: Place): Promise<Counts> {
  const { clock, onStep } = options
  const { root, scratch } = place
  const images = `${scratch.root}/images`
  await mkdir(images, { mode: 0o700 })
  const files = new ChainFiles(images)
  const end = await layDown(options, place, files)
  onStep('walked')
  const tenants = await placeCatalogs(options, { root, scratch, files })
  onStep('catalogs')
  const counts = await settleAll(options, place, { files, tenants })
  onStep('tenants')
  await rm(images, { recursive: true, force: true })
  await mkdir(scratch.ledgers, { mode: 0o700 })
  replaceFile(scratch.uncleanEpoch, Buffer.from(`${end.last.epoch}\n`))
  writeStoredPosition(scratch.storedPosition, { open: end.last, own: [end.successor], atMs: clock.nowMs() })
  writeIdentityFile(scratch, root)
  syncDirectory(scratch.root)
  onStep('built')
  return { ...counts, epoch: end.last.epoch }
}

/** Every record of the chain into the files, and the seal at its end. */
async function layDown({ store, randomId }: Building, { root, found }: Place, files: ChainFiles): Promise<ChainEnd> {
  const chain = walkChain({
    ...{ store: readAhead(store, root.dataId, found), dataId: root.dataId, from: root.first },
    successor: (epoch) => ({ epoch: epoch + 1, nonce: randomId() }),
    isFollowed: () => true,
  })
  try {
    let step = await chain.next()
    for (; !step.done; step = await chain.next()) files.take(step.value.record)
    return step.value
  } finally {
    files.close()
  }
}

async function settleAll(
  { store }: Building,
  { root, scratch }: Place,
  { files, tenants }: { readonly files: ChainFiles; readonly tenants: ReadonlyMap<number, readonly CatalogedTenant[]> },
): Promise<Omit<Counts, 'epoch'>> {
  const context = { store, signal: new AbortController().signal }
  const counts = { tenantCount: 0, archivedCount: 0, materialisedCount: 0, stoppedCount: 0 }
  const rows: RecoveredRow[] = []
  const forgotten = new Set<string>(files.incarnations())
  for (let shard = 0; shard < root.shardCount; shard += 1) {
    forgotten.delete(catalogIncarnation(shard))
    await inParallel(tenants.get(shard) ?? [], TRANSFERS_MAX, async ({ record, snapshot }) => {
      const { incarnation, file, state } = record
      forgotten.delete(incarnation)
      counts.tenantCount += 1
      if (state === 'archived') counts.archivedCount += 1
      if (state !== 'warm') return // archived already, or a verb was cut short, which the start ends
      const path = scratch.tenantFile(shard, record)
      const settled = await settleTenant(context, { record, snapshot, entries: files.get(incarnation), path })
      const { as, reason } = settled
      if (as === 'file') counts.materialisedCount += 1
      if (as === 'archived') counts.archivedCount += 1
      if (reason !== undefined) counts.stoppedCount += 1
      if (as === 'archived' || reason !== undefined)
        rows.push({ shard, incarnation, file, isArchived: as === 'archived', reason })
    })
    syncDirectory(scratch.shard(shard))
  }
  syncDirectory(dirname(scratch.shard(0)))
  if (rows.length > 0) writeRecoveredRows(scratch.recoveredRows, rows)
  return { ...counts, forgottenCount: forgotten.size }
}

/** Counts what is read. */
function counting(store: BlobStore, read: { objectCount: number; objectBytes: number }): BlobStore {
  const { get } = store
  return {
    ...store,
    get: async (key, options) => {
      const bytes = await get(key, options)
      read.objectCount += 1
      read.objectBytes += bytes.length
      return bytes
    },
  }
}
