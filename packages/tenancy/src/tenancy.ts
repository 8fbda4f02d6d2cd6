/**
 * Tenancy: the tenants of one data directory. It keeps one lifecycle verb per tenant at a time; each has a module of its own.
 */
import { type TenantId, TenaxError } from '@tenax/kernel'
import { fsSegmentFiles } from '@tenax/ledger'
import { allCollected, collectClosed, hostFailure, makeTemplate } from '@tenax/sqlite'
import { Archiver } from './archive/archiver.ts'
import { proveSound } from './archive/hydrate.ts'
import type { Manifest } from './archive/manifest.ts'
import type { Scrubber } from './archive/scrubber.ts'
import type { TenantRecord } from './catalog-rows.ts'
import { checkpointAll } from './durability/checkpoint-all.ts'
import { Gate, remoteNotConfigured } from './durability/gate.ts'
import type { LedgerStats } from './durability/host-ledger.ts'
import { TenantClasses } from './durability/tenant-classes.ts'
import type { Measured } from './durability/timed-files.ts'
import type { ListQuery, TenantPage } from './files/directory.ts'
import type { DiskGuard } from './files/disk-guard.ts'
import type { TenantExport } from './files/export.ts'
import type { ScratchFile, ScratchFiles } from './files/scratch-files.ts'
import type { ByteStream } from './files/upload.ts'
import type { Handle } from './handle.ts'
import { Lending } from './lent/lending.ts'
import { type CreateOptions, createTenant } from './lifecycle/create.ts'
import { Exports } from './lifecycle/exports.ts'
import { forkInto } from './lifecycle/fork.ts'
import { importTenant } from './lifecycle/import.ts'
import { moveTenant } from './lifecycle/move.ts'
import { type DeleteReceipt, removeTenant } from './lifecycle/remove.ts'
import { type RestoredTenant, restoreTenant } from './lifecycle/restore.ts'
import { resumeTenant, suspendTenant } from './lifecycle/suspend.ts'
import { EXPORT_DRAIN_MS, STORE_TRIAL_MS } from './limits.ts'
import { checkMigrations } from './migrations.ts'
import { type OpeningContext, openHandle } from './open-handle.ts'
import { type OpenedSession, openSession } from './open-session.ts'
import { waitAtMost } from './patience.ts'
import { HandlePool } from './pool.ts'
import type { PoolStats } from './pool-port.ts'
import { Quarantine } from './quarantine.ts'
import { Bases } from './remote/bases.ts'
import { archived, refuseUnlessServing, storeless } from './serving.ts'
import { startTenancy } from './start-tenancy.ts'
import type { TenancyComponents, TenancySettings, TenantStats, VerbContext } from './tenancy-port.ts'
import { TENANT_SCHEMA } from './tenant-schema.ts'
import { statsOf } from './tenant-stats.ts'
import { metered, type Transfers } from './transfers.ts'

/** The tenants of one data directory, owned by this process until {@link Tenancy.close}. */
export class Tenancy {
  /** How far long verbs are. */
  readonly transfers: Transfers
  /** Files on their way in or out. */
  readonly files: ScratchFiles
  /** Keeps the disk of the data directory from getting full. */
  readonly disk: DiskGuard
  /** Durability classes of the tenants. */
  readonly classes: TenantClasses
  readonly #context: VerbContext
  readonly #quarantine: Quarantine
  readonly #measured: Measured
  readonly #transitions = new Set<TenantId>()
  readonly #lending: Lending
  readonly #archiver: Archiver | undefined
  readonly #bases: Bases | undefined
  readonly #exports = new Exports()

  private constructor(base: Omit<VerbContext, 'pool' | 'template'>, measured: Measured) {
    this.#measured = measured
    const { data, settings, ledger } = base
    this.transfers = base.transfers
    this.files = base.files
    this.disk = base.disk
    this.classes = new TenantClasses(base, settings.durability)
    const { driver, clock } = base.components
    const pool = new HandlePool<TenantId, Handle>({ open: (id) => this.#open(id), settings: settings.pool, clock })
    const template = makeTemplate(driver, data.layout.upload('template'), TENANT_SCHEMA)
    const storeNew: VerbContext['storeBase'] = (tenant, file) => this.#bases?.storeNew(tenant, file)
    this.#context = { ...base, pool, template, storeBase: base.components.store && storeNew }
    const { randomId, onEvent, ledgerFiles = fsSegmentFiles } = base.components
    this.#lending = new Lending(this.#context)
    this.#quarantine = new Quarantine({ ...base, pool, randomId, onEvent, ledgerFiles })
    const archiver = this.#makeArchiver()
    this.#archiver = archiver
    const transition = <T>(id: TenantId, verb: () => Promise<T>) => this.#transition(id, verb)
    this.#bases = archiver && new Bases({ context: this.#context, archiver, transition })
    ledger.onPressure((incarnations) => checkpointAll(this.#context, new Set(incarnations)))
  }

  /**
   * Opens a data directory, recovers what a crash left behind, and serves it.
   *
   * @throws TenaxError `data_in_use`, `data_format_newer`, `data_format_invalid`, `config_invalid`
   */
  static async open(settings: TenancySettings, components: TenancyComponents): Promise<Tenancy> {
    checkMigrations(settings.migrations)
    if (settings.durability === 'remote' && components.store === undefined) throw remoteNotConfigured()
    const { base, measured, left, stopped, hadLedger } = await startTenancy(settings, components)
    try {
      const tenancy = new Tenancy(base, measured)
      tenancy.#quarantine.takeOver(stopped)
      tenancy.#lending.miss(left)
      await tenancy.#beginStoring({ hadLedger })
      void collectClosed() // making catalogs and the template has left descriptors
      return tenancy
    } catch (error) {
      base.data.release()
      throw hostFailure(error)
    }
  }

  async #open(id: TenantId): Promise<Handle> {
    const { directory, data } = this.#context
    const found = directory.get(id)
    refuseUnlessServing(found)
    this.#lending.refuseIfAway(id)
    const isArchived = found.state === 'archived'
    const record = isArchived ? await this.#archiverOrRefuse().hydrate(found) : found
    const path = data.layout.tenantFile(directory.catalogOf(id).shard, record)
    const handle = await openHandle(this.#opening(record), record, path)
    if (isArchived) await proveSound(handle)
    return handle
  }

  /** A store that is unfit ends the start, which has opened everything by then. */
  async #beginStoring({ hadLedger }: { readonly hadLedger: boolean }): Promise<void> {
    try {
      await this.#archiver?.prove()
    } catch (error) {
      await this.close()
      throw error
    }
    const { ledger, components } = this.#context
    const begun = ledger.shipping?.begin(async () => (hadLedger ? this.#bases?.storeAll() : undefined))
    if (begun !== undefined) await waitAtMost(components.clock, STORE_TRIAL_MS, begun)
    this.#archiver?.start()
    this.#bases?.settleSoon(0)
  }

  #makeArchiver(): Archiver | undefined {
    const { components, settings, data, ledger } = this.#context
    if (components.store === undefined) return undefined
    return new Archiver({
      context: this.#context,
      store: components.store,
      writer: { dataId: data.identity.dataId, epoch: ledger.epoch },
      archiveAfterMs: settings.archiveAfterMs,
      stop: (record, reason) => this.#stop(record, reason),
      archive: (id) => this.archive(id),
    })
  }

  /** @throws TenaxError `store_not_configured` */
  #archiverOrRefuse(): Archiver {
    if (this.#archiver !== undefined) return this.#archiver
    throw storeless()
  }

  get #parts() {
    return { context: this.#context, opening: (record: TenantRecord) => this.#opening(record) }
  }

  #stop(record: TenantRecord, reason: string): void {
    this.#quarantine.stop(record, reason)
    this.#context.components.onTenant?.(record.id)
  }

  #opening(record: TenantRecord): OpeningContext {
    const { settings, components, ledger, disk } = this.#context
    const { driver, clock, randomId } = components
    const quarantine = (at: TenantRecord, reason: string) => this.#stop(at, reason)
    const { file: fileSettings, migrations } = settings
    const durability = this.classes.follow(record)
    return { driver, clock, randomId, ledger, disk, quarantine, fileSettings, migrations, durability }
  }

  /** Whether commits go to object storage. */
  get isStored(): boolean {
    return this.#context.ledger.shipping !== undefined
  }

  /** Resolves when everything that was committed so far, in any file, is durable. */
  settled(): Promise<void> {
    return this.#context.ledger.settled()
  }

  /** Lends a tenant's handle, opened if needed. Throws TenaxError by the tenant's state. */
  use<T>(id: TenantId, fn: (handle: Handle) => Promise<T>): Promise<T> {
    return this.#context.pool.use(id, fn)
  }

  /** A new interactive stream of a tenant, bound to the history that the tenant has now. */
  openSession(id: TenantId, gate = new Gate()): Promise<OpenedSession> {
    const { clock } = this.#context.components
    return openSession((fn) => this.use(id, fn), clock, gate)
  }

  get(id: TenantId): TenantRecord {
    return this.#context.directory.get(id)
  }

  list(query: ListQuery): TenantPage {
    return this.#context.directory.list(query)
  }

  count(): number {
    return this.#context.directory.count()
  }

  /**
   * Says when somebody should look at the tenant next (0: as soon as there is a host; undefined: never). It is in the ledger
   * before anything that is committed after this call; resolves when it is durable.
   */
  setWake(id: TenantId, wakeAtMs: number | undefined): Promise<void> {
    return this.#context.directory.setWake(id, wakeAtMs)
  }

  /** Tenants that serve and are to be looked at by `nowMs`, earliest first, at most `limit`. */
  dueTenants(nowMs: number, limit: number): { readonly id: TenantId; readonly wakeAtMs: number }[] {
    return this.#lending.without((more) => this.#context.directory.due(nowMs, limit + more))
  }

  /** How the ledgers count this process, and the one before it if it ended without closing what it had. */
  get epochs(): { readonly own: number; readonly died: number | undefined } {
    const { epoch, uncleanEpoch } = this.#context.ledger
    return { own: epoch, died: uncleanEpoch > 0 && uncleanEpoch === epoch - 1 ? uncleanEpoch : undefined }
  }

  poolStats(): PoolStats {
    return this.#context.pool.stats()
  }

  ledgerStats(): LedgerStats {
    const { syncs, recoveryMs } = this.#measured
    return { ...this.#context.ledger.stats(), syncCount: syncs.count, syncMs: syncs.durationMs, recoveryMs }
  }

  /** @throws TenaxError `tenant_exists`, `remote_not_configured`; `tenant_quarantined` when a migration failed on it */
  create(id: TenantId, options: CreateOptions = {}): Promise<TenantRecord> {
    return this.#transition(id, () => {
      if (options.durability !== undefined) this.classes.promised(options.durability)
      return createTenant(this.#context, id, options)
    })
  }

  async delete(id: TenantId): Promise<DeleteReceipt> {
    const receipt = await this.#transition(id, () => removeTenant(this.#context, id))
    this.#archiver?.cleanSoon()
    return receipt
  }

  /**
   * Puts the tenant into object storage and removes its local file: the next use brings it back. Safe to repeat.
   *
   * @throws TenaxError `store_not_configured`, `tenant_busy`, `snapshot_fenced`; by the tenant's state; what the store fails with
   */
  archive(id: TenantId): Promise<TenantRecord> {
    return this.#transition(id, async () => {
      await this.#archiverOrRefuse().archive(id)
      return this.#context.directory.get(id)
    })
  }

  /** The snapshots of a tenant that object storage keeps, newest first; also of one that cannot be served. */
  async snapshots(id: TenantId): Promise<readonly Manifest[]> {
    return this.#archiverOrRefuse().list(this.get(id))
  }

  /** Proves that snapshots can be restored. Throws TenaxError `store_not_configured`. */
  get scrubber(): Scrubber {
    return this.#archiverOrRefuse().scrubber
  }

  /**
   * Makes the tenant `to` with what `id` has now, or had at the snapshot `manifest`; `id` stays as it is. Workflows of the new one are held.
   *
   * @throws TenaxError `tenant_exists`, `snapshot_not_found`, `snapshot_damaged`, `store_not_configured`; as an export and an import
   */
  fork(id: TenantId, to: TenantId, manifest?: number): Promise<TenantRecord> {
    const into = (body: ByteStream) => this.#transition(to, () => forkInto(this.#context, to, body))
    if (manifest === undefined) return this.export(id, (file) => into(metered(file, this.transfers.of(id))))
    return this.#transition(id, () => into(this.#archiverOrRefuse().read(this.get(id), manifest)))
  }

  /**
   * Makes the tenant what it was at the snapshot `manifest`, under a new lineage, with its workflows held. What it was until now
   * is stored first, so that it can be restored too; of a quarantined tenant its file stays beside the new one.
   *
   * @throws TenaxError `snapshot_not_found`, `snapshot_damaged`, `store_not_configured`, `import_invalid` (a migration); nothing has changed then
   */
  restore(id: TenantId, manifest: number): Promise<RestoredTenant> {
    return this.#transition(id, async () => {
      this.#lending.refuseIfAway(id)
      const parts = { ...this.#parts, archiver: this.#archiverOrRefuse(), quarantine: this.#quarantine }
      return restoreTenant(parts, id, manifest).finally(() => this.#bases?.settle(id))
    })
  }

  /** Brings an archived tenant back to local disk, as its next use would. Safe to repeat. */
  async hydrate(id: TenantId): Promise<TenantRecord> {
    if (this.get(id).state === 'archived') await this.use(id, async () => undefined)
    return this.get(id)
  }

  /** Makes `body`, an SQLite file, the tenant's database. Throws TenaxError `import_invalid`; nothing has changed then. */
  async import(id: TenantId, body: ByteStream | ScratchFile): Promise<{ record: TenantRecord; created: boolean }> {
    const outcome = await this.#transition(id, () => importTenant(this.#context, id, body))
    if (!outcome.created) this.#archiver?.cleanSoon()
    return outcome
  }

  /** Refuses the tenant's requests until it is resumed. Safe to repeat. */
  suspend(id: TenantId): Promise<TenantRecord> {
    return this.#transition(id, () => suspendTenant(this.#context, id))
  }

  /** Lifts suspension and quarantine. Safe to repeat. */
  resume(id: TenantId): Promise<TenantRecord> {
    return this.#transition(id, async () => {
      if (this.get(id).quarantineReason !== undefined) this.#bases?.owe(id)
      const record = await resumeTenant({ ...this.#parts, quarantine: this.#quarantine }, id)
      await this.#bases?.settle(id)
      return record
    })
  }

  /** Lends a consistent copy of the tenant's file while writes go on. `take` must read it before it resolves. */
  export<T>(id: TenantId, take: (file: TenantExport) => Promise<T>): Promise<T> {
    return this.use(id, (handle) => this.#exports.run(handle, take))
  }

  /** As {@link export}, of a tenant that is suspended by it, its workflows held. Throws TenaxError by the tenant's state. */
  move<T>(id: TenantId, take: (file: TenantExport) => Promise<T>): Promise<T> {
    return this.#transition(id, () => moveTenant({ ...this.#parts, exports: this.#exports }, id, take))
  }

  /**
   * Lends the tenant's file to another process while `work` runs; `directory` is what `LentTenant.open` takes. `work` resolves
   * when that process has ended. Until then the tenant answers `tenant_in_transition`, and lifecycle verbs do.
   *
   * @throws TenaxError `unavailable` when the file could not be closed: nothing has changed; what `work` throws
   */
  lend<T>(id: TenantId, work: (directory: string) => Promise<T>): Promise<T> {
    const lend = () => this.#lending.lend(id, work)
    return this.#transition(id, () => (this.#bases === undefined ? lend() : this.#bases.around(id, lend)))
  }

  /** @throws TenaxError `tenant_archived`: to look at a tenant does not bring it back */
  async stats(id: TenantId): Promise<TenantStats> {
    const wasOpen = this.#context.pool.peek(id) !== undefined
    if (this.get(id).state === 'archived') throw archived(id)
    return this.use(id, (handle) => statsOf(handle, wasOpen))
  }

  async #transition<T>(id: TenantId, verb: () => Promise<T>): Promise<T> {
    if (this.#transitions.has(id)) {
      throw new TenaxError('tenant_in_transition', `another operation on tenant "${id}" is under way`, {
        hint: 'retry when it has ended',
      })
    }
    this.#transitions.add(id)
    try {
      await this.#quarantine.ended(id)
      return await verb()
    } catch (error) {
      throw hostFailure(error)
    } finally {
      this.#transitions.delete(id)
      this.#context.components.onTenant?.(id)
    }
  }

  /**
   * Ends uses, checkpoints and closes every file, lets the directory go. An export that has not ended by then is cut off.
   * While a file cannot be closed (a statement that hears no interrupt, another process's lock) the directory stays
   * locked, and this throws TenaxError `unavailable`; it may be called again.
   */
  async close(): Promise<void> {
    const { pool, directory, data, components, ledger, disk } = this.#context
    const patience = components.clock.after(EXPORT_DRAIN_MS, () => this.#exports.cutOff())
    await Promise.all([this.#archiver?.stop(), this.#bases?.end()])
    const drained = await pool.drain().then(
      () => true,
      () => false,
    )
    patience.cancel()
    const { pinned, stuck, opening } = pool.stats()
    await collectClosed()
    if (!drained || pinned + stuck + opening > 0) {
      throw new TenaxError('unavailable', `${pinned + stuck + opening} tenants are still in use`, {
        hint: 'close again when they have ended; until then, or until the process ends, the data directory stays locked',
      })
    }
    await this.#quarantine.allEnded()
    await directory.close()
    await ledger.close()
    await disk.close()
    await allCollected()
    data.release()
  }
}
