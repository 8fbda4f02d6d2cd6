/** The door: what a caller sent becomes a domain type here, or a refusal that names each wrong member. */
import { type ErrorCode, TenaxError } from '@tenax/kernel'
import type { z } from 'zod'
import { BODY_ISSUES_MAX } from './limits.ts'

/** One reason why a body was refused. `path` is a JSON Pointer (RFC 6901) into the body; '' is the body itself. */
export interface BodyIssue {
  readonly path: string
  readonly message: string
}

/**
 * The request body `value` (already parsed JSON) as `schema` describes it. Unknown members are ignored.
 *
 * @throws TenaxError `body_invalid` with `details.issues: BodyIssue[]`
 * @example
 * const { id } = parseBody(createTenantBodySchema, { id: 'acme' })
 */
export function parseBody<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  return parse(schema, value, { code: 'body_invalid', what: 'the request body' })
}

/**
 * The query string of a request as `schema` describes it. Of a repeated name the last value counts.
 *
 * @throws TenaxError `argument_invalid` with `details.issues: BodyIssue[]`
 * @example
 * const { limit } = parseSearchParams(listTenantsQuerySchema, new URL('http://t/v1/tenants?limit=5').searchParams)
 */
export function parseSearchParams<Schema extends z.ZodType>(schema: Schema, params: URLSearchParams): z.output<Schema> {
  return parse(schema, Object.fromEntries(params), { code: 'argument_invalid', what: 'the query string' })
}

function parse<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  refusal: { readonly code: ErrorCode; readonly what: string },
): z.output<Schema> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const issues = parsed.error.issues.flatMap((issue) => bodyIssuesOf(issue, [])).slice(0, BODY_ISSUES_MAX)
  throw bodyError(refusal.code, `${refusal.what} is not what this route takes`, issues)
}

/** The refusal of a body for `issues`, of which there is at least one. */
export function bodyError(code: ErrorCode, message: string, issues: readonly BodyIssue[]): TenaxError {
  const first = issues[0]
  const where = first === undefined ? '' : `: ${first.path === '' ? '' : `${first.path}: `}${first.message}`
  return new TenaxError(code, `${message}${where}`, {
    hint: 'see issues, and the schema at GET /v1/openapi.json',
    details: { issues },
  })
}

/** The JSON Pointer (RFC 6901) of a member of a body. */
export function jsonPointer(path: readonly PropertyKey[]): string {
  return path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

/** A union says only "none of these"; when the value had the type of one branch, that branch's reasons say more. */
function bodyIssuesOf(issue: z.core.$ZodIssue, parents: readonly PropertyKey[]): BodyIssue[] {
  const path = [...parents, ...issue.path]
  if (issue.code === 'invalid_union') {
    const branch = issue.errors.find((issues) => issues.every(({ code }) => code !== 'invalid_type'))
    if (branch !== undefined) return branch.flatMap((inner) => bodyIssuesOf(inner, path))
  }
  return [{ path: jsonPointer(path), message: issue.message }]
}
