/**
 * Errors that cross a package carry a stable `code`; the code decides the `kind`, and the kind decides what a caller may
 * do about it (an HTTP status stands in one table, in `protocol`). Nobody matches on a message.
 */

/** What a caller can do about an error: correct the request, retry later, call somebody. */
export type ErrorKind =
  | 'invalid'
  | 'unauthorized'
  | 'forbidden'
  | 'not_found'
  | 'conflict'
  | 'too_large'
  | 'unsupported'
  | 'locked'
  | 'timeout'
  | 'overloaded'
  | 'unavailable'
  | 'quota'
  | 'internal'

/** Every code that Tenax answers, with its kind. A code is never renamed and never reused. */
export const ERROR_KINDS = {
  argument_invalid: 'invalid',
  body_invalid: 'invalid',
  input_invalid: 'invalid',
  limit_key_invalid: 'invalid',
  cursor_invalid: 'invalid',
  cron_invalid: 'invalid',
  cron_never_fires: 'invalid',
  time_zone_unknown: 'invalid',
  import_invalid: 'invalid',
  sql_error: 'invalid',
  sql_unsupported: 'invalid',
  tenant_id_invalid: 'invalid',
  tenant_id_reserved: 'invalid',
  baton_invalid: 'invalid',
  transaction_expired: 'invalid',
  config_invalid: 'invalid',
  remote_not_configured: 'invalid',
  store_not_configured: 'invalid',
  idempotency_unsupported: 'invalid',
  unauthorized: 'unauthorized',
  admin_key_required: 'forbidden',
  host_forbidden: 'forbidden',
  origin_forbidden: 'forbidden',
  sql_refused: 'forbidden',
  route_not_found: 'not_found',
  tenant_not_found: 'not_found',
  missing_trailing_slash: 'not_found',
  workflow_unknown: 'not_found',
  run_not_found: 'not_found',
  step_not_found: 'not_found',
  schedule_not_found: 'not_found',
  snapshot_not_found: 'not_found',
  job_not_found: 'not_found',
  job_result_none: 'not_found',
  blob_not_found: 'not_found',
  tenant_exists: 'conflict',
  tenant_in_transition: 'conflict',
  idempotency_key_reused: 'conflict',
  run_id_reused: 'conflict',
  run_ended: 'conflict',
  singleton_conflict: 'conflict',
  schedule_busy: 'conflict',
  schedules_too_many: 'conflict',
  run_cancelling: 'conflict',
  run_not_ended: 'conflict',
  run_not_retryable: 'conflict',
  run_not_stuck: 'conflict',
  run_held: 'conflict',
  already_compensated: 'conflict',
  parent_informed: 'conflict',
  data_in_use: 'conflict',
  data_format_newer: 'conflict',
  data_format_invalid: 'conflict',
  ledger_damaged: 'conflict',
  ledger_fenced: 'conflict',
  snapshot_fenced: 'conflict',
  snapshot_damaged: 'conflict',
  tenant_archived: 'conflict',
  tenant_busy: 'conflict',
  job_not_ended: 'conflict',
  blob_exists: 'conflict',
  store_unfit: 'conflict',
  engine_tables_unknown: 'conflict',
  body_too_large: 'too_large',
  reply_too_large: 'too_large',
  transaction_too_large: 'too_large',
  payload_too_large: 'too_large',
  content_type_unsupported: 'unsupported',
  tenant_suspended: 'locked',
  tenant_quarantined: 'locked',
  query_timeout: 'timeout',
  overloaded: 'overloaded',
  reader_too_slow: 'overloaded',
  unavailable: 'unavailable',
  outcome_unknown: 'unavailable',
  export_wal_limit: 'unavailable',
  storage_full: 'quota',
  internal: 'internal',
} as const satisfies Record<string, ErrorKind>

/** A stable, machine-readable name of a failure. */
export type ErrorCode = keyof typeof ERROR_KINDS

/** What a {@link TenaxError} is made of. `hint` says what to do next; `details` are extra machine-readable members. */
export interface TenaxErrorOptions {
  readonly hint?: string
  readonly cause?: unknown
  readonly details?: Readonly<Record<string, unknown>>
}

/**
 * The one error type that crosses package borders. `message` says what happened and never carries a path of the server.
 *
 * @example
 * throw new TenaxError('tenant_not_found', 'there is no tenant "acme"', { hint: 'create it with POST /v1/tenants' })
 */
export class TenaxError extends Error {
  readonly code: ErrorCode
  readonly kind: ErrorKind
  readonly hint: string | undefined
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, options: TenaxErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'TenaxError'
    this.code = code
    this.kind = ERROR_KINDS[code]
    this.hint = options.hint
    this.details = options.details ?? {}
  }
}

/** True when `error` is a {@link TenaxError}, of `code` if one is given. */
export function isTenaxError(error: unknown, code?: ErrorCode): error is TenaxError {
  return error instanceof TenaxError && (code === undefined || error.code === code)
}

/** The text of anything that was thrown. */
export function messageOf(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message : error)
  } catch {
    return 'an error that cannot be read'
  }
}
