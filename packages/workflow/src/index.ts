export type * from './api.ts'
export { event, ref, workflow } from './definition.ts'
export { parseDuration } from './duration.ts'
export {
  CancelledError,
  NonRetryableError,
  type NonRetryableOptions,
  StepError,
  type StepErrorOptions,
} from './errors.ts'
export { type InputIssue, parseInput, parsePayload } from './input.ts'
export { limitsOf, type RunLimits } from './run-limits.ts'
