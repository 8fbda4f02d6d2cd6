/**
 * Failures on the wire: the one table from kind to HTTP status, problem details (RFC 9457) and Hrana's errors. What is
 * not a TenaxError, or is one of kind `internal`, says nothing of itself: its message may hold a path or a secret.
 */
import { type ErrorKind, TenaxError } from '@tenax/kernel'
import { z } from 'zod'

/** The one table from what a caller can do to the HTTP status that says so. */
export const KIND_STATUS = {
  invalid: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  too_large: 413,
  unsupported: 415,
  locked: 423,
  timeout: 408,
  overloaded: 503,
  unavailable: 503,
  quota: 507,
  internal: 500,
} as const satisfies Record<ErrorKind, number>

const KIND_TITLE = {
  invalid: 'The request is not valid',
  unauthorized: 'A valid key is required',
  forbidden: 'The request is not allowed',
  not_found: 'There is no such thing',
  conflict: 'The request conflicts with the present state',
  too_large: 'The request or its answer is too large',
  unsupported: 'The content type is not supported',
  locked: 'The tenant is locked',
  timeout: 'The request took too long',
  overloaded: 'The server is overloaded',
  unavailable: 'The server cannot do this now',
  quota: 'A storage limit is reached',
  internal: 'The server failed',
} as const satisfies Record<ErrorKind, string>

/** Seconds after which a caller may try again what was `overloaded` or `unavailable`: a queue drains in well under one. */
export const RETRY_AFTER_SECONDS = 1

/** The media type of {@link ProblemDetails}. */
export const PROBLEM_CONTENT_TYPE = 'application/problem+json'

const PROBLEM_TYPE_PREFIX = 'https://tenax.dev/errors/'

/** The body of every failed request outside Hrana; further members depend on the code. */
export const problemSchema = z.looseObject({
  type: z.string().meta({ examples: ['https://tenax.dev/errors/tenant_exists'] }),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string().meta({ description: 'stable; branch on this', examples: ['tenant_exists'] }),
  hint: z.string().optional(),
})

/** Problem details (RFC 9457) with Tenax's own members. */
export interface ProblemDetails {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: string
  readonly hint?: string
  readonly [detail: string]: unknown
}

/** A failed answer, ready for any HTTP framework. */
export interface Problem<Body = ProblemDetails> {
  readonly status: number
  readonly headers: Record<string, string>
  readonly body: Body
}

/** Hrana's error, as clients read it. */
export const hranaErrorSchema = z.object({
  message: z.string(),
  code: z.string(),
  extended_code: z.string().exactOptional(),
})

/** Hrana's error. `code` is SQLite's primary code where SQLite failed; then `extended_code` may say more. */
export interface HranaError {
  readonly message: string
  readonly code: string
  readonly extended_code?: string
}

/**
 * The HTTP answer for anything that was thrown.
 *
 * @example
 * const { status, headers, body } = toProblem(new TenaxError('tenant_exists', 'there is a tenant "acme"'))
 * new Response(JSON.stringify(body), { status, headers })
 */
export function toProblem(error: unknown): Problem {
  const known = publicErrorOf(error)
  const status = KIND_STATUS[known.kind]
  return {
    status,
    headers: { 'content-type': PROBLEM_CONTENT_TYPE, ...headersOf(known) },
    body: {
      ...jsonMembersOf(known.details),
      type: `${PROBLEM_TYPE_PREFIX}${known.code}`,
      title: KIND_TITLE[known.kind],
      status,
      detail: known.message,
      code: known.code,
      ...(known.hint === undefined ? {} : { hint: known.hint }),
    },
  }
}

/**
 * Hrana's in-band error for anything that was thrown: SQLite's code where there is one (`SQLITE_CONSTRAINT`, extended
 * `SQLITE_CONSTRAINT_UNIQUE`), `SQLITE_AUTH` for what the sandbox refused, else Tenax's code in upper case.
 */
export function toHranaError(error: unknown): HranaError {
  const known = publicErrorOf(error)
  const sqliteCode = known.details['sqliteCode']
  if (typeof sqliteCode === 'string') return sqliteError(known.message, sqliteCode)
  const code = known.code === 'sql_refused' ? 'SQLITE_AUTH' : known.code.toUpperCase()
  return { message: known.message, code }
}

/**
 * The HTTP answer of the Hrana routes when the whole request fails. Stock clients read `message` and `code` of an
 * `application/json` body only; the newer protocol text asks for `error`. So it carries all three.
 */
export function toHranaProblem(error: unknown): Problem<HranaError & { readonly error: string }> {
  const body = toHranaError(error)
  const known = publicErrorOf(error)
  return {
    status: KIND_STATUS[known.kind],
    headers: { 'content-type': 'application/json', ...headersOf(known) },
    body: { ...body, error: body.message },
  }
}

/** SQLite's primary codes are one word; what follows a second underscore is the extended part. */
function sqliteError(message: string, sqliteCode: string): HranaError {
  const code = /^SQLITE_[A-Z0-9]+/.exec(sqliteCode)?.[0] ?? sqliteCode
  return code === sqliteCode ? { message, code } : { message, code, extended_code: sqliteCode }
}

function publicErrorOf(error: unknown): TenaxError {
  if (error instanceof TenaxError && error.kind !== 'internal') return error
  return new TenaxError('internal', 'the server failed; its log says why', { hint: 'try again, then ask the operator' })
}

function headersOf({ kind, code }: Pick<TenaxError, 'kind' | 'code'>): Record<string, string> {
  if (kind === 'overloaded' || kind === 'unavailable' || code === 'tenant_in_transition')
    return { 'retry-after': String(RETRY_AFTER_SECONDS) }
  if (kind === 'unauthorized') return { 'www-authenticate': 'Bearer realm="tenax"' }
  return {}
}

/** Details are data of our own, but JSON has no bigint, and an answer about a failure must not fail itself. */
function jsonMembersOf(details: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(details).map(([name, value]) => [name, typeof value === 'bigint' ? value.toString() : value]),
  )
}
