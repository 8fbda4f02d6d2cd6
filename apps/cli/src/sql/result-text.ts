/** What a statement answered, for people and for programs. */
import { encodeQueryReply } from '@tenax/client'
import type { SqlResult, SqlValue } from '@tenax/kernel'
import { type CommandContext, print, printJson } from '../io.ts'
import { formatTable } from '../table.ts'

/** Bytes of a blob that a table shows. */
const SHOWN_BLOB_BYTES_MAX = 32

/** Prints `result`: a table, or one line of JSON in the shape of `POST /t/:id/query`. */
export function printResult({ io, json }: Pick<CommandContext, 'io' | 'json'>, result: SqlResult): void {
  if (json) printJson(io, encodeQueryReply(result))
  else for (const line of formatResult(result)) print(io, line)
}

/** The lines that show `result`. */
export function formatResult({ columns, rows, rowsAffected }: SqlResult): string[] {
  if (columns.length === 0) return [`rows affected: ${rowsAffected}`]
  const tableColumns = columns.map(({ name }, index) => ({
    title: name,
    align: rows.length > 0 && rows.every((row) => isNumeric(row[index])) ? ('right' as const) : ('left' as const),
  }))
  return formatTable(
    tableColumns,
    rows.map((row) => row.map(formatValue)),
  )
}

function isNumeric(value: SqlValue | undefined): boolean {
  return value === null || typeof value === 'bigint' || typeof value === 'number'
}

/** A value as a cell: REAL never looks like INTEGER, and a long blob shows its beginning. */
export function formatValue(value: SqlValue): string {
  if (value === null) return 'NULL'
  if (typeof value === 'bigint' || typeof value === 'string') return value.toString()
  if (typeof value === 'number')
    return Number.isInteger(value) && Math.abs(value) < 1e21 ? value.toFixed(1) : `${value}`
  const shown = Buffer.from(value.subarray(0, SHOWN_BLOB_BYTES_MAX)).toString('hex')
  return value.byteLength <= SHOWN_BLOB_BYTES_MAX ? `x'${shown}'` : `x'${shown}…' (${value.byteLength} bytes)`
}
