/** Texts that both `/query` and Hrana take: SQL, TEXT values, and INTEGERs in decimal digits. */
import { SQL_BYTES_MAX } from '@tenax/kernel'
import { z } from 'zod'

/** Why {@link parseInteger} said no. */
export const INTEGER_REFUSAL = 'not a whole number of 64 bits in decimal digits'

const INTEGER_MIN = -(2n ** 63n)
const INTEGER_MAX = 2n ** 63n - 1n

/** The INTEGER that a decimal text names; undefined when it is no number of 64 bits. */
export function parseInteger(text: string): bigint | undefined {
  if (!/^-?[0-9]{1,19}$/.test(text)) return undefined
  const value = BigInt(text)
  return value >= INTEGER_MIN && value <= INTEGER_MAX ? value : undefined
}

/**
 * Text that UTF-8 can carry. JSON can spell half a surrogate pair (`"\ud800"`), SQLite cannot store it; it is refused
 * here, because the engine would replace it by U+FFFD and answer something other than what was written.
 */
export const wellFormedTextSchema = z
  .string()
  .refine((text) => text.isWellFormed(), { error: 'the text holds half a surrogate pair, which UTF-8 cannot carry' })

/** SQL text. Its limit counts characters, never more than bytes; the engine counts bytes again. */
export const sqlTextSchema = wellFormedTextSchema.max(SQL_BYTES_MAX)

/** An object by names that callers choose. One that a record would lose is refused. */
export function recordSchema<Value extends z.ZodType>(value: Value, name = z.string()) {
  const checked = (given: unknown, context: z.core.$RefinementCtx): unknown => {
    if (typeof given === 'object' && given !== null && Object.hasOwn(given, LOST)) {
      context.addIssue({ code: 'custom', path: [LOST], message: 'no member can have this name', input: given })
    }
    return given
  }
  return z.preprocess(checked, z.record(name, value))
}

const LOST = '__proto__'

/** A whole number, whose refusal says what is allowed, whatever was given instead. */
export function wholeNumberSchema(min: number, max: number) {
  const error = `a whole number from ${min} to ${max}`
  return z.int({ error }).min(min, { error }).max(max, { error })
}

/** A whole number in a query string; anything that is not plain digits goes on unchanged and is refused. */
export function digitsToNumber(text: unknown): unknown {
  return typeof text === 'string' && /^[0-9]{1,9}$/.test(text) ? Number(text) : text
}
