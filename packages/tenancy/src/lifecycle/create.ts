/** Create: intent, file from the template, catalog, then the first open (identity, migrations). */
import {
  assert,
  type DurabilityClass,
  type ErrorCode,
  isTenaxError,
  parseIncarnation,
  type RandomId,
  type TenantId,
  TenaxError,
} from '@tenax/kernel'
import type { TenantRecord } from '../catalog-rows.ts'
import { Gate } from '../durability/gate.ts'
import { createTenantFile } from '../files/tenant-files.ts'
import { undoLeft, undoOrLeave } from '../recovery.ts'
import type { VerbContext } from '../tenancy-port.ts'

/** What a tenant may be created with. */
export interface CreateOptions {
  /** The tenant's own class; the server's if unsaid. */
  readonly durability?: DurabilityClass | undefined
}

/** @throws TenaxError `tenant_exists`, `tenant_quarantined` (a migration failed; the tenant is there, stopped) */
export async function createTenant(
  context: VerbContext,
  id: TenantId,
  { durability }: CreateOptions = {},
): Promise<TenantRecord> {
  const { directory, data, components, template } = context
  const catalog = directory.catalogOf(id)
  await undoLeft(catalog, data.layout, id)
  if (catalog.get(id) !== undefined)
    throw new TenaxError('tenant_exists', `tenant "${id}" exists`, { hint: 'choose another id' })
  context.disk.assertRoom({ bytes: template.byteLength })
  const name = newFileName(components.randomId)
  const intent = { tenantId: id, verb: 'create', ...name } as const
  try {
    const record = newRecord(id, name, 'creating', components.clock.nowMs())
    await catalog.beginNew({ ...record, durability }, intent)
    await createTenantFile(data.layout, catalog.shard, name, template)
    await catalog.finishNew(intent, context.components.clock.nowMs())
  } catch (error) {
    await undoOrLeave(catalog, data.layout, intent)
    throw error
  }
  await openOnce(context, id)
  return directory.get(id)
}

/**
 * Opens a tenant that was just made, so that its migrations run now; they are durable then, whatever the tenant's class. When the pool or the disk is full, or the host short of
 * something else, they run at its first request: the tenant is there.
 */
export async function openOnce({ pool }: VerbContext, id: TenantId): Promise<void> {
  try {
    await pool.use(id, (handle) => handle.gated(Promise.resolve(), new Gate('local')))
  } catch (error) {
    if (!isTenaxError(error) || !SHORTAGES.has(error.code)) throw error
  }
}

const SHORTAGES: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['overloaded', 'unavailable', 'storage_full'])

/** A path that was never used, under an incarnation that never was. */
export function newFileName(randomId: RandomId) {
  const incarnation = parseIncarnation(randomId())
  assert(incarnation !== undefined, 'random ids are incarnations')
  return { incarnation, file: randomId() }
}

/** The catalog row of a tenant that is being made. */
export function newRecord(
  id: TenantId,
  name: ReturnType<typeof newFileName>,
  state: TenantRecord['state'],
  createdAtMs: number,
): TenantRecord {
  const nothingYet = { suspendedAtMs: undefined, quarantineReason: undefined, durability: undefined }
  return { id, ...name, state, createdAtMs, ...nothingYet }
}
