/** Suspend and resume: from the one to the other the tenant refuses everybody. */
import type { TenantId } from '@tenax/kernel'
import type { TenantRecord } from '../catalog-rows.ts'
import type { OpeningContext } from '../open-handle.ts'
import { type Quarantine, suspended } from '../quarantine.ts'
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

/** What resuming needs besides what every verb does. */
export interface ResumeParts {
  readonly context: VerbContext
  readonly quarantine: Quarantine
  readonly opening: (record: TenantRecord) => OpeningContext
}

/** Inside the tenant's transition: lifts suspension and quarantine. Safe to repeat. */
export async function resumeTenant({ context, quarantine, opening }: ResumeParts, id: TenantId): Promise<TenantRecord> {
  const { directory, pool } = context
  const record = directory.get(id)
  await quarantine.readmit(record, opening(record))
  await directory.catalogOf(id).resume(id)
  if (pool.peek(id)?.fencedBy !== undefined) await pool.retire(id, 'fenced')
  return directory.get(id)
}
