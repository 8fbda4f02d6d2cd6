/** The tenants whose files another process has, and what becomes of them here meanwhile. */
import type { TenantId } from '@tenax/kernel'
import { isAway } from '../files/lent-files.ts'
import type { VerbContext } from '../tenancy-port.ts'
import { type LeftBehind, lendTenant, lentAway } from './lend.ts'

/** Lends files, one per tenant at a time, and knows which are away. */
export class Lending {
  readonly #context: VerbContext
  readonly #away = new Set<TenantId>()

  constructor(context: VerbContext) {
    this.#context = context
  }

  /** @throws TenaxError `tenant_in_transition` */
  refuseIfAway(id: TenantId): void {
    if (this.#away.has(id)) throw lentAway(id)
  }

  /** What `list` gives without those that are away; it is told how many more to ask for. */
  without<T extends { readonly id: TenantId }>(list: (more: number) => T[]): T[] {
    const found = list(this.#away.size)
    return this.#away.size === 0 ? found : found.filter(({ id }) => !this.#away.has(id))
  }

  /** As `Tenancy.lend`, inside the tenant's transition. */
  async lend<T>(id: TenantId, work: (directory: string) => Promise<T>): Promise<T> {
    const { pool, data, directory } = this.#context
    await pool.use(id, async () => undefined) // what recovery has left for it goes into the file when it is closed
    const { incarnation } = directory.get(id)
    this.#away.add(id)
    try {
      return await lendTenant(this.#context, id, work)
    } finally {
      if (isAway(data.layout, incarnation)) this.#tellMissing(id, 'it will be taken back at the next start')
      else this.#away.delete(id)
      if (pool.peek(id)?.fencedBy !== undefined) await pool.retire(id, 'fenced')
    }
  }

  /** Takes note of what a start could not take back. */
  miss(left: readonly LeftBehind[]): void {
    for (const { incarnation, reason } of left) {
      const id = this.#context.directory.tenantOf(incarnation)
      if (id === undefined) continue
      this.#away.add(id)
      this.#tellMissing(id, reason)
    }
  }

  #tellMissing(tenantId: TenantId, reason: string): void {
    this.#context.components.onEvent({ type: 'take_back_failed', tenantId, reason })
  }
}
