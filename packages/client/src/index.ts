export {
  type DeleteReceipt,
  encodeQueryReply,
  type JsonValue,
  type QueryReply,
  type ReleaseReceipt,
  RUN_STATUSES,
  type Run,
  type RunDetail,
  type RunError,
  type RunPage,
  type RunResult,
  type RunStatus,
  type RunStep,
  type RunWait,
  TENANT_STATES,
  type TenantDurability,
  type TenantPage,
  type TenantResource,
  type TenantState,
  type TenantStats,
} from '@tenax/protocol'
export { createTenaxClient, type TenaxClient } from './client.ts'
export type { FetchFunction, TenaxClientOptions } from './connection.ts'
export type { Download } from './download.ts'
export type { QueryArgs, QueryValue } from './query-args.ts'
export type { TenantSession } from './session.ts'
export type {
  AllTenantsOptions,
  CreateTenantOptions,
  ImportBody,
  ImportOptions,
  ListTenantsOptions,
  TenantAdmin,
  TenantFilter,
} from './tenant-admin.ts'
export type {
  DatabaseOptions,
  DurabilityOptions,
  DurabilityWaitOptions,
  QueryAnswer,
  QueryOptions,
  TenantDatabase,
} from './tenant-database.ts'
export type {
  ListRunsOptions,
  ReceivedEvent,
  ResultOptions,
  SendEventOptions,
  StartedRun,
  StartRunOptions,
  TenantEvents,
  TenantRuns,
} from './tenant-runs.ts'
