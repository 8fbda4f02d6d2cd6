export type * from './history.ts'
export type { ExecutionOptions, ExecutionPort } from './port.ts'
