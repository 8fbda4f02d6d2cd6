/** Which tenants may be opened. */
import { type TenantId, TenaxError } from '@tenax/kernel'
import type { TenantRecord } from './catalog-rows.ts'
import { quarantined } from './open-handle.ts'
import { suspended } from './quarantine.ts'

/** Throws the error that a tenant in this state answers with. */
export function refuseUnlessServing(record: TenantRecord): void {
  if (record.quarantineReason !== undefined) throw quarantined(record, record.quarantineReason)
  if (record.suspendedAtMs !== undefined) throw suspended(record.id)
  if (record.state !== 'warm' && record.state !== 'archived') {
    throw new TenaxError('tenant_in_transition', `tenant "${record.id}" is ${record.state}`, {
      hint: 'retry when that has ended',
    })
  }
}

/** The error of who wants to know something of a file that is not here. */
export function archived(id: TenantId): TenaxError {
  return new TenaxError('tenant_archived', `tenant "${id}" is in object storage`, {
    hint: 'POST /v1/tenants/:id/hydrate brings it back, as does its next use',
  })
}

/** The error of what needs object storage where there is none. */
export function storeless(): TenaxError {
  return new TenaxError('store_not_configured', 'this server has no object storage', {
    hint: 'start it with a store: a directory or a bucket',
  })
}
