/**
 * The scrubber: proves that tenants' snapshots come back, one at a time, while the tenants serve on. It writes what it found into
 * the catalog: when a tenant was last proven restorable, or what is wrong with its last snapshot.
 *
 *   snapshot ──restored to a scratch file, checked──► proven at, manifest
 *       └──damaged, and again at a second look──► damage; an archived tenant, which has no other copy, is stopped
 *
 * What is wrong with the store, the disk or the machine says nothing of a snapshot: then nothing is written.
 */
import { isTenaxError, messageOf, type TenantId, TenaxError, type Timer } from '@tenax/kernel'
import { hostFailure } from '@tenax/sqlite'
import PQueue from 'p-queue'
import type { TenantRecord } from '../catalog-rows.ts'
import type { SnapshotPlace } from '../catalog-snapshots.ts'
import { EXPORT_DRAIN_MS, PROOF_MS_MAX, PROOF_TRIES_MAX, PROOFS_WAITING_MAX } from '../limits.ts'
import type { VerbContext } from '../tenancy-port.ts'
import { SnapshotDamage } from './damage.ts'
import { proveSnapshot } from './prove-snapshot.ts'
import { readManifest, type SnapshotReader } from './read-manifest.ts'

/** What an operator hears of it. */
export type ScrubEvent =
  | {
      readonly type: 'snapshot_proven'
      readonly tenantId: TenantId
      readonly manifest: number
      readonly durationMs: number
    }
  | {
      readonly type: 'snapshot_damaged'
      readonly tenantId: TenantId
      readonly manifest: number
      readonly reason: string
      /** True when the tenant is archived: it is stopped then. Else its next snapshot is a whole new one. */
      readonly isOnlyCopy: boolean
    }
  /** A proof in turn could not be made, and says nothing of the snapshot: the store is away, or the disk is full. */
  | { readonly type: 'proof_failed'; readonly tenantId: TenantId; readonly reason: string }

/** A snapshot that came back whole. */
export interface Proof {
  readonly tenantId: TenantId
  readonly manifest: number
  readonly provenAtMs: number
  /** Length of the restored file. */
  readonly fileBytes: number
  readonly durationMs: number
}

/** What was done since the start, and what is known of all snapshots. */
export interface ScrubStats {
  readonly provenTotal: number
  readonly damagedTotal: number
  readonly failedTotal: number
  readonly snapshotCount: number
  readonly unprovenCount: number
  readonly damagedCount: number
  /** Age of the oldest last proof of a tenant; undefined while nothing was proven. */
  readonly oldestProofAgeMs: number | undefined
}

/** What the scrubber is made of. */
export interface ScrubberOptions {
  readonly context: VerbContext
  readonly source: SnapshotReader
  /** Resolves when the store was tried, and is the one where the snapshots are. */
  readonly expectStore: () => Promise<void>
  readonly stop: (record: TenantRecord, reason: string) => void
}

/** Proves snapshots of the tenants of one data directory. */
export class Scrubber {
  readonly #options: ScrubberOptions
  readonly #queue = new PQueue({ concurrency: 1 })
  readonly #totals = { proven: 0, damaged: 0, failed: 0 }
  #timer: Timer | undefined

  constructor(options: ScrubberOptions) {
    this.#options = options
  }

  /** Begins to prove a random tenant's snapshot after each interval, if that is set. */
  start(): void {
    const { scrubEveryMs } = this.#options.context.settings
    if (scrubEveryMs === undefined || this.#options.source.signal.aborted) return
    this.#timer = this.#clock.after(scrubEveryMs, () => void this.#scrub().finally(() => this.start()))
  }

  /** Ends what is under way, but for a check inside SQLite, which ends by itself and leaves no file either. */
  async stop(): Promise<void> {
    this.#timer?.cancel()
    const patience = Promise.withResolvers<void>()
    const timer = this.#clock.after(EXPORT_DRAIN_MS, () => patience.resolve())
    await Promise.race([this.#queue.onIdle(), patience.promise])
    timer.cancel()
  }

  /**
   * Restores a tenant's last snapshot to a scratch file and checks it; the tenant serves on. Proofs are made one after another.
   *
   * @throws TenaxError `snapshot_damaged`, `snapshot_not_found`, `tenant_not_found`, `overloaded`; what the store or the disk fails with
   */
  async verify(id: TenantId): Promise<Proof> {
    if (this.#queue.size >= PROOFS_WAITING_MAX) {
      throw new TenaxError('overloaded', 'too many snapshots wait for their proof', { hint: 'retry later' })
    }
    return this.#queue.add(async () => {
      try {
        return await this.#prove(id)
      } catch (error) {
        if (!isTenaxError(error, 'snapshot_damaged')) this.#totals.failed += 1
        throw hostFailure(error)
      }
    })
  }

  stats(): ScrubStats {
    const counts = this.#options.context.directory.catalogs.map(({ proofs }) => proofs.counts())
    const sum = (of: (one: (typeof counts)[number]) => number) => counts.reduce((total, one) => total + of(one), 0)
    const oldest = counts.flatMap(({ oldestProofAtMs }) => oldestProofAtMs ?? [])
    const { proven, damaged, failed } = this.#totals
    return {
      ...{ provenTotal: proven, damagedTotal: damaged, failedTotal: failed },
      snapshotCount: sum(({ snapshotCount }) => snapshotCount),
      unprovenCount: sum(({ snapshotCount, provenCount }) => snapshotCount - provenCount),
      damagedCount: sum(({ damagedCount }) => damagedCount),
      oldestProofAgeMs: oldest.length === 0 ? undefined : Math.max(0, this.#clock.nowMs() - Math.min(...oldest)),
    }
  }

  get #clock() {
    return this.#options.context.components.clock
  }

  /** It never throws: of damage the operator has heard by then, of other failures here. */
  async #scrub(): Promise<void> {
    const id = this.#pick()
    if (id === undefined) return // nothing to prove asks nothing of the store
    try {
      await this.verify(id)
    } catch (error) {
      if (this.#options.source.signal.aborted || isTenaxError(error, 'snapshot_damaged')) return
      const isGone = isTenaxError(error, 'tenant_not_found') || isTenaxError(error, 'snapshot_not_found')
      if (!isGone) this.#tell({ type: 'proof_failed', tenantId: id, reason: messageOf(error) })
    }
  }

  /** A tenant that has a snapshot, each as likely as any other. */
  #pick(): TenantId | undefined {
    const { directory, components } = this.#options.context
    const counts = directory.catalogs.map(({ proofs }) => proofs.candidateCount())
    const total = counts.reduce((sum, count) => sum + count, 0)
    let index = Number.parseInt(components.randomId().slice(0, 8), 36) % total // NaN when there is none
    for (const [shard, count] of counts.entries()) {
      const catalog = directory.catalogs[shard]
      if (index < count) {
        const incarnation = catalog?.proofs.candidateAt(index)
        return incarnation === undefined ? undefined : catalog?.tenantOf(incarnation)
      }
      index -= count
    }
    return undefined
  }

  async #prove(id: TenantId): Promise<Proof> {
    const startedMs = this.#clock.monotonicMs()
    let suspect = ''
    for (let tries = 0; tries < PROOF_TRIES_MAX; tries += 1) {
      this.#options.source.signal.throwIfAborted()
      const { record, place } = this.#last(id)
      await this.#options.expectStore()
      const found = await this.#look(record, place)
      if (!(found instanceof SnapshotDamage)) return this.#proven(record, place, { ...found, startedMs })
      await this.#options.expectStore() // else it says nothing of the tenant
      const name = `${record.incarnation}/${place.number}`
      if (suspect === name && (await this.#condemn(record, place, found))) throw damagedAnswer(place, found)
      suspect = name
    }
    throw new TenaxError('tenant_busy', `a newer snapshot of tenant "${id}" came each time`, {
      hint: 'verify it later',
    })
  }

  #last(id: TenantId): { readonly record: TenantRecord; readonly place: SnapshotPlace } {
    const { directory } = this.#options.context
    const record = directory.get(id)
    const place = directory.catalogOf(id).snapshots.get(record.incarnation)
    if (place !== undefined) return { record, place }
    throw new TenaxError('snapshot_not_found', `tenant "${id}" has no snapshot`, {
      hint: 'POST /v1/tenants/:id/archive takes one',
    })
  }

  /** What is wrong with the snapshot, or the length of the file that it came back as. */
  async #look(
    { id, incarnation }: TenantRecord,
    place: SnapshotPlace,
  ): Promise<SnapshotDamage | { readonly fileBytes: number }> {
    const { context, source } = this.#options
    const { driver, clock, randomId } = context.components
    const late = new AbortController()
    const timer = clock.after(PROOF_MS_MAX, () =>
      late.abort(new TenaxError('unavailable', 'a proof took too long', { hint: 'look at the object storage' })),
    )
    const signal = AbortSignal.any([source.signal, late.signal])
    try {
      const manifest = await readManifest(source.store, { id, incarnation, place }, signal)
      context.disk.assertRoom({ bytes: manifest.fileBytes })
      const path = context.data.layout.upload(randomId())
      await proveSnapshot({ store: source.store, signal }, manifest, { driver, path })
      return { fileBytes: manifest.fileBytes }
    } catch (error) {
      if (error instanceof SnapshotDamage) return error
      throw error
    } finally {
      timer.cancel()
    }
  }

  async #proven(
    { id, incarnation }: TenantRecord,
    { number }: SnapshotPlace,
    { fileBytes, startedMs }: { readonly fileBytes: number; readonly startedMs: number },
  ): Promise<Proof> {
    const provenAtMs = this.#clock.nowMs()
    await this.#proofsOf(id).proven({ incarnation, number, atMs: provenAtMs })
    const durationMs = this.#clock.monotonicMs() - startedMs
    this.#totals.proven += 1
    this.#tell({ type: 'snapshot_proven', tenantId: id, manifest: number, durationMs })
    return { tenantId: id, manifest: number, provenAtMs, fileBytes, durationMs }
  }

  /** False when the snapshot is not the tenant's last one any more. */
  async #condemn(
    { id, incarnation }: TenantRecord,
    { number }: SnapshotPlace,
    { message: reason }: SnapshotDamage,
  ): Promise<boolean> {
    const { context, stop } = this.#options
    if (!(await this.#proofsOf(id).damaged({ incarnation, number, atMs: this.#clock.nowMs() }, reason))) return false
    const now = context.directory.get(id)
    const isOnlyCopy = now.state === 'archived' && now.incarnation === incarnation
    this.#totals.damaged += 1
    this.#tell({ type: 'snapshot_damaged', tenantId: id, manifest: number, reason, isOnlyCopy })
    if (isOnlyCopy && now.quarantineReason === undefined) stop(now, `its snapshot is damaged: ${reason}`)
    return true
  }

  #proofsOf(id: TenantId) {
    return this.#options.context.directory.catalogOf(id).proofs
  }

  #tell(event: ScrubEvent): void {
    this.#options.context.components.onEvent(event)
  }
}

function damagedAnswer({ number }: SnapshotPlace, cause: SnapshotDamage): TenaxError {
  return new TenaxError('snapshot_damaged', `snapshot ${number} is damaged: ${cause.message}`, {
    cause,
    details: { manifest: number },
    hint: 'GET /v1/tenants/:id/snapshots lists the others',
  })
}
