/**
 * Snapshots of files that are in no ledger which is stored: what their commits build on, for whoever has lost the directory
 * (LEDGER D3).
 */
import { messageOf, type TenantId } from '@tenax/kernel'
import type { Archiver } from '../archive/archiver.ts'
import type { StoredTenant } from '../archive/keys.ts'
import type { ClosedFile } from '../archive/snapshot.ts'
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
   * Stores a tenant whose last commits are in no ledger that is stored: another process had its file, or they lay beside it. When that
   * fails the operator hears that recovery from the store would stop the tenant, until its next snapshot.
   */
  async storeAgain(id: TenantId): Promise<void> {
    const { directory, components } = this.#options.context
    try {
      if (directory.get(id).state === 'warm') await this.#keep(id)
    } catch (error) {
      components.onEvent({ type: 'store_failed', tenantId: id, reason: messageOf(error) })
    }
  }

  /** Stores everything that there is: see {@link storeAll}. */
  async storeAll(): Promise<void> {
    const { context, transition } = this.#options
    const { onEvent } = context.components
    await storeAll({ directory: context.directory, keep: (id) => transition(id, () => this.#keep(id)), onEvent })
  }

  #keep(id: TenantId): Promise<unknown> {
    const { archiver, context } = this.#options
    return context.pool.use(id, (handle) => archiver.store(handle))
  }
}
