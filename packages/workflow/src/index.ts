export type * from './api.ts'
export {
  CancelledError,
  NonRetryableError,
  type NonRetryableOptions,
  StepError,
  type StepErrorOptions,
} from './errors.ts'
