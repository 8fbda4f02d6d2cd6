/** What is done once, when a data directory that has a past gets object storage. */
import { isTenaxError, messageOf, type TenantId } from '@tenax/kernel'
import { inParallel } from '../archive/in-parallel.ts'
import type { TenantRecord } from '../catalog-rows.ts'
import type { Directory } from '../files/directory.ts'
import { TRANSFERS_MAX } from '../limits.ts'
import type { TenancyEvent } from '../tenancy-port.ts'

/** What it works with. */
export interface StoreAllOptions {
  readonly directory: Directory
  /** Puts a tenant's last commit into a snapshot. */
  readonly keep: (id: TenantId) => Promise<unknown>
  /** Says, durably, that a tenant is in no store. */
  readonly owe: (id: TenantId) => void
  readonly onEvent: (event: TenancyEvent) => void
}

/**
 * Makes the ledger, from here on, enough to have every catalog and tenant again: what came before it is in no store. A tenant
 * that cannot be read now (it is suspended, say) does not keep the others from being stored: it owes that, and the operator hears of it.
 *
 * @throws TenaxError `unavailable`, `outcome_unknown` when the store is away: it has to be done again
 */
export async function storeAll({ directory, keep, owe, onEvent }: StoreAllOptions): Promise<void> {
  for (const catalog of directory.catalogs) await catalog.appendWhole()
  const keepOne = async ({ id }: TenantRecord) => {
    try {
      await keep(id)
    } catch (error) {
      if (isTenaxError(error, 'unavailable') || isTenaxError(error, 'outcome_unknown')) throw error
      owe(id)
      onEvent({ type: 'store_failed', tenantId: id, reason: messageOf(error) })
    }
  }
  const accepts = ({ state }: TenantRecord) => state === 'warm'
  let afterId: string | undefined = ''
  while (afterId !== undefined) {
    const page = directory.list({ afterId, prefix: '', limit: PAGE_COUNT, accepts })
    await inParallel(page.tenants, TRANSFERS_MAX, keepOne)
    afterId = page.nextAfterId
  }
}

const PAGE_COUNT = 100
