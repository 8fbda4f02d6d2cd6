/** Values as JSON text and back: what a body receives is always what JSON gives back (WORKFLOWS 4). */
import { messageOf } from '@tenax/kernel'
import { NonRetryableError } from '../errors.ts'
import { JSON_DEPTH_MAX, PAYLOAD_BYTES_MAX } from '../limits.ts'

/** The code of a value that JSON cannot hold. */
export const UNSERIALISABLE = 'unserialisable'

/**
 * The JSON text of `value`; undefined for `undefined`.
 *
 * @throws NonRetryableError `unserialisable` for a BigInt, a cycle, a function or a symbol, and for what is nested too deep: trying
 *   again does not help.
 */
export function encodeJson(value: unknown): string | undefined {
  if (value === undefined) return undefined
  const json = textOf(value)
  if (json !== undefined && isTooDeep(json)) throw new NonRetryableError(TOO_DEEP, { code: UNSERIALISABLE })
  if (json !== undefined) return json
  throw new NonRetryableError(`JSON cannot hold a ${typeof value}`, { code: UNSERIALISABLE })
}

/** As {@link encodeJson}, for what is recorded. Throws NonRetryableError `payload_too_large` too. */
export function encodePayload(value: unknown): string | undefined {
  const json = encodeJson(value)
  if (json === undefined || !isTooLong(json)) return json
  const message = `more than ${PAYLOAD_BYTES_MAX} bytes of JSON: keep bulk data in tables, and pass its key`
  throw new NonRetryableError(message, { code: 'payload_too_large' })
}

/** True for a JSON text over the limit. */
export function isTooLong(json: string): boolean {
  if (json.length * 3 <= PAYLOAD_BYTES_MAX) return false
  return json.length > PAYLOAD_BYTES_MAX || Buffer.byteLength(json) > PAYLOAD_BYTES_MAX
}

/** What is wrong with a JSON text for which {@link isTooDeep} is true. */
export const TOO_DEEP = `it is nested more than ${JSON_DEPTH_MAX} levels deep: keep its parts in tables`

/** True for a JSON text with more arrays and objects inside each other than SQLite's JSON functions read. */
export function isTooDeep(json: string): boolean {
  if (json.length <= JSON_DEPTH_MAX * 2) return false
  let depth = 0
  let isText = false
  for (let index = 0; index < json.length; index += 1) {
    const unit = json.charCodeAt(index)
    if (isText && unit === BACKSLASH) index += 1
    else if (unit === QUOTE) isText = !isText
    else if (isText) continue
    else if (unit === OPEN_ARRAY || unit === OPEN_OBJECT) depth += 1
    else if (unit === CLOSE_ARRAY || unit === CLOSE_OBJECT) depth -= 1
    if (depth > JSON_DEPTH_MAX) return true
  }
  return false
}

const [QUOTE, BACKSLASH] = [0x22, 0x5c]
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d]

/** The value of a JSON text; `undefined` when there is none. */
export function decodeJson(json: string | undefined): unknown {
  return json === undefined ? undefined : JSON.parse(json)
}

function textOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch (error) {
    throw new NonRetryableError(`JSON cannot hold this value: ${messageOf(error)}`, {
      code: UNSERIALISABLE,
      cause: error,
    })
  }
}
