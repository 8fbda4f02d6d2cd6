/**
 * How rows of tenant SQL leave the engine.
 *
 * The binding cannot be trusted with a tenant's TEXT: it aborts the process when a value is not valid UTF-8
 * (`select cast(x'ff' as text)`), cuts a value at its first NUL, and costs a native call per row (decision 0002). So the
 * statement is wrapped: SQLite gathers the rows, stops at the row limit, adds up their bytes, and hands over one BLOB that
 * holds a JSON array of rows. One native call, on or off the event loop, no row ever read through the binding.
 *
 * A value is encoded by its storage class: NULL as null, an INTEGER within 2^53 as a number, all else as a string with a
 * tag in front: `i` 64-bit integer, `t` text, `x` blob in hex, `r` real with 17 digits, `e` real as `mantissa:exponent` of
 * two, for magnitudes at which SQLite's own printing is off by a bit. Such magnitudes are rare and their expression is
 * long, so a statement is first compiled without it; a real that needs it comes as `?`, and the statement is compiled again.
 */
import type { SqlValue } from '@tenax/kernel'

/** How many rows and bytes one reply may hold. */
export interface ReplyLimits {
  readonly rowsMax: number
  readonly bytesMax: number
}

/** What a wrapped read answers: rows counted (at most rowsMax + 1), bytes, and the rows if both are within the limits. */
export interface EncodedReply {
  readonly rowCount: number
  readonly bytes: number
  readonly json: Uint8Array | null
}

/** SQLite takes at most 127 arguments to a function, so wide rows are encoded as arrays of arrays. */
const CHUNK_COLUMNS = 100

/** Reals in this range print exactly with 17 digits; measured over 10 million values (see the test). */
const EXACT_LOW = '1e-7'
const EXACT_HIGH = '1e15'

const LN2 = '0.693147180559945309'

/** Which reals a wrapped statement can encode: those of common magnitude, or all. */
export type RealRange = 'common' | 'all'

/** Thrown while decoding when a real was met that the wrapped statement could not encode. */
export class UncommonReal extends Error {
  constructor() {
    super('a real of uncommon magnitude')
    this.name = 'UncommonReal'
  }
}

function commonRealOf(value: string): string {
  return `iif(${value}=0.0 or abs(${value}) between ${EXACT_LOW} and ${EXACT_HIGH},'r'||printf('%!.17g',${value}),'?')`
}

function realOf(value: string): string {
  const exponent = `cast(floor(ln(abs(${value}))/${LN2}) as integer)`
  const shift = `(54-${exponent})`
  const scaled = `${value}*power(2.0,${shift}/2)*power(2.0,${shift}-${shift}/2)`
  return (
    `case when ${value}=0.0 or abs(${value}) between ${EXACT_LOW} and ${EXACT_HIGH} then 'r'||printf('%!.17g',${value})` +
    ` when abs(${value})>1.7976931348623157e308 then iif(${value}>0,'r+','r-')` +
    ` else 'e'||cast(${scaled} as integer)||':'||(-${shift}) end`
  )
}

/** An SQL expression that encodes the value of `value`, an SQL expression. Integers within 2^53 stay numbers. */
function jsonOf(value: string, reals: RealRange): string {
  return (
    `case typeof(${value}) when 'integer' then iif(${value} between -9007199254740991 and 9007199254740991,${value},'i'||${value})` +
    ` when 'text' then 't'||${value} when 'real' then ${reals === 'all' ? realOf(value) : commonRealOf(value)}` +
    ` when 'blob' then 'x'||hex(${value}) end`
  )
}

/** An SQL expression that encodes `value` as one tagged BLOB, or NULL: for places that cannot be wrapped (RETURNING). */
export function taggedBlobOf(value: string): string {
  const v = `(${value})`
  return (
    `cast(case typeof${v} when 'integer' then 'i'||${v} when 'text' then 't'||${v}` +
    ` when 'real' then ${realOf(v)} when 'blob' then 'x'||hex${v} end as blob)`
  )
}

/** Wraps a statement that reads and answers `columnCount` columns. `text` has no comment at its end and no semicolon. */
export function wrapRead(
  text: string,
  columnCount: number,
  limits: ReplyLimits & { readonly reals?: RealRange },
): string {
  const reals = limits.reals ?? 'all'
  const names = Array.from({ length: columnCount }, (_, index) => `c${index}`)
  const chunks = chunksOf(names)
  const bytes = chunks
    .map((chunk) => `(${chunk.map((name) => `ifnull(octet_length(${name}),0)+8`).join('+')})`)
    .join('+')
  const arrays = chunks.map((chunk) => `json_array(${chunk.map((name) => jsonOf(name, reals)).join(',')})`)
  const row = arrays.length === 1 ? arrays[0] : `json_array(${arrays.join(',')})`
  return (
    `with tenax_rows(${names.join(',')}) as (select * from (${text}\n) limit ${limits.rowsMax + 1}) ` +
    `select count(*),ifnull(sum(${bytes}),0),case when count(*)<=${limits.rowsMax} and ifnull(sum(${bytes}),0)<=${limits.bytesMax} ` +
    `then cast(json_group_array(${row}) as blob) end from tenax_rows`
  )
}

function chunksOf(names: readonly string[]): string[][] {
  const chunks: string[][] = []
  for (let index = 0; index < names.length; index += CHUNK_COLUMNS)
    chunks.push(names.slice(index, index + CHUNK_COLUMNS))
  return chunks
}

/** The rows in the JSON of a wrapped read. Bytes that are no UTF-8 become U+FFFD. Throws {@link UncommonReal}. */
export function decodeRows(json: Uint8Array, columnCount: number): SqlValue[][] {
  const text = Buffer.from(json.buffer, json.byteOffset, json.byteLength).toString('utf8')
  const rows: unknown = JSON.parse(text)
  if (!Array.isArray(rows)) return []
  const wide = columnCount > CHUNK_COLUMNS
  return rows.map((row) => (wide && Array.isArray(row) ? row.flat(1) : row).map(decodeValue))
}

/** The value behind one tagged BLOB of {@link taggedBlobOf}. */
export function decodeTaggedBlob(value: SqlValue): SqlValue {
  return value instanceof Uint8Array ? decodeValue(Buffer.from(value).toString('utf8')) : null
}

function decodeValue(value: unknown): SqlValue {
  if (typeof value === 'number') return BigInt(value)
  if (typeof value !== 'string') return null
  const rest = value.slice(1)
  const tag = value.charCodeAt(0)
  if (tag === 116) return rest
  if (tag === 114) return rest === '+' ? Infinity : rest === '-' ? -Infinity : Number(rest)
  if (tag === 105) return BigInt(rest)
  if (tag === 101) return decodeScaled(rest)
  if (tag === 63) throw new UncommonReal()
  return new Uint8Array(Buffer.from(rest, 'hex'))
}

/** mantissa × 2^exponent, in two exact steps, so that neither very large nor subnormal numbers round on the way. */
function decodeScaled(text: string): number {
  const colon = text.indexOf(':')
  const exponent = Number(text.slice(colon + 1))
  const half = Math.trunc(exponent / 2)
  return Number(text.slice(0, colon)) * 2 ** half * 2 ** (exponent - half)
}
