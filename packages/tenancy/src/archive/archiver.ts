/**
 * The archiver: puts tenants that nobody uses into object storage, and brings them back.
 *
 *   warm ──snapshot, close, catalog, remove the file──► archived ──new file, verified, catalog──► warm
 *
 * Invariants:
 *  1. A local file goes only after the snapshot of its very last commit was read back, and its handle is closed (invariant 8).
 *  2. One lifecycle verb of a tenant at a time (the caller's), and while a file is removed nobody opens the tenant (the pool's).
 *  3. What is wrong with a snapshot stops its tenant; what is wrong with the store is `unavailable`, and changes nothing.
 */
import { type BlobStore, probeStore } from '@tenax/blobstore'
import { isTenaxError, messageOf, type TenantId, TenaxError, type Timer } from '@tenax/kernel'
import { collectClosed, hostFailure } from '@tenax/sqlite'
import PQueue from 'p-queue'
import type { TenantRecord } from '../catalog-rows.ts'
import type { SnapshotPlace } from '../catalog-snapshots.ts'
import { removeRestored } from '../files/restored-file.ts'
import { removeArchivedFile } from '../files/tenant-files.ts'
import type { Handle } from '../handle.ts'
import { ARCHIVE_LOOK_MS_MAX, ARCHIVE_TRIES_MAX, STORE_TRIAL_MS, TRANSFERS_MAX } from '../limits.ts'
import { quarantined } from '../open-handle.ts'
import { waitAtMost } from '../patience.ts'
import { refuseUnlessServing } from '../serving.ts'
import type { VerbContext } from '../tenancy-port.ts'
import { boundedStore } from './bounded-store.ts'
import { Cleaner } from './cleaner.ts'
import { collectTenant } from './collect.ts'
import { SnapshotDamage } from './damage.ts'
import { DiskBudget } from './disk-budget.ts'
import { restoreFile } from './hydrate.ts'
import { idleTenants } from './idle-tenants.ts'
import { inParallel } from './in-parallel.ts'
import type { StoredTenant } from './keys.ts'
import type { Manifest, ManifestWriter } from './manifest.ts'
import { readManifest, type SnapshotReader } from './read-manifest.ts'
import { Scrubber } from './scrubber.ts'
import { type ClosedFile, type SnapshotContext, storeClosed, takeSnapshot } from './snapshot.ts'
import { expectMark, leaveMark, type MarkedStore } from './store-mark.ts'
import { asAnswer, listSnapshots, readNumbered, snapshotBytes } from './stored-snapshots.ts'

/** What the archiver is made of. */
export interface ArchiverOptions {
  readonly context: VerbContext
  readonly store: BlobStore
  readonly writer: Omit<ManifestWriter, 'nonce'>
  /** A tenant that was not used for so long is archived; undefined: only who is told to be. */
  readonly archiveAfterMs: number | undefined
  /** Stops a tenant whose snapshot is not what was stored. */
  readonly stop: (record: TenantRecord, reason: string) => void
  /** Archives a tenant as a lifecycle verb, which calls {@link Archiver.archive}. */
  readonly archive: (id: TenantId) => Promise<unknown>
}

/** Archives and hydrates the tenants of one data directory. */
export class Archiver {
  /** Proves what this stores. */
  readonly scrubber: Scrubber
  readonly #budget: DiskBudget
  readonly #options: ArchiverOptions
  readonly #leaving = new PQueue({ concurrency: TRANSFERS_MAX })
  readonly #coming = new PQueue({ concurrency: TRANSFERS_MAX })
  readonly #ended = new AbortController()
  readonly #store: BlobStore
  #proven: Promise<void> | undefined
  #look: Timer | undefined
  #looking: Promise<void> | undefined
  readonly #cleaner: Cleaner

  constructor(options: ArchiverOptions) {
    this.#options = options
    this.#store = boundedStore(options.store, { clock: options.context.components.clock, signal: this.#ended.signal })
    const { context, stop, archive } = options
    const { clock } = context.components
    const expectStore = () => this.#expectStore()
    this.scrubber = new Scrubber({ context, stop, source: this.#source(), expectStore })
    this.#budget = new DiskBudget({ context, archive, signal: this.#ended.signal, expectStore })
    const ready = async () => {
      await this.#expectStore()
      await this.#catalogsStored()
    }
    this.#cleaner = new Cleaner({ source: this.#source(), clock, ready, catalogs: () => context.directory.catalogs })
  }

  /**
   * Tries once whether the store keeps its promises: nothing is stored in one that was not tried. One that is away now is tried
   * again before its first use.
   *
   * @throws TenaxError `store_unfit`
   */
  async prove(): Promise<void> {
    const { clock } = this.#options.context.components
    try {
      await waitAtMost(clock, STORE_TRIAL_MS, this.#proveOnce())
    } catch (error) {
      if (isTenaxError(error, 'store_unfit')) throw error
      this.#options.context.components.onEvent({ type: 'store_untried', reason: messageOf(error) })
    }
  }

  #proveOnce(): Promise<void> {
    this.#proven ??= this.#tryStore().catch((error: unknown) => {
      this.#proven = undefined
      throw error
    })
    this.#proven.catch(() => undefined) // whoever waited may have lost patience
    return this.#proven
  }

  /** A store that has snapshots of this data directory has its mark; one that has none gets it. */
  async #tryStore(): Promise<void> {
    const { context } = this.#options
    if (context.directory.catalogs.some(({ snapshots }) => snapshots.hasAny())) await expectMark(this.#marked)
    await probeStore(this.#store, { randomId: context.components.randomId, signal: this.#ended.signal })
    await leaveMark(this.#marked)
  }

  async #expectStore(): Promise<void> {
    await this.#proveOnce()
    await expectMark(this.#marked)
  }

  get #marked(): MarkedStore {
    return { store: this.#store, dataId: this.#options.writer.dataId }
  }

  /** Begins to look for idle tenants, and removes what deleted ones have left. */
  start(): void {
    this.cleanSoon()
    this.#armLook()
    this.scrubber.start()
    this.#budget.start()
  }

  /** Ends what is under way; what a tenant has is where it was, or where it was to be. */
  async stop(): Promise<void> {
    this.#look?.cancel()
    this.#cleaner.stop()
    this.#ended.abort(new TenaxError('unavailable', 'the host is shutting down'))
    await Promise.all([
      this.scrubber.stop(),
      this.#budget.stop(),
      this.#looking,
      this.#leaving.onIdle(),
      this.#coming.onIdle(),
      this.#cleaner.idle(),
    ])
  }

  /**
   * Puts a tenant into object storage and removes its local file. Safe to repeat. Inside the tenant's transition.
   *
   * @throws TenaxError `tenant_busy` when it was written to all the while: it is as it was, and its last snapshot is newer
   */
  archive(id: TenantId): Promise<void> {
    return this.#storing(async () => {
      for (let tries = 0; tries < ARCHIVE_TRIES_MAX; tries += 1) if (await this.#tryArchive(id)) return
      throw new TenaxError('tenant_busy', `tenant "${id}" is written to all the time`, {
        hint: 'archive it when nobody uses it',
      })
    })
  }

  async #tryArchive(id: TenantId): Promise<boolean> {
    const { context } = this.#options
    const record = context.directory.get(id)
    refuseUnlessServing(record)
    if (record.state === 'archived') return true
    const { manifest, removal } = await context.pool.use(id, async (handle) => {
      if (handle.isFrozen) throw exported(id)
      const place = await this.#snapshot(handle)
      // Begun while the handle is in use: a crowded pool would close it first, and nobody could say what was written between.
      return { manifest: place.number, removal: { whether: this.#removeLocal(record, { handle, place }) } }
    })
    if (!(await removal.whether)) return false
    context.components.onEvent({ type: 'archived', tenantId: id, manifest })
    return true
  }

  async #snapshot(handle: Handle): Promise<SnapshotPlace> {
    const { id, incarnation } = handle.record
    const before = this.#snapshots(id).get(incarnation)
    const place = await takeSnapshot(this.#snapshotContext(id), handle)
    // What is not removed now is removed behind the next snapshot: it costs room, and is no reason to fail.
    if (place.number !== before?.number) await this.#collect({ id, incarnation }, place).catch(() => 0)
    return place
  }

  async #collect(tenant: StoredTenant, place: SnapshotPlace): Promise<void> {
    await this.#catalogsStored()
    await collectTenant(this.#source(), tenant, place)
  }

  /** What recovery from the store finds named must not be removed: first that has to be stored which names it no more. */
  async #catalogsStored(): Promise<void> {
    const { ledger } = this.#options.context
    if (await ledger.isStoredSoon()) return
    throw new TenaxError('unavailable', 'object storage is behind with the ledger')
  }

  #snapshots(id: TenantId) {
    return this.#options.context.directory.catalogOf(id).snapshots
  }

  #snapshotContext(id: TenantId): SnapshotContext {
    const { context, writer } = this.#options
    const store = this.#store
    const catalog = context.directory.catalogOf(id)
    const { clock, randomId } = context.components
    const meter = context.transfers.of(id)
    return { meter, store, writer, catalog, clock, randomId, signal: this.#ended.signal }
  }

  /** False when the file has more in it than the snapshot: somebody used it between. */
  async #removeLocal(
    record: TenantRecord,
    { handle, place }: { handle: Handle; place: SnapshotPlace },
  ): Promise<boolean> {
    const { id, incarnation } = record
    const { pool, ledger, directory, data } = this.#options.context
    let isRemoved = false
    await pool.retire(id, 'idle', async (closed) => {
      if (closed !== handle || handle.progress().committedLsn !== place.lsn) return
      await ledger.settled() // the record of the last checkpoint is before the catalog's change
      await collectClosed()
      if (!(await this.#snapshots(id).archive(id, incarnation))) return
      removeArchivedFile(data.layout, directory.catalogOf(id).shard, record)
      isRemoved = true
    })
    return isRemoved
  }

  /** Brings a tenant's file back, and gives its row as it is then. The pool sees to it that nobody else does meanwhile. */
  hydrate(record: TenantRecord): Promise<TenantRecord> {
    return this.#coming.add(async () => {
      try {
        return await this.#hydrate(record)
      } catch (error) {
        throw hostFailure(error)
      }
    })
  }

  async #hydrate(record: TenantRecord): Promise<TenantRecord> {
    const { id, incarnation } = record
    const { directory, data, components } = this.#options.context
    const startedMs = components.clock.monotonicMs()
    const name = { incarnation, file: components.randomId() }
    const path = data.layout.tenantFile(directory.catalogOf(id).shard, name)
    const number = await this.#restore(record, path)
    const isNamed = await this.#snapshots(id)
      .hydrated(id, name)
      .finally(async () => {
        // Whatever became of the change: a file that the row does not name is nobody's.
        if (directory.catalogOf(id).get(id)?.file !== name.file) await removeRestored(path)
      })
    if (!isNamed) {
      throw new TenaxError('tenant_in_transition', `tenant "${id}" was replaced or deleted meanwhile`, {
        hint: 'ask again',
      })
    }
    const durationMs = components.clock.monotonicMs() - startedMs
    components.onEvent({ type: 'hydrated', tenantId: id, manifest: number, durationMs })
    return directory.get(id)
  }

  /** Writes the last snapshot to `path`; gives its number. */
  async #restore(record: TenantRecord, path: string): Promise<number> {
    const { id, incarnation } = record
    const source = this.#source(id)
    try {
      const place = this.#snapshots(id).get(incarnation)
      if (place === undefined) throw new SnapshotDamage('the catalog names no snapshot of it')
      const manifest = await readManifest(source.store, { id, incarnation, place }, source.signal)
      await restoreFile(source, manifest, path)
      return place.number
    } catch (error) {
      if (!(error instanceof SnapshotDamage)) throw error
      await expectMark(this.#marked) // else it says nothing of the tenant
      const reason = `its snapshot is damaged: ${error.message}`
      this.#options.stop(record, reason)
      throw quarantined(record, reason, error)
    }
  }

  /**
   * Writes the file of a kept snapshot to `path`, which no row names: every chunk verified, durable. Of a failure nothing is left.
   *
   * @throws TenaxError `snapshot_not_found`, `snapshot_damaged`; what the store or the disk fails with
   */
  writeKept({ id, incarnation }: TenantRecord, number: number, path: string): Promise<Manifest> {
    return this.#coming.add(async () => {
      try {
        const manifest = await readNumbered(this.#source(), { id, incarnation }, number)
        await restoreFile(this.#source(id), manifest, path)
        return manifest
      } catch (error) {
        const answer = asAnswer(error)
        if (isTenaxError(answer, 'snapshot_not_found') || isTenaxError(answer, 'snapshot_damaged'))
          await expectMark(this.#marked) // else it says nothing of the snapshot
        throw hostFailure(answer)
      }
    })
  }

  /** Stores the last commit of `handle`, which the caller keeps in use, and removes nothing that is stored already. */
  store(handle: Handle): Promise<SnapshotPlace> {
    return this.#storing(() => takeSnapshot(this.#snapshotContext(handle.record.id), handle))
  }

  /** Stores a file that is about to become the tenant's. The snapshot is not the tenant's last one before the catalog says so. */
  storeClosed(tenant: StoredTenant, file: ClosedFile): Promise<SnapshotPlace> {
    return this.#storing(() => storeClosed(this.#snapshotContext(tenant.id), tenant, file))
  }

  #storing<T>(work: () => Promise<T>): Promise<T> {
    return this.#leaving.add(async () => {
      this.#ended.signal.throwIfAborted()
      await this.#expectStore()
      return work()
    })
  }

  /** The kept snapshots of a tenant, newest first. */
  async list({ id, incarnation }: TenantRecord): Promise<readonly Manifest[]> {
    const last = this.#snapshots(id).get(incarnation)
    return last === undefined ? [] : listSnapshots(this.#source(), { id, incarnation }, last.number)
  }

  /** The file of a snapshot. Throws TenaxError `snapshot_not_found`, `snapshot_damaged`, also while it is read. */
  async *read({ id, incarnation }: TenantRecord, number: number): AsyncGenerator<Uint8Array, void, void> {
    yield* snapshotBytes(this.#source(id), await readNumbered(this.#source(), { id, incarnation }, number))
  }

  /** With `id`, who watches that tenant hears how far reading is. */
  #source(id?: TenantId): SnapshotReader {
    const meter = id === undefined ? {} : { meter: this.#options.context.transfers.of(id) }
    return { store: this.#store, signal: this.#ended.signal, ...meter }
  }

  #armLook(): void {
    const { archiveAfterMs, context } = this.#options
    if (archiveAfterMs === undefined || this.#ended.signal.aborted) return
    const waitMs = Math.min(ARCHIVE_LOOK_MS_MAX, Math.max(1, archiveAfterMs / 4))
    this.#look = context.components.clock.after(waitMs, () => {
      this.#looking = this.#archiveIdle(archiveAfterMs).finally(() => this.#armLook())
    })
  }

  /** Archives every tenant that was idle for long enough. It never throws: of each failure the operator hears. */
  async #archiveIdle(archiveAfterMs: number): Promise<void> {
    const { context, archive } = this.#options
    const { onEvent } = context.components
    const ids = await idleTenants(context, archiveAfterMs, this.#ended.signal)
    if (ids.length === 0) return // an idle hour asks nothing of the store
    try {
      await this.#expectStore()
    } catch (error) {
      onEvent({ type: 'archiving_waits', tenantCount: ids.length, reason: messageOf(error) })
      return
    }
    await inParallel(ids, TRANSFERS_MAX, async (id) => {
      if (this.#ended.signal.aborted) return
      await archive(id).catch((error: unknown) => {
        onEvent({ type: 'archive_failed', tenantId: id, reason: messageOf(error) })
      })
    })
  }

  /** Removes the objects of tenants that are no more, now or when the store is back. */
  cleanSoon(): void {
    this.#cleaner.soon()
  }
}

function exported(id: TenantId): TenaxError {
  return new TenaxError('tenant_busy', `tenant "${id}" is exported or copied at the moment`, {
    hint: 'archive it when that has ended',
  })
}
