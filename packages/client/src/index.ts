export { RUN_STATUSES, type RunStatus } from '@tenax/kernel'
export {
  type DeleteReceipt,
  encodeQueryReply,
  type JobList,
  type JobResource,
  type JobState,
  type JobVerb,
  type JsonValue,
  type OutputEvent,
  type QueryReply,
  type ReleaseReceipt,
  type ReplayCheck,
  type RerunPreview,
  type RestoredTenant,
  type Run,
  type RunDetail,
  type RunError,
  type RunHistory,
  type RunOutput,
  type RunPage,
  type RunResult,
  type RunStep,
  type RunWait,
  type Schedule,
  type ScheduleDetail,
  type SnapshotList,
  type SnapshotProof,
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
export type { JobAdmin, JobEventsOptions, JobRequest, StartJobOptions, WaitForJobOptions } from './job-admin.ts'
export type { QueryArgs, QueryValue } from './query-args.ts'
export type { OutputsOptions } from './run-outputs.ts'
export type { TenantSession } from './session.ts'
export type {
  AllTenantsOptions,
  CreateTenantOptions,
  ExportOptions,
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
  RerunOptions,
  ResultOptions,
  SendEventOptions,
  SkipOptions,
  StartedRun,
  StartRunOptions,
  TenantEvents,
  TenantRuns,
} from './tenant-runs.ts'
export type { ScheduleOptions, ScheduleTimes, TenantSchedules } from './tenant-schedules.ts'
