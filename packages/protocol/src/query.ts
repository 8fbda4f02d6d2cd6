/**
 * `POST /t/:id/query`: plain JSON values in, plain JSON values out. The price of plainness: a REAL without a fraction
 * and an INTEGER look alike in the answer, and an INTEGER beyond 2^53 looks like TEXT. Hrana keeps all types apart.
 */
import { SQL_ARGS_MAX, type SqlArgs, type SqlResult, type SqlValue } from '@tenax/kernel'
import { z } from 'zod'
import { BASE64_REFUSAL, decodeBase64, encodeBase64 } from './base64.ts'
import { bodyError, jsonPointer } from './body.ts'
import { INTEGER_REFUSAL, parseInteger, recordSchema, sqlTextSchema, wellFormedTextSchema } from './text.ts'

/** One bound value of `/query`. */
export const jsonArgSchema = z.union(
  [
    z.null(),
    z.boolean().meta({ description: 'binds 1 or 0' }),
    z.number().meta({ description: 'a whole number within 2^53 binds as INTEGER, any other as REAL' }),
    wellFormedTextSchema,
    z.object({ integer: z.string() }).meta({ description: 'INTEGER beyond 2^53, in decimal digits' }),
    z.object({ base64: z.string() }).meta({ description: 'BLOB, standard alphabet, padded or not' }),
  ],
  { error: 'not null, a boolean, a finite number, a text, {"integer": decimal digits} or {"base64": text}' },
)

/** One bound value of `/query`, as a type. */
export type JsonArg = z.output<typeof jsonArgSchema>

/** The bound values of `/query`: by position, or by name with or without its prefix. */
export const jsonArgsSchema = z.union([z.array(jsonArgSchema).max(SQL_ARGS_MAX), recordSchema(jsonArgSchema)], {
  error: 'not an array of values, nor an object of values by name',
})

/** The bound values of `/query`, as a type. */
export type JsonArgs = z.output<typeof jsonArgsSchema>

/** Body of `POST /t/:id/query`. */
export const queryBodySchema = z.object({
  sql: sqlTextSchema.meta({ examples: ['select name from users where id = ?'] }),
  args: jsonArgsSchema.optional(),
})

/** Body of `POST /t/:id/query`, as a type. */
export type QueryBody = z.output<typeof queryBodySchema>

/** One value of an answered row: an INTEGER beyond 2^53 and an infinite REAL are strings. */
export const jsonValueSchema = z.union([z.null(), z.number(), z.string(), z.object({ base64: z.string() })])

/** One value of an answered row, as a type. */
export type JsonValue = z.output<typeof jsonValueSchema>

/** Reply of `POST /t/:id/query`. Rows are arrays in column order. */
export const queryReplySchema = z.object({
  columns: z.array(z.string()),
  rows: z.array(z.array(jsonValueSchema)),
  rowsAffected: z.int().min(0),
  lastInsertRowid: z.union([z.null(), z.int(), z.string()]).meta({ description: 'a string beyond 2^53' }),
})

/** Reply of `POST /t/:id/query`, as a type. */
export type QueryReply = z.output<typeof queryReplySchema>

/**
 * The SQL values of parsed `args`; none when they are absent. Names stay as they were sent.
 *
 * @throws TenaxError `body_invalid` for an `integer` outside 64 bits and for malformed base64
 * @example
 * decodeJsonArgs([1, { integer: '9223372036854775807' }]) // [1n, 9223372036854775807n]
 */
export function decodeJsonArgs(args: JsonArgs | undefined): SqlArgs {
  if (args === undefined) return []
  if (Array.isArray(args)) return args.map((arg, index) => decodeJsonArg(arg, index))
  return Object.fromEntries(Object.entries(args).map(([name, arg]) => [name, decodeJsonArg(arg, name)]))
}

function decodeJsonArg(arg: JsonArg, place: number | string): SqlValue {
  if (arg === null || typeof arg === 'string') return arg
  if (typeof arg === 'boolean') return arg ? 1n : 0n
  if (typeof arg === 'number') return Number.isSafeInteger(arg) ? BigInt(arg) : arg
  if ('integer' in arg) return parseInteger(arg.integer) ?? refuseArg([place, 'integer'], INTEGER_REFUSAL)
  return decodeBase64(arg.base64) ?? refuseArg([place, 'base64'], BASE64_REFUSAL)
}

function refuseArg(path: readonly (number | string)[], message: string): never {
  throw bodyError('body_invalid', 'the request body is not what this route takes', [
    { path: jsonPointer(['args', ...path]), message },
  ])
}

/** A SQL value as it stands in an answered row. NaN does not occur: SQLite turns it into NULL. */
export function encodeJsonValue(value: SqlValue): JsonValue {
  if (value === null || typeof value === 'string') return value
  if (typeof value === 'bigint') return encodeInteger(value)
  if (typeof value === 'number') return Number.isFinite(value) ? value : encodeNonFinite(value)
  return { base64: encodeBase64(value) }
}

function encodeInteger(value: bigint): number | string {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value.toString()
}

function encodeNonFinite(value: number): string | null {
  return Number.isNaN(value) ? null : String(value)
}

/** What `/query` answers for `result`. */
export function encodeQueryReply(result: SqlResult): QueryReply {
  return {
    columns: result.columns.map((column) => column.name),
    rows: result.rows.map((row) => row.map(encodeJsonValue)),
    rowsAffected: result.rowsAffected,
    lastInsertRowid: result.lastInsertRowid === undefined ? null : encodeInteger(result.lastInsertRowid),
  }
}
