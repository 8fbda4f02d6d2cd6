/**
 * What SQLite's checks of a whole file say, and what of that is damage. A tenant's own SQL can change the tables in which a full-text
 * or R-tree index keeps its bytes, so that the index contradicts itself: the file is sound then, and nothing has become of it.
 */
import type { SqlValue } from '@tenax/kernel'

/** The check of everything, a row for each complaint. Its text is not always UTF-8, so it is read as bytes. */
export const INTEGRITY_CHECK_SQL = 'SELECT CAST(integrity_check AS BLOB) FROM pragma_integrity_check'

/** The same without a look whether indexes have all rows. */
export const QUICK_CHECK_SQL = 'SELECT CAST(quick_check AS BLOB) FROM pragma_quick_check'

/** Complaints that SQLite makes at most. */
export const COMPLAINTS_MAX = 100

/** How the complaints of the modules begin that tenants may use. */
const OF_VIRTUAL_TABLE =
  /^(?:malformed inverted index for FTS5 table |unable to validate the inverted index for FTS5 table |In RTree )/

/** The first complaint that is damage of the file, in one line; undefined when there is none. */
export function damageIn(rows: readonly (readonly SqlValue[])[]): string | undefined {
  const complaints = rows.map(([text]) =>
    text instanceof Uint8Array ? Buffer.from(text).toString('utf8') : String(text),
  )
  const damage = complaints.find((text) => text !== 'ok' && !OF_VIRTUAL_TABLE.test(text))
  const lines = damage?.split('\n') ?? []
  return lines.find((line) => !line.startsWith('***')) ?? lines[0] // a line of stars is a heading
}
