export type { PlacementState, TenantRecord } from './catalog.ts'
export { Gate, promisedClass, type SeenPosition } from './durability/gate.ts'
export type { LedgerStats } from './durability/host-ledger.ts'
export { type DurabilityReport, type DurabilityWait, reportDurability } from './durability/report.ts'
export { openUnlogged, type UnloggedOptions } from './durability/unlogged-handles.ts'
export type { ListQuery, TenantPage } from './files/directory.ts'
export type { TenantExport } from './files/export.ts'
export { readTenantNames } from './files/tenant-names.ts'
export type { ByteStream } from './files/upload.ts'
export type { Handle } from './handle.ts'
export type { IdempotencyKey, KeyedReply } from './idempotency.ts'
export { type KeyedOutcome, type KeyedRequest, type KeyedTransaction, runKeyed } from './keyed.ts'
export type { DeleteReceipt } from './lifecycle/remove.ts'
export { HANDLE_BYTES_MAX, SHARD_COUNT } from './limits.ts'
export type { Migration } from './migrations.ts'
export type { DisposalReason, PoolSettings, PoolStats } from './pool-port.ts'
export type { Session } from './session.ts'
export { standardSettings } from './standard-settings.ts'
export { systemRandomId } from './system-ids.ts'
export {
  Tenancy,
  type TenancyComponents,
  type TenancyEvent,
  type TenancySettings,
  type TenantStats,
} from './tenancy.ts'
export type { EngineTables } from './tenant-schema.ts'
