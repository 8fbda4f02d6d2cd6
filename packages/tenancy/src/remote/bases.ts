/**
 * Snapshots of files that are in no ledger which is stored: what their commits build on, for whoever has lost the directory
 * (LEDGER D3).
 */
import { messageOf, type TenantId, type Timer } from '@tenax/kernel'
import type { Archiver } from '../archive/archiver.ts'
import type { StoredTenant } from '../archive/keys.ts'
import type { ClosedFile } from '../archive/snapshot.ts'
import type { OwedBases } from '../files/owed-bases.ts'
import { SETTLE_WAIT_MS } from '../limits.ts'
import type { VerbContext } from '../tenancy-port.ts'
import { storeAll } from './store-all.ts'

/** What they are made with. */
export interface BasesOptions {
  readonly context: VerbContext
  readonly archiver: Archiver
  /** Runs `verb` as the one lifecycle verb of a tenant. */
  readonly transition: <T>(id: TenantId, verb: () => Promise<T>) => Promise<T>
}

/** The snapshots below the ledger. */
export class Bases {
  readonly #options: BasesOptions
  #timer: Timer | undefined
  #settling: Promise<void> | undefined
  #isEnded = false

  constructor(options: BasesOptions) {
    this.#options = options
  }

  /** Stores a file that is about to become a tenant's, under an incarnation that nobody has yet. Throws what the store fails with. */
  async storeNew(tenant: StoredTenant, file: ClosedFile): Promise<void> {
    const { archiver, context } = this.#options
    const place = await archiver.storeClosed(tenant, file)
    await context.directory.catalogOf(tenant.id).snapshots.set(tenant.incarnation, place)
  }

  /**
   * Says that a tenant is about to have commits in no ledger that is stored: another process gets its file, or they lie beside it. Until
   * {@link Bases.settle} has stored it, nothing of it is `remote`.
   */
  owe(id: TenantId): void {
    this.#owed?.add(this.#options.context.directory.get(id).incarnation)
  }

  /** Stores the tenant, if it owes that. A failure is told, and it is tried again until it goes well. Inside the tenant's transition. */
  async settle(id: TenantId): Promise<void> {
    try {
      await this.#settle(id)
    } catch (error) {
      const { onEvent } = this.#options.context.components
      onEvent({ type: 'store_failed', tenantId: id, reason: messageOf(error) })
      this.settleSoon()
    }
  }

  /** Does what takes a tenant's commits out of the ledgers for a while. Inside the tenant's transition. */
  async around<T>(id: TenantId, work: () => Promise<T>): Promise<T> {
    this.owe(id)
    try {
      return await work()
    } finally {
      await this.settle(id)
    }
  }

  async #settle(id: TenantId): Promise<void> {
    const { incarnation, state } = this.#options.context.directory.get(id)
    if (this.#owed?.has(incarnation) !== true) return
    if (state !== 'archived') await this.#keep(id)
    this.#owed.settle(incarnation)
  }

  /** Tries all who owe, and again after a while until the store has them. Who is suspended or stopped goes on to owe. */
  settleSoon(waitMs = SETTLE_WAIT_MS): void {
    if (this.#isEnded || this.#timer !== undefined || !this.#isOwed()) return
    this.#timer = this.#options.context.components.clock.after(waitMs, () => {
      this.#settling = this.#settleAll().finally(() => {
        this.#timer = undefined
        this.settleSoon()
      })
    })
  }

  async #settleAll(): Promise<void> {
    const { context, transition } = this.#options
    for (const incarnation of this.#owed?.all() ?? []) {
      if (this.#isEnded) return
      const id = context.directory.tenantOf(incarnation)
      if (id === undefined) this.#owed?.settle(incarnation)
      else await transition(id, () => this.#settle(id)).catch(() => undefined) // it goes on to owe
    }
  }

  /** Whether there is somebody to try: who is suspended or stopped is tried when that ends. */
  #isOwed(): boolean {
    const { directory } = this.#options.context
    return (this.#owed?.all() ?? []).some((incarnation) => {
      const id = directory.tenantOf(incarnation)
      if (id === undefined) return true
      const { suspendedAtMs, quarantineReason } = directory.get(id)
      return suspendedAtMs === undefined && quarantineReason === undefined
    })
  }

  /** Begins no more; resolves when none is under way. */
  async end(): Promise<void> {
    this.#isEnded = true
    this.#timer?.cancel()
    await this.#settling
  }

  /** Stores everything that there is: see {@link storeAll}. */
  async storeAll(): Promise<void> {
    const { context, transition } = this.#options
    const { onEvent } = context.components
    const keep = (id: TenantId) => transition(id, () => this.#keep(id))
    await storeAll({ directory: context.directory, keep, owe: (id) => this.owe(id), onEvent })
  }

  get #owed(): OwedBases | undefined {
    return this.#options.context.ledger.shipping?.owed
  }

  #keep(id: TenantId): Promise<unknown> {
    const { archiver, context } = this.#options
    return context.pool.use(id, (handle) => archiver.store(handle))
  }
}
