/** `--arg`: one text of a command line as one SQL value. */
import type { SqlValue } from '@tenax/kernel'
import { CliError } from '../failure.ts'

const INTEGER = /^-?(?:0|[1-9][0-9]*)$/
const REAL = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?$/i
const HEX = /^(?:[0-9a-f]{2})*$/i
const INTEGER_BITS = 64

/** What `--help` says about it. */
export const BOUND_VALUE_HELP =
  '"5" binds INTEGER, "2.5" REAL, "null" NULL, "hex:00ff" BLOB, anything else TEXT; "text:5" binds TEXT for certain'

/**
 * The value that `text` binds.
 *
 * @throws CliError `usage` for hex digits that are none, and an integer outside 64 bits
 */
export function parseBoundValue(text: string): SqlValue {
  if (text.startsWith('text:')) return text.slice('text:'.length)
  if (text.startsWith('hex:')) return parseHex(text.slice('hex:'.length))
  if (text.toLowerCase() === 'null') return null
  if (INTEGER.test(text)) return parseInteger(text)
  return REAL.test(text) ? Number(text) : text
}

function parseInteger(text: string): bigint {
  const value = BigInt(text)
  if (BigInt.asIntN(INTEGER_BITS, value) === value) return value
  throw CliError.usage(`--arg ${text} does not fit into 64 bits`, `bind it as a text: --arg text:${text}`)
}

function parseHex(digits: string): Uint8Array {
  if (!HEX.test(digits))
    throw CliError.usage('--arg hex: takes pairs of hex digits', 'for a text write --arg text:hex:…')
  return new Uint8Array(Buffer.from(digits, 'hex'))
}
