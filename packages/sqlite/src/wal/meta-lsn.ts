/**
 * Reads the LSN out of a raw page: the proof, at no query, that a commit's frames hold the commit's own number (LEDGER C3).
 *
 * The page is the leaf of a table b-tree with one row (https://sqlite.org/fileformat2.html sections 1.6 and 2.1):
 * `tenax_meta(id INTEGER PRIMARY KEY, format, incarnation, lineage, lsn, …)`. It never grows past one page.
 */

const LEAF_OF_TABLE = 0x0d
const CELL_POINTERS_AT = 8
const META_ROWID = 1n
const LSN_COLUMN = 4

/** Bytes of a value, by its serial type below 12; 10 and 11 do not occur in files. */
const VALUE_BYTES = [0, 1, 2, 3, 4, 6, 8, 8, 0, 0] as const

/**
 * The LSN in the page that holds `tenax_meta`'s one row; undefined when `page` is no such page.
 *
 * @example
 * const lsn = readMetaLsn(image) // 8n
 */
export function readMetaLsn(page: Uint8Array): bigint | undefined {
  if (page[0] !== LEAF_OF_TABLE || integerAt(page, 3, 2) !== 1n) return undefined
  const cursor = new Cursor(page, Number(integerAt(page, CELL_POINTERS_AT, 2)))
  cursor.varint() // bytes of the record
  if (cursor.varint() !== META_ROWID) return undefined
  const lsn = columnAt(page, cursor, LSN_COLUMN)
  return lsn === undefined || lsn.at + lsn.byteCount > page.length ? undefined : integerOf(page, lsn)
}

interface Value {
  readonly type: number
  readonly at: number
  readonly byteCount: number
}

/** The place of a column in the record that begins under the cursor. */
function columnAt(page: Uint8Array, cursor: Cursor, column: number): Value | undefined {
  const recordAt = cursor.at
  const headerBytes = Number(cursor.varint())
  const headerEnd = recordAt + headerBytes
  let at = headerEnd
  for (let index = 0; cursor.at < headerEnd && cursor.at < page.length; index += 1) {
    const type = Number(cursor.varint())
    const byteCount = valueBytes(type)
    if (byteCount === undefined) return undefined
    if (index === column) return { type, at, byteCount }
    at += byteCount
  }
  return undefined
}

function valueBytes(type: number): number | undefined {
  return type >= 12 ? (type - (type % 2 === 0 ? 12 : 13)) / 2 : VALUE_BYTES[type]
}

function integerOf(page: Uint8Array, { type, at, byteCount }: Value): bigint | undefined {
  if (type === 8) return 0n
  if (type === 9) return 1n
  if (type < 1 || type > 6) return undefined
  return BigInt.asIntN(byteCount * 8, integerAt(page, at, byteCount))
}

function integerAt(page: Uint8Array, at: number, byteCount: number): bigint {
  let high = 0
  let low = 0
  for (let index = 0; index < byteCount; index += 1) {
    if (index < byteCount - 4) high = high * 256 + (page[at + index] ?? 0)
    else low = low * 256 + (page[at + index] ?? 0)
  }
  return high === 0 ? BigInt(low) : (BigInt(high) << 32n) | BigInt(low)
}

/** Walks over variable-length integers: 7 bits a byte, all 8 of a ninth. Past the end it reads zeros. */
class Cursor {
  readonly #page: Uint8Array
  at: number

  constructor(page: Uint8Array, at: number) {
    this.#page = page
    this.at = at
  }

  varint(): bigint {
    const first = this.#next()
    if (first < 0x80) return BigInt(first)
    let value = BigInt(first & 0x7f)
    for (let count = 2; count <= 9; count += 1) {
      const byte = this.#next()
      if (count === 9) return BigInt.asIntN(64, (value << 8n) | BigInt(byte))
      value = (value << 7n) | BigInt(byte & 0x7f)
      if (byte < 0x80) return value
    }
    return value
  }

  #next(): number {
    const byte = this.#page[this.at] ?? 0
    this.at += 1
    return byte
  }
}
