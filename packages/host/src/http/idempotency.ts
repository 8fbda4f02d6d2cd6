/** `Idempotency-Key` on HTTP: the key of a request, and the reply that is kept with it. */
import { createHash } from 'node:crypto'
import { TenaxError } from '@tenax/kernel'
import type { IdempotencyKey, KeyedReply } from '@tenax/tenancy'
import { IDEMPOTENCY_KEY_CHARS_MAX } from '../limits.ts'
import type { AppContext } from './environment.ts'

/** On requests: a name that makes it safe to send them again. */
export const IDEMPOTENCY_HEADER = 'Idempotency-Key'

/** `true` on a reply that was kept from the first time. */
export const REPLAYED_HEADER = 'Idempotency-Replayed'

/**
 * The key that the request carries. `body` is what was parsed of it, so that spaces make no other request of it; `route`
 * keeps the two forms of replies apart.
 *
 * @throws TenaxError `argument_invalid`
 */
export function idempotencyKeyOf(
  context: AppContext,
  route: 'query' | 'pipeline',
  body: unknown,
): IdempotencyKey | undefined {
  const key = headerKeyOf(context)
  if (key === undefined) return undefined
  const requestHash = createHash('sha256')
    .update(`${route}\n${JSON.stringify(body)}`)
    .digest('hex')
  return { key, requestHash }
}

/**
 * The key in the header, if there is one.
 *
 * @throws TenaxError `argument_invalid`
 */
export function headerKeyOf(context: AppContext): string | undefined {
  const key = context.req.header(IDEMPOTENCY_HEADER)
  if (key === undefined) return undefined
  if (key.length > IDEMPOTENCY_KEY_CHARS_MAX || !/^[\x20-\x7e]+$/.test(key)) {
    throw new TenaxError('argument_invalid', `${IDEMPOTENCY_HEADER} is no key`, {
      hint: `1 to ${IDEMPOTENCY_KEY_CHARS_MAX} characters of printable ASCII: a random id, new for each request`,
    })
  }
  return key
}

/** The answer with a reply that is kept. */
export function answerKeyed({ reply, status, isReplay }: KeyedReply): Response {
  const headers = { 'content-type': 'application/json', ...(isReplay ? { [REPLAYED_HEADER]: 'true' } : {}) }
  return new Response(reply, { status, headers })
}
