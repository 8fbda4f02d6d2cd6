/** Results and failures as they are stored: bounded, and never failing because of what they carry. */
import { isTenaxError, keptText, messageOf, TenaxError } from '@tenax/kernel'
import {
  isTooDeep,
  isTooLong,
  NOT_AN_ERROR,
  type Outcome,
  PAYLOAD_BYTES_MAX,
  type StoredError,
  TOO_DEEP,
  UNNAMED_FAILURE,
  UNSERIALISABLE,
} from '@tenax/workflow/core'
import { MESSAGE_CHARS_MAX } from './limits.ts'

/** Whether a failure is worth another attempt. */
export interface Failure {
  readonly error: StoredError
  readonly isRetryable: boolean
}

/** What is stored of anything that was thrown. Never throws, whatever it is given. */
export function failureOf(error: unknown, attempts: number): Failure {
  try {
    return read(error, attempts)
  } catch {
    const stored = { code: UNNAMED_FAILURE, message: 'threw an error that cannot be read', attempts }
    return { error: stored, isRetryable: true }
  }
}

function read(error: unknown, attempts: number): Failure {
  if (!(error instanceof Error)) {
    const data = jsonOf(error)
    const stored = { code: NOT_AN_ERROR, message: keptText(`threw ${shown(error)}, which is no Error`), attempts }
    return { error: data === undefined ? stored : { ...stored, data }, isRetryable: true }
  }
  const { code, data } = error as Error & { code?: unknown; data?: unknown }
  const json = isTenaxError(error) ? jsonOf(error.details) : jsonOf(data)
  const stored = {
    code: typeof code === 'string' && /^\w[\w.-]{0,63}$/.test(code) ? code : UNNAMED_FAILURE,
    message: keptText(messageOf(error).slice(0, MESSAGE_CHARS_MAX)),
    attempts,
  }
  return {
    error: json === undefined ? stored : { ...stored, data: json },
    isRetryable: error.name !== 'NonRetryableError',
  }
}

/** JSON of what an error carries; nothing when JSON cannot hold it, or it is too long to be kept with an error. */
function jsonOf(data: unknown): string | undefined {
  try {
    const json = data === undefined ? undefined : JSON.stringify(data)
    return json !== undefined && json.length <= MESSAGE_CHARS_MAX && !isTooDeep(json) ? json : undefined
  } catch {
    return undefined
  }
}

function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value).slice(0, 200)
  return `a value of type ${value === null ? 'null' : typeof value}`
}

/** The outcome with this result; a failure when JSON cannot hold it, or it is too long. */
export function outcomeOfResult(value: unknown, attempts: number): Outcome {
  let json: string | undefined
  try {
    json = value === undefined ? undefined : JSON.stringify(value)
  } catch (error) {
    return failed(UNSERIALISABLE, `JSON cannot hold the result: ${messageOf(error)}`, attempts)
  }
  if (json === undefined && value !== undefined) {
    return failed(UNSERIALISABLE, `JSON cannot hold a ${typeof value}`, attempts)
  }
  if (json !== undefined && isTooDeep(json))
    return failed(UNSERIALISABLE, `JSON holds no such result: ${TOO_DEEP}`, attempts)
  if (json !== undefined && isTooLong(json)) {
    return failed('payload_too_large', `the result has more than ${PAYLOAD_BYTES_MAX} bytes of JSON`, attempts)
  }
  return { type: 'ok', json }
}

/** A failed outcome. */
export function failed(code: string, message: string, attempts: number): Outcome {
  return { type: 'error', error: { code, message: keptText(message), attempts } }
}

/** The JSON text of something that a caller gave. Throws TenaxError `payload_too_large`, `argument_invalid`. */
export function payloadOf(value: unknown, what: string): string | undefined {
  return value === undefined ? undefined : jsonTextOf(value, { what, bytesMax: PAYLOAD_BYTES_MAX })
}

/** As {@link payloadOf}, of something that must be there. */
export function jsonTextOf(value: unknown, { what, bytesMax }: { what: string; bytesMax: number }): string {
  let json: string | undefined
  try {
    json = JSON.stringify(value)
  } catch (error) {
    throw noJson(what, messageOf(error))
  }
  if (json === undefined) throw noJson(what, `it is a ${typeof value}`)
  if (isTooDeep(json)) throw noJson(what, TOO_DEEP)
  // A character is at most three bytes of UTF-8, so most texts need not be counted.
  if (json.length * 3 <= bytesMax || Buffer.byteLength(json) <= bytesMax) return json
  throw new TenaxError('payload_too_large', `the ${what} has more than ${bytesMax} bytes of JSON`, {
    hint: 'keep bulk data in tables, and pass its key',
    details: { bytesMax },
  })
}

function noJson(what: string, why: string): TenaxError {
  return new TenaxError('argument_invalid', `the ${what} is no JSON that can be kept: ${why}`)
}
