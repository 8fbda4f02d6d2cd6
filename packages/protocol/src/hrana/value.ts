/**
 * Hrana's values: SQLite's five types kept apart in JSON.
 *
 * INTEGER is decimal digits in a string, BLOB base64 without padding (taken with padding too). JSON has no infinities, yet
 * its grammar has `1e999`, which `JSON.parse` reads as Infinity: that keeps the value in stock JavaScript clients, whose
 * decoder refuses the `null` that the newer protocol text writes instead.
 */
import { assert, type SqlValue } from '@tenax/kernel'
import { z } from 'zod'
import { BASE64_REFUSAL, decodeBase64, encodeBase64Unpadded } from '../base64.ts'
import { parseBody } from '../body.ts'
import { INTEGER_REFUSAL, parseInteger, wellFormedTextSchema } from '../text.ts'

/** A number whose JSON text is given, as `JSON.rawJSON` makes it; `JSON.stringify` writes it unchanged. */
export interface RawJsonNumber {
  readonly rawJSON: string
}

/** A value as Tenax answers it. Hand it to `JSON.stringify`, nothing else: a float may be a {@link RawJsonNumber}. */
export type HranaValue =
  | { readonly type: 'null' }
  | { readonly type: 'integer'; readonly value: string }
  | { readonly type: 'float'; readonly value: number | RawJsonNumber }
  | { readonly type: 'text'; readonly value: string }
  | { readonly type: 'blob'; readonly base64: string }

const nullValue = z.object({ type: z.literal('null') }).transform((): SqlValue => null)

const integerValue = z
  .object({ type: z.literal('integer'), value: z.string().meta({ description: '64-bit, decimal digits' }) })
  .transform(({ value }, context): SqlValue => {
    const integer = parseInteger(value)
    if (integer !== undefined) return integer
    context.addIssue({ code: 'custom', message: INTEGER_REFUSAL, path: ['value'] })
    return z.NEVER
  })

const floatValue = z.object({ type: z.literal('float'), value: z.number() }).transform(({ value }): SqlValue => value)

/** JSON Schema has no word for infinities either: what it says of them stands in the description. */
const answeredFloatValue = z
  .object({
    type: z.literal('float'),
    value: z
      .unknown()
      .refine((value) => typeof value === 'number' && !Number.isNaN(value), 'not a number')
      .meta({ type: 'number', description: 'an infinity is answered as ±1e999' }),
  })
  .transform(({ value }): SqlValue => Number(value))

const textValue = z
  .object({ type: z.literal('text'), value: wellFormedTextSchema })
  .transform(({ value }): SqlValue => value)

const blobValue = z
  .object({ type: z.literal('blob'), base64: z.string().meta({ description: 'padded or not' }) })
  .transform(({ base64 }, context): SqlValue => {
    const bytes = decodeBase64(base64)
    if (bytes !== undefined) return bytes
    context.addIssue({ code: 'custom', message: BASE64_REFUSAL, path: ['base64'] })
    return z.NEVER
  })

/** A value as clients send it; parses to the SQL value. */
export const hranaValueSchema = z.discriminatedUnion('type', [
  nullValue,
  integerValue,
  floatValue,
  textValue,
  blobValue,
])

/** A value as Tenax answers it; unlike one that is sent, a float may be infinite. Parses to the SQL value. */
export const answeredHranaValueSchema = z.discriminatedUnion('type', [
  nullValue,
  integerValue,
  answeredFloatValue,
  textValue,
  blobValue,
])

/**
 * The SQL value in a Hrana value.
 *
 * @throws TenaxError `body_invalid`: unknown type, INTEGER outside 64 bits, non-finite float, half a surrogate pair,
 * malformed base64
 */
export function decodeHranaValue(value: unknown): SqlValue {
  return parseBody(hranaValueSchema, value)
}

/** The Hrana value of a SQL value. NaN does not occur (SQLite turns it into NULL) and is answered as null. */
export function encodeHranaValue(value: SqlValue): HranaValue {
  if (value === null || Number.isNaN(value)) return { type: 'null' }
  if (typeof value === 'bigint') return { type: 'integer', value: value.toString() }
  if (typeof value === 'number') return { type: 'float', value: encodeFloat(value) }
  if (typeof value === 'string') return { type: 'text', value }
  return { type: 'blob', base64: encodeBase64Unpadded(value) }
}

/** `JSON.stringify` would write null for an infinity and lose the sign of zero. */
function encodeFloat(value: number): number | RawJsonNumber {
  if (value === Number.POSITIVE_INFINITY) return rawJsonNumber('1e999')
  if (value === Number.NEGATIVE_INFINITY) return rawJsonNumber('-1e999')
  return Object.is(value, -0) ? rawJsonNumber('-0.0') : value
}

/** TypeScript's library does not know `JSON.rawJSON` yet; Node has it since 21. */
function rawJsonNumber(text: string): RawJsonNumber {
  assert('rawJSON' in JSON && typeof JSON.rawJSON === 'function', 'the runtime has JSON.rawJSON')
  return JSON.rawJSON(text)
}
