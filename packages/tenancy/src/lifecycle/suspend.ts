/** Suspend: from now on the tenant refuses everybody, until it is resumed. */
import type { TenantId } from '@tenax/kernel'
import type { TenantRecord } from '../catalog-rows.ts'
import { suspended } from '../quarantine.ts'
import type { VerbContext } from '../tenancy-port.ts'

/** Inside the tenant's transition. Safe to repeat. Throws TenaxError `tenant_not_found`. */
export async function suspendTenant(context: VerbContext, id: TenantId): Promise<TenantRecord> {
  const { directory, pool, components } = context
  directory.get(id)
  await directory.catalogOf(id).suspend(id, components.clock.nowMs())
  pool.peek(id)?.fence(suspended(id))
  await pool.retire(id, 'fenced')
  return directory.get(id)
}
