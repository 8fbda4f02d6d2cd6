/** Delete: intent, no more users, files, catalog. Repeating it after a crash is what recovery does. */
import { type Incarnation, type TenantId, TenaxError } from '@tenax/kernel'
import { finishDelete, undoLeft } from '../recovery.ts'
import type { VerbContext } from '../tenancy-port.ts'

/** What a deletion answers. */
export interface DeleteReceipt {
  readonly id: TenantId
  readonly incarnation: string
  readonly deletedAtMs: number
  /** Where bytes of it still are. */
  readonly remains: readonly Remains[]
}

/** Where bytes of a deleted tenant may still be: its own snapshots, the ledger that all tenants share, and what is stored of that. */
export type Remains = 'snapshots' | 'local_ledger' | 'stored_ledger'

/** @throws TenaxError `tenant_not_found` */
export async function removeTenant(context: VerbContext, id: TenantId): Promise<DeleteReceipt> {
  const { directory, data, pool, components, ledger } = context
  const { incarnation, file, state } = directory.get(id)
  const catalog = directory.catalogOf(id)
  const left = await undoLeft(catalog, data.layout, id)
  if (left?.incarnation === incarnation) return { id, incarnation, deletedAtMs: components.clock.nowMs(), remains: [] }
  const remains = remainsOf(context, id, incarnation)
  const intent = { tenantId: id, verb: 'delete', incarnation, file } as const
  // A deletion that could not end, because a user of the handle would not, is taken up again.
  await (state === 'deleting' ? catalog.whenDurable() : catalog.beginDelete(intent, components.clock.nowMs()))
  pool.peek(id)?.fence(new TenaxError('tenant_not_found', `tenant "${id}" was deleted`))
  await pool.retire(id, 'delete')
  await finishDelete(catalog, data.layout, intent, components.clock)
  ledger.forget(incarnation)
  return { id, incarnation, deletedAtMs: components.clock.nowMs(), remains }
}

function remainsOf({ directory, components }: VerbContext, id: TenantId, incarnation: Incarnation): Remains[] {
  const { snapshots } = directory.catalogOf(id)
  const hasSnapshots = (snapshots.get(incarnation) ?? snapshots.attempt(incarnation)) !== undefined
  return [
    ...(hasSnapshots ? (['snapshots'] as const) : []),
    'local_ledger',
    ...(components.store === undefined ? [] : (['stored_ledger'] as const)),
  ]
}
