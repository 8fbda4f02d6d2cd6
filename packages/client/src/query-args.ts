/** Values that a caller binds, as `/query` and Hrana take them. */
import { TenaxError } from '@tenax/kernel'
import { encodeBase64, type JsonArg, type JsonArgs } from '@tenax/protocol'

/** A value to bind. A boolean binds 1 or 0, a whole number within 2^53 INTEGER, any other number REAL. */
export type QueryValue = null | boolean | number | bigint | string | Uint8Array

/** Values by position, or by name with or without its prefix. */
export type QueryArgs = readonly QueryValue[] | Readonly<Record<string, QueryValue>>

const INTEGER_BITS = 64

/**
 * `args` as `/query` takes them.
 *
 * @throws TenaxError `argument_invalid` for NaN, an infinity, and a bigint outside 64 bits
 */
export function encodeQueryArgs(args: QueryArgs): JsonArgs {
  if (isPositional(args)) return args.map(encodeQueryArg)
  return Object.fromEntries(Object.entries(args).map(([name, value]) => [name, encodeQueryArg(value)]))
}

function isPositional(args: QueryArgs): args is readonly QueryValue[] {
  return Array.isArray(args)
}

function encodeQueryArg(value: QueryValue): JsonArg {
  if (value instanceof Uint8Array) return { base64: encodeBase64(value) }
  if (typeof value === 'bigint') return encodeInteger(value)
  if (typeof value !== 'number' || Number.isFinite(value)) return value
  throw new TenaxError('argument_invalid', `${value} cannot be bound by query()`, {
    hint: 'bind null, or write an infinity as 9e999 in the SQL text',
  })
}

function encodeInteger(value: bigint): JsonArg {
  if (BigInt.asIntN(INTEGER_BITS, value) !== value) {
    throw new TenaxError('argument_invalid', `${value} does not fit into 64 bits`, { hint: 'bind it as a text' })
  }
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : { integer: value.toString() }
}
