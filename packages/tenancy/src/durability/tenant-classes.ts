/** The durability class of each tenant: its own setting in the catalog, else the server's. */
import type { DurabilityClass, TenantId } from '@tenax/kernel'
import type { TenantRecord } from '../catalog-rows.ts'
import type { Directory } from '../files/directory.ts'
import { remoteNotConfigured } from './gate.ts'
import type { HostLedger } from './host-ledger.ts'

/** The classes of all tenants of a data directory. */
export class TenantClasses {
  readonly #directory: Directory
  readonly #ledger: HostLedger
  readonly #standard: DurabilityClass
  /** Goes up with each change, so that open handles look again; they do not ask the catalog for every reply. */
  #version = 0

  /** `standard` is for tenants without a setting. Throws TenaxError `remote_not_configured`. */
  constructor(
    { directory, ledger }: { readonly directory: Directory; readonly ledger: HostLedger },
    standard: DurabilityClass = 'local',
  ) {
    this.#directory = directory
    this.#ledger = ledger
    this.#standard = this.promised(standard)
  }

  /**
   * `durability`, if this host can promise it.
   *
   * @throws TenaxError `remote_not_configured`
   */
  promised(durability: DurabilityClass): DurabilityClass {
    if (durability === 'remote' && this.#ledger.shipping === undefined) throw remoteNotConfigured()
    return durability
  }

  /** What an open handle asks for the class of its tenant, as it is at that moment. */
  follow({ id }: TenantRecord): () => DurabilityClass {
    let seenVersion = -1
    let found = this.#standard
    return () => {
      if (seenVersion === this.#version) return found
      found = this.#directory.catalogOf(id).get(id)?.durability ?? this.#standard
      seenVersion = this.#version
      return found
    }
  }

  /**
   * Gives a tenant its own class, or with undefined the server's. It counts for replies that leave from now on.
   *
   * @throws TenaxError `tenant_not_found`, `remote_not_configured`
   */
  async set(id: TenantId, durability: DurabilityClass | undefined): Promise<TenantRecord> {
    if (durability !== undefined) this.promised(durability)
    this.#directory.get(id)
    const changed = this.#directory.catalogOf(id).setDurability(id, durability)
    this.#version += 1
    await changed
    return this.#directory.get(id)
  }

  /** Resolves when every change of a catalog that anybody may have seen has the server's class, `local` at least. */
  async catalogsDurable(): Promise<void> {
    if (this.#standard === 'remote') return this.#ledger.stored(this.#ledger.appendedSeq)
    for (const catalog of this.#directory.catalogs) await catalog.whenDurable()
  }
}
