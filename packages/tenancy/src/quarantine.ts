/**
 * Stops single tenants, and lets them go on when their trouble is mended.
 *
 * A tenant that is stopped passes these steps; a crash between any two of them leaves what the next start finishes:
 *   1. `stop`: its handle refuses everybody, from the moment of the call;
 *   2. its catalog row says why, durably; from here on no start redoes its file;
 *   3. its file is closed as it is, once the ledger has all of its log (LEDGER K4);
 *   4. what the ledger holds of it is copied into a side ledger beside the file, fsynced;
 *   5. the ledger forgets it, so that its tail is free to move (LEDGER K3).
 * `readmit` turns back: the log that lies beside the file gets a number and goes to the ledger, the main file is synced and
 * checkpointed, and only then may the row let the tenant serve.
 */
import { type Incarnation, messageOf, type RandomId, type TenantId, TenaxError } from '@tenax/kernel'
import type { SegmentFiles } from '@tenax/ledger'
import { collectClosed } from '@tenax/sqlite'
import type { TenantRecord } from './catalog-rows.ts'
import type { HostLedger } from './durability/host-ledger.ts'
import { newSideLedger } from './durability/set-aside.ts'
import type { StoppedAtStart } from './durability/start.ts'
import type { DataDirectory } from './files/data-directory.ts'
import type { Directory } from './files/directory.ts'
import type { Handle } from './handle.ts'
import { adoptFile, type OpeningContext, quarantined } from './open-handle.ts'
import type { HandlePool } from './pool.ts'

/** What stopping tenants needs. */
export interface QuarantineContext {
  readonly data: DataDirectory
  readonly directory: Directory
  readonly pool: HandlePool<TenantId, Handle>
  readonly ledger: HostLedger
  readonly ledgerFiles: SegmentFiles
  readonly randomId: RandomId
  readonly onEvent: (event: QuarantineEvent) => void
}

/** What an operator hears of a tenant that was stopped, and of its commits in the ledger. */
export type QuarantineEvent =
  | { readonly type: 'quarantined'; readonly tenantId: TenantId; readonly reason: string; readonly recorded: boolean }
  | { readonly type: 'set_aside'; readonly tenantId: TenantId; readonly entryCount: number }
  | { readonly type: 'set_aside_failed'; readonly tenantId: TenantId; readonly reason: string }

/** The stopped tenants of one data directory. */
export class Quarantine {
  readonly #context: QuarantineContext
  readonly #ending = new Map<TenantId, Promise<void>>()
  /** Of these the ledger still has what should lie in a side ledger. */
  readonly #left = new Set<Incarnation>()

  constructor(context: QuarantineContext) {
    this.#context = context
  }

  /**
   * Stops one tenant, loudly: its row says why, its handle refuses, its neighbours do not notice. It is stopped when this
   * returns; the event waits until it is known whether the row outlives a crash.
   */
  stop(record: TenantRecord, reason: string): void {
    const { pool, onEvent } = this.#context
    const recording = this.#record(record, reason)
    const handle = pool.peek(record.id)
    const isCurrent = handle === undefined || handle.record.incarnation === record.incarnation
    if (isCurrent) handle?.fence(quarantined(record, reason))
    const gone = isCurrent ? pool.retire(record.id, 'fenced') : Promise.resolve()
    if (record.state !== 'archived') this.#left.add(record.incarnation)
    void recording.then((recorded) => onEvent({ type: 'quarantined', tenantId: record.id, reason, recorded }))
    const ending = this.#end(record, recording, gone).finally(() => {
      if (this.#ending.get(record.id) === ending) this.#ending.delete(record.id)
    })
    this.#ending.set(record.id, ending)
  }

  /** Takes over the tenants that a start has stopped: each is told, and the ledger need not keep what it has of them. */
  takeOver(stopped: readonly StoppedAtStart[]): void {
    const { onEvent } = this.#context
    for (const { record, reason, entryCount } of stopped) {
      if (entryCount === undefined) {
        this.stop(record, reason)
        continue
      }
      onEvent({ type: 'quarantined', tenantId: record.id, reason, recorded: true })
      if (entryCount > 0) onEvent({ type: 'set_aside', tenantId: record.id, entryCount })
    }
  }

  /**
   * On a full disk the catalog cannot be written; the tenant is stopped all the same, for the life of this process. Of its
   * own defect the catalog tells the host.
   */
  async #record(record: TenantRecord, reason: string): Promise<boolean> {
    try {
      await this.#context.directory.catalogOf(record.id).quarantine(record.id, record.incarnation, reason)
      return true
    } catch {
      return false
    }
  }

  /** Without a row that says so, a crash would let the tenant serve: then the ledger keeps what it has. */
  async #end(record: TenantRecord, recording: Promise<boolean>, gone: Promise<void>): Promise<void> {
    await gone.catch(() => undefined) // busy for long: it refuses everybody all the same
    if (!(await recording)) return
    const now = this.#context.directory.catalogOf(record.id).get(record.id)
    if (now?.incarnation !== record.incarnation) return // it was replaced, and forgotten with that
    if (now.state === 'archived') return // it has no file, and the ledger nothing of it
    try {
      await this.#setAside(record)
    } catch (error) {
      this.#context.onEvent({ type: 'set_aside_failed', tenantId: record.id, reason: messageOf(error) })
    }
  }

  async #setAside({ id, incarnation }: TenantRecord): Promise<void> {
    const { data, directory, ledger, ledgerFiles: files, randomId } = this.#context
    const context = { data, files, randomId, clock: ledger.clock, epoch: ledger.epoch }
    const side = newSideLedger(context, directory.catalogOf(id).shard, incarnation)
    try {
      await ledger.readSoFar(async (record) => {
        if ('incarnation' in record && record.incarnation === incarnation) await side.take(ledger.epoch, record)
      })
      const entryCount = await side.finish()
      this.#left.delete(incarnation)
      ledger.forget(incarnation)
      if (entryCount > 0) this.#context.onEvent({ type: 'set_aside', tenantId: id, entryCount })
    } catch (error) {
      await side.abandon()
      throw error
    }
  }

  /** Resolves when the steps of a stop that is under way have ended, whether well or not. */
  async ended(id: TenantId): Promise<void> {
    await this.#ending.get(id)
  }

  /**
   * Sees to it that the ledger has nothing of a stopped tenant any more, and nobody its file: it is about to be replaced.
   *
   * @throws TenaxError `storage_full`, `unavailable`; it is stopped as before then
   */
  async settle({ id, incarnation }: TenantRecord): Promise<void> {
    await this.ended(id)
    const record = this.#context.directory.get(id)
    if (this.#left.has(incarnation) && record.state !== 'archived') await this.#setAside(record)
    await collectClosed() // a connection that was closed with a log moves it when it is collected: let that be over
  }

  /** As {@link ended}, for every tenant. */
  async allEnded(): Promise<void> {
    await Promise.all(this.#ending.values())
  }

  /**
   * Makes the file of a stopped tenant fit to be served again; its row is the caller's to change, after this.
   *
   * @throws TenaxError `tenant_quarantined` when the file cannot be used as it is; `storage_full`, `unavailable`
   */
  async readmit(record: TenantRecord, context: OpeningContext): Promise<void> {
    if (record.quarantineReason === undefined || record.state === 'archived') return
    const { data, directory, pool } = this.#context
    await pool.retire(record.id, 'fenced')
    if (this.#left.has(record.incarnation)) await this.#setAside(record)
    await collectClosed() // a connection that was closed with a log moves it when it is collected: let that be over
    await adoptFile(context, record, data.layout.tenantFile(directory.catalogOf(record.id).shard, record))
  }
}

/** The error of a tenant that is suspended. */
export function suspended(id: TenantId): TenaxError {
  return new TenaxError('tenant_suspended', `tenant "${id}" is suspended`, {
    hint: 'POST /v1/tenants/:id/resume lifts it',
  })
}
