export type {
  AnyWorkflow,
  EngineEvent,
  OutputRecord,
  RunDetail,
  RunPage,
  RunQuery,
  RunRecord,
  RunStatus,
  SendRequest,
  Sent,
  ShownError,
  Started,
  StartRequest,
  StepRecord,
  StepStatus,
  WorkflowsOptions,
} from './port.ts'
export { RUN_STATUSES } from './port.ts'
export { takeStrayRejection } from './stray.ts'
export { ENGINE_TABLES } from './tables.ts'
export { Workflows } from './workflows.ts'
