/**
 * Move: an export whose runs end up on one side (WORKFLOWS 25). The tenant is suspended and its workflows are held, durably, before
 * the first byte leaves; both stay so, whatever becomes of the export. The copy is held, too, as every import is: whoever
 * releases one of the two lets its runs go on there.
 */
import type { TenantId } from '@tenax/kernel'
import type { TenantRecord } from '../catalog-rows.ts'
import type { TenantExport } from '../files/export.ts'
import { type OpeningContext, openHandle, quarantined } from '../open-handle.ts'
import type { VerbContext } from '../tenancy-port.ts'
import type { Exports } from './exports.ts'
import { holdWorkflows } from './hold.ts'
import { suspendTenant } from './suspend.ts'

/** What moving needs besides what every verb does. */
export interface MoveParts {
  readonly context: VerbContext
  readonly exports: Exports
  readonly opening: (record: TenantRecord) => OpeningContext
}

/** Inside the tenant's transition. Safe to repeat. */
export async function moveTenant<T>(
  { context, exports, opening }: MoveParts,
  id: TenantId,
  take: (file: TenantExport) => Promise<T>,
): Promise<T> {
  const { directory, data, pool, settings } = context
  const { suspendedAtMs, quarantineReason, state } = directory.get(id)
  // It is at home then, and can be opened: what cannot is not suspended for nothing.
  if (suspendedAtMs === undefined || state !== 'warm') await pool.use(id, async () => undefined)
  if (quarantineReason !== undefined) throw quarantined(directory.get(id), quarantineReason)
  const record = await suspendTenant(context, id)
  const handle = await openHandle(
    opening(record),
    record,
    data.layout.tenantFile(directory.catalogOf(id).shard, record),
  )
  try {
    await handle.commit((file) => holdWorkflows(file, settings.tables))
    await handle.settled()
    return await exports.run(handle, take)
  } finally {
    if (!(await handle.close('fenced'))) {
      await handle.settled() // the ledger has all of its log by then: a late close may move that (LEDGER K4)
      handle.file.close()
    }
  }
}
