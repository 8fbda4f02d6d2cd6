/** The hint that the catalog keeps of one tenant, as its runner sees to it (WORKFLOWS 18). */
import type { TenantId } from '@tenax/kernel'
import type { EngineTenancy } from './tenancy-port.ts'

/** When the tenant is to be woken, in the catalog. */
export class WakeHint {
  readonly #tenancy: EngineTenancy
  readonly #tenant: TenantId
  #isNow = false

  constructor(tenancy: EngineTenancy, tenant: TenantId) {
    this.#tenancy = tenancy
    this.#tenant = tenant
  }

  /** As soon as there is a host: before the first commit of a busy period. It is in the ledger when this returns. */
  wakeNow(): void {
    if (this.#isNow) return
    this.#isNow = true
    // A host whose ledger fails ends, and so does whoever waits for that commit.
    this.#tenancy.setWake(this.#tenant, 0).catch(() => {
      this.#isNow = false
    })
  }

  /** At `atMs`, or never. If that cannot be written the hint stays as it is, which is early and harmless. */
  wakeAt(atMs: number | undefined): void {
    this.#tenancy.setWake(this.#tenant, atMs).catch(() => undefined)
  }
}
