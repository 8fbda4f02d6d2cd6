/** What `tenax/testing` gives. */
export type { OutputRecord, RunDetail, RunRecord, StepRecord } from '../port.ts'
export type { ReplayCheck } from '../replay-check.ts'
export { HISTORY_FORMAT, HISTORY_VERSION, type RunHistory } from '../run-history.ts'
export type { ScheduleDetail, ScheduleRecord } from '../schedule/port.ts'
export { checkReplay } from './check-replay.ts'
export { type ReplayOptions, type ReplayReport, replayEverywhere } from './replay-everywhere.ts'
export { RunFailed } from './run-end.ts'
export type { Mock, MockAttempt, StepCall } from './step-calls.ts'
export {
  type TestRerunOptions,
  type TestRun,
  type TestRunRecord,
  type TestScheduleOptions,
  type TestTenant,
  type TestTenantOptions,
  testTenant,
} from './test-tenant.ts'
