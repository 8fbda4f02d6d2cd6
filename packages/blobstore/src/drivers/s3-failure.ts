/** What became of a request to S3, told by codes and statuses. */
import { TenaxError } from '@tenax/kernel'
import { outcomeUnknown, storageFull, unavailable } from '../blob-errors.ts'

/**
 * The fate of a request:
 *
 * - `missing`, `taken`, `past_end`: the answer is about the object: none, one already, shorter than the range;
 * - `refused`, `full`: not done, and asking again does not help;
 * - `away`, `busy`: not done: no connection was made; the server takes no requests just now;
 * - `failed`: the server has ended it with a failure, perhaps after it was done;
 * - `lost`: no answer: perhaps done, perhaps done later.
 */
export type Fate = 'missing' | 'taken' | 'past_end' | 'refused' | 'full' | 'away' | 'busy' | 'failed' | 'lost'

/** Codes of the system that come before a connection, so the server has heard nothing. */
const AWAY: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EMFILE',
])

/** Names that say more than their status does. */
const FATE_BY_NAME: Readonly<Record<string, Fate>> = {
  NoSuchBucket: 'refused',
  QuotaExceeded: 'full',
  RequestTimeTooSkewed: 'busy', // the SDK has learnt the server's time from the answer
  RequestTimeout: 'failed', // the server has waited too long for the rest of the request
}

/** 409 is the loser of a race, or of a delete: the same request may succeed now. */
const FATE_BY_STATUS: Readonly<Record<number, Fate>> = {
  404: 'missing',
  409: 'failed',
  412: 'taken',
  416: 'past_end',
  429: 'busy',
  500: 'failed',
  503: 'failed',
}

/** The fate of the request that ended with `error`. What is not known is `lost`. */
export function fateOf(error: unknown): Fate {
  const status = statusOf(error)
  if (status === undefined) return AWAY.has(textIn(error, 'code') ?? '') ? 'away' : 'lost'
  const known = FATE_BY_NAME[textIn(error, 'name') ?? ''] ?? FATE_BY_STATUS[status]
  if (known !== undefined) return known
  // Other 5xx come from what stands before the server, which may be at work still.
  return status >= 300 && status < 500 ? 'refused' : 'lost'
}

const NO_ANSWER: ReadonlySet<Fate> = new Set(['away', 'busy', 'failed', 'lost'])

/** A request that did not succeed. `mayBeDone`: this one or an earlier one of the same call may have changed something. */
export interface Failure {
  readonly fate: Fate
  readonly mayBeDone: boolean
  readonly error: unknown
}

/** What a call that changes something rejects with. */
export function writeFailure(key: string, { fate, mayBeDone, error }: Failure): TenaxError {
  if (mayBeDone) return outcomeUnknown(key, error)
  return fate === 'full' ? storageFull(error) : readFailure({ fate, error })
}

/** What a call that changes nothing rejects with. */
export function readFailure({ fate, error }: Pick<Failure, 'fate' | 'error'>): TenaxError {
  if (NO_ANSWER.has(fate)) return unavailable('object storage does not answer', error)
  const reason = reasonOf(error)
  return new TenaxError('unavailable', `object storage refuses: ${reason}`, {
    cause: error,
    hint: 'look at the bucket, the region and the rights of the key',
    details: { reason },
  })
}

/** The server's word, if it is one. */
function reasonOf(error: unknown): string {
  const name = textIn(error, 'name') ?? ''
  return /^[A-Za-z]{1,64}$/.test(name) ? name : `status ${statusOf(error)}`
}

function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('$metadata' in error)) return undefined
  const metadata = error.$metadata
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined
}

function textIn(error: unknown, name: 'code' | 'name'): string | undefined {
  if (!(error instanceof Error)) return undefined
  const value: unknown = name === 'name' ? error.name : 'code' in error ? error.code : undefined
  return typeof value === 'string' ? value : undefined
}
