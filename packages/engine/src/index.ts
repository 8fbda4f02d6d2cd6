export type { Histories } from './histories.ts'
export type { FeedItem, OutputEnd, OutputFeed, RunChange } from './output-feed.ts'
export type { LiveOutput } from './output-feeds.ts'
export type {
  AnyEvent,
  AnyWorkflow,
  Definitions,
  EngineEvent,
  LastEnd,
  OutputRecord,
  ProbationPort,
  RunDetail,
  RunPage,
  RunQuery,
  RunRecord,
  SendRequest,
  Sent,
  ShownError,
  Started,
  StartRequest,
  StepRecord,
  StepStatus,
  WorkflowsOptions,
} from './port.ts'
export type { ReplayCheck } from './replay-check.ts'
export type { RerunEffect, RerunPreview, RerunRequest } from './rerun-request.ts'
export type { RunHistory } from './run-history.ts'
export type { Overlap, ScheduleDetail, ScheduleRecord, ScheduleRequest } from './schedule/port.ts'
export { OVERLAPS } from './schedule/port.ts'
export type { PutSchedule, Schedules } from './schedule/schedules.ts'
export { takeStrayException, takeStrayRejection } from './stray.ts'
export { ENGINE_TABLES } from './tables.ts'
export type { EngineHandle, EngineTenancy } from './tenancy-port.ts'
export type { RunName } from './watch/loop-note.ts'
export { readStallMark, type StallMark } from './watch/stall-mark.ts'
export { type LoopWatch, type WatchOptions, watchLoop } from './watch/watch-loop.ts'
export { Workflows } from './workflows.ts'
