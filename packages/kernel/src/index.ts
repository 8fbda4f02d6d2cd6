export { assert, InvariantError, unreachable } from './assert.ts'
export { type Clock, ManualClock, pause, sleep, systemClock, type Timer } from './clock.ts'
export { DURABILITY_CLASSES, type DurabilityClass, parseDurabilityClass, strongerClass } from './durability.ts'
export {
  ERROR_KINDS,
  type ErrorCode,
  type ErrorKind,
  isTenaxError,
  messageOf,
  TenaxError,
  type TenaxErrorOptions,
} from './errors.ts'
export {
  type Incarnation,
  type Lineage,
  parseIncarnation,
  parseLineage,
  parseTenantId,
  type RandomId,
  RESERVED_TENANT_IDS,
  type TenantId,
} from './ids.ts'
export { MIB_BYTES, SQL_ARGS_MAX, SQL_BYTES_MAX } from './limits.ts'
export { Line } from './line.ts'
export { RUN_STATUSES, type RunStatus } from './run-status.ts'
export type { SqlArgs, SqlColumn, SqlResult, SqlValue } from './sql.ts'
export { isKeptWhole, keptText } from './text.ts'
