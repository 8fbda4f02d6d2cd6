/** Every failure leaves here: as problem details, or in Hrana's own form on a tenant's Hrana routes. */
import { InvariantError, isTenaxError, TenaxError } from '@tenax/kernel'
import { PROBLEM_CONTENT_TYPE, toHranaProblem, toProblem } from '@tenax/protocol'
import type { AppContext, HostParts } from './environment.ts'

/** The answer to a request that failed. A broken invariant of shared state ends the host. */
export function answerFailure({ settings, fail }: HostParts, error: unknown, context: AppContext): Response {
  if (error instanceof InvariantError) fail(error)
  if (!isTenaxError(error) || error.kind === 'internal') settings.onError(error)
  if (isHrana(context)) {
    const { status, headers, body } = toHranaProblem(error)
    return new Response(JSON.stringify(body), { status, headers })
  }
  const { status, headers, body } = toProblem(error)
  return new Response(JSON.stringify(body), { status, headers: { 'content-type': PROBLEM_CONTENT_TYPE, ...headers } })
}

/** The answer to what was done, or not, while the host failed: nobody vouches for it any more. */
export function hostFailed(): TenaxError {
  return new TenaxError('outcome_unknown', 'the host failed while the request was under way', {
    hint: 'read back whether it was done before repeating it',
  })
}

/** The id is missing where a client URL lacked its final slash; that client reads nothing but Hrana's form either. */
function isHrana(context: AppContext): boolean {
  return /^\/t\/([^/]+\/)?v[23]\/(pipeline|cursor)$/.test(context.req.path)
}
