export type { StoreCall } from '@tenax/blobstore'
export {
  type EngineEvent,
  type FeedItem,
  type OutputRecord,
  type RunDetail,
  type RunPage,
  type RunQuery,
  type RunRecord,
  type Sent,
  type ShownError,
  type Started,
  type StepRecord,
  takeStrayException,
  takeStrayRejection,
} from '@tenax/engine'
export {
  type DurabilityClass,
  type ErrorCode,
  type ErrorKind,
  RUN_STATUSES,
  type RunStatus,
  TenaxError,
} from '@tenax/kernel'
export { readTenantNames, type StoreRecovery } from '@tenax/tenancy'
export {
  type Attempt,
  CancelledError,
  type Ctx,
  type Duration,
  type EmbeddedCtx,
  type EventDef,
  event,
  type Json,
  NonRetryableError,
  type Op,
  ref,
  StepError,
  type Stored,
  type Tx,
  type Workflow,
  type WorkflowRef,
  workflow,
} from '@tenax/workflow'
export { defineConfig, type TenaxConfig } from './config.ts'
export { createTenax, type EmbeddedTenant, type QueryOptions, type Tenax } from './create-tenax.ts'
export type { EmbeddedEvents, EmbeddedRuns, SendEventOptions, StartRunOptions } from './embedded-runs.ts'
export type { EmbeddedSchedules, ScheduleOptions } from './embedded-schedules.ts'
export {
  type DefinitionEntries,
  type LoadedDefinitions,
  type LoadModule,
  loadDefinitions,
  loadWorkflows,
} from './load-workflows.ts'
export { loadMigrations } from './migrations.ts'
export type { HostEvent, TenaxOptions } from './options.ts'
export { type RecoverDataOptions, recoverData } from './recover-data.ts'
export type { StoreSettings } from './store.ts'
