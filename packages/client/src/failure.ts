/** What a server answered in place of what was asked, as the TenaxError that its own code threw. */
import { ERROR_KINDS, type ErrorCode, TenaxError } from '@tenax/kernel'
import type { HranaError } from '@tenax/protocol'

/** Members of problem details that are not details. */
const PROBLEM_MEMBERS = new Set(['type', 'title', 'status', 'detail', 'code', 'hint', 'message', 'error'])

const FOREIGN_HINT = 'is this the URL of a Tenax server, and of one as new as this client?'

/** True for a JSON object. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * The failure in a response outside 2xx. It reads problem details (RFC 9457) and the body of the Hrana routes; a code that
 * this client does not know, or none, becomes `internal` with `details.status`.
 */
export async function failureOf(response: Response): Promise<TenaxError> {
  if (isRedirect(response)) return redirectFailure(response)
  const body = parseJson(await response.text().catch(() => ''))
  if (!isRecord(body) || typeof body['code'] !== 'string') return foreignFailure(response)
  return problemFailure(body, response.status)
}

/** The failure that problem details tell of, also where they are no answer of their own. */
export function problemFailure(body: Readonly<Record<string, unknown>>, status: number): TenaxError {
  const message = textOf(body['detail']) ?? textOf(body['message']) ?? `HTTP status ${status}`
  const hint = textOf(body['hint'])
  const rest = Object.fromEntries(Object.entries(body).filter(([name]) => !PROBLEM_MEMBERS.has(name)))
  const code = codeOf(String(body['code']))
  const details = code === undefined ? { ...rest, status, code: body['code'] } : rest
  return new TenaxError(code ?? 'internal', message, { details, ...(hint === undefined ? {} : { hint }) })
}

/** The failure of one statement in a Hrana reply. `details.sqliteCode` is SQLite's own code where there is one. */
export function hranaFailure(error: HranaError): TenaxError {
  const code = codeOf(error.code)
  if (code !== undefined) return new TenaxError(code, error.message)
  if (!error.code.startsWith('SQLITE_')) {
    return new TenaxError('internal', error.message, { details: { code: error.code } })
  }
  return new TenaxError('sql_error', error.message, { details: { sqliteCode: error.extended_code ?? error.code } })
}

/** The failure of a reply that came, with a good status, and is not what the contract says. */
export function malformedReply(what: string, cause?: unknown): TenaxError {
  return new TenaxError('internal', `the reply of the server is malformed: ${what}`, { hint: FOREIGN_HINT, cause })
}

/** The failure of a request that got no reply, or only a part of one. */
export function networkFailure(origin: string, cause: unknown): TenaxError {
  return new TenaxError('unavailable', `no answer from ${origin}${causeText(cause)}`, {
    hint: 'check the URL and that the server runs; a request that changes something may have been carried out',
    cause,
  })
}

/** The value in a JSON text; undefined when it is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Hrana writes Tenax's codes in upper case, and `SQLITE_AUTH` for what the sandbox refused. */
function codeOf(text: string): ErrorCode | undefined {
  const code = text === 'SQLITE_AUTH' ? 'sql_refused' : text.toLowerCase()
  return isErrorCode(code) ? code : undefined
}

function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERROR_KINDS, text)
}

/** A status of 0 is what browsers show of a redirect that they were told not to follow. */
function isRedirect(response: Response): boolean {
  return response.status === 0 || (response.status >= 300 && response.status < 400)
}

function redirectFailure(response: Response): TenaxError {
  const target = response.headers.get('location')
  return new TenaxError('argument_invalid', `the server redirects${target === null ? '' : ` to ${target}`}`, {
    hint: 'give the client the URL behind the redirect: a key is not sent to a place that was not named',
    details: { status: response.status },
  })
}

function foreignFailure(response: Response): TenaxError {
  return new TenaxError('internal', `HTTP status ${response.status} without a Tenax error`, {
    hint: FOREIGN_HINT,
    details: { status: response.status },
  })
}

/** `fetch` says "fetch failed" and keeps the reason in its cause, whose code (ECONNREFUSED) says most. */
function causeText(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
  if (isRecord(cause) && typeof cause['code'] === 'string') return `: ${cause['code']}`
  return cause instanceof Error ? `: ${cause.message}` : ''
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
