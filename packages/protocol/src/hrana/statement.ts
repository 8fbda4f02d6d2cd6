/** Hrana's statements: what to run with which values, and what it answered. */
import { SQL_ARGS_MAX, type SqlColumn, type SqlResult, type SqlValue } from '@tenax/kernel'
import { z } from 'zod'
import { sqlTextSchema } from '../text.ts'
import { answeredHranaValueSchema, encodeHranaValue, type HranaValue, hranaValueSchema } from './value.ts'

/** Where the SQL text comes from: the request itself, or a text that the stream stored before. */
export type HranaSql = { readonly sql: string } | { readonly sqlId: number }

/** Values of one statement. A name may lack its prefix; where both name a parameter, the named one wins. */
export interface HranaArgs {
  readonly positional: readonly SqlValue[]
  readonly named: readonly { readonly name: string; readonly value: SqlValue }[]
}

/** One statement of a stream. Without `wantRows` it runs, and answers no rows. */
export interface HranaStatement {
  readonly source: HranaSql
  readonly args: HranaArgs
  readonly wantRows: boolean
}

/** Id of a stored SQL text, chosen by the client. */
export const sqlIdSchema = z.int32()

/** The members that name a SQL text; exactly one of them must be there. */
export const sqlSourceShape = { sql: sqlTextSchema.nullish(), sql_id: sqlIdSchema.nullish() }

interface SqlSourceInput {
  readonly sql?: string | null | undefined
  readonly sql_id?: number | null | undefined
}

/** The source that a request names; an issue in `context` unless it names exactly one. */
export function sqlSourceOf({ sql, sql_id: sqlId }: SqlSourceInput, context: z.RefinementCtx): HranaSql {
  if (typeof sql === 'string' && typeof sqlId !== 'number') return { sql }
  if (typeof sqlId === 'number' && typeof sql !== 'string') return { sqlId }
  context.addIssue({ code: 'custom', message: 'exactly one of sql and sql_id is needed' })
  return z.NEVER
}

const namedArg = z.object({ name: z.string(), value: hranaValueSchema })

/** A statement as clients send it; parses to {@link HranaStatement}. */
export const statementSchema = z
  .object({
    ...sqlSourceShape,
    args: z.array(hranaValueSchema).max(SQL_ARGS_MAX).nullish(),
    named_args: z.array(namedArg).max(SQL_ARGS_MAX).nullish(),
    want_rows: z.boolean().nullish(),
  })
  .transform(
    (input, context): HranaStatement => ({
      source: sqlSourceOf(input, context),
      args: { positional: input.args ?? [], named: input.named_args ?? [] },
      wantRows: input.want_rows ?? true,
    }),
  )

/** A result column. */
export const columnSchema = z.object({ name: z.string().nullable(), decltype: z.string().nullable() })

/** What a statement answered, as clients read it. */
export const statementResultSchema = z.object({
  cols: z.array(columnSchema),
  rows: z.array(z.array(answeredHranaValueSchema)),
  affected_row_count: z.int().min(0),
  last_insert_rowid: z.string().nullable(),
  rows_read: z.int().min(0),
  rows_written: z.int().min(0),
  query_duration_ms: z.number().min(0),
})

/** What a statement answered. */
export interface HranaStatementResult {
  readonly cols: readonly SqlColumn[]
  readonly rows: readonly (readonly HranaValue[])[]
  readonly affected_row_count: number
  readonly last_insert_rowid: string | null
  readonly rows_read: number
  readonly rows_written: number
  readonly query_duration_ms: number
}

/** What {@link encodeStatementResult} needs beside the result itself. */
export interface StatementResultOptions {
  readonly wantRows: boolean
  readonly durationMs: number
}

/**
 * What a statement answered, as Hrana says it. `rows_read` and `rows_written` are what Tenax knows: rows answered and
 * rows changed; SQLite does not count the rows that it scanned.
 */
export function encodeStatementResult(result: SqlResult, options: StatementResultOptions): HranaStatementResult {
  return {
    cols: encodeColumns(result.columns),
    rows: options.wantRows ? result.rows.map(encodeRow) : [],
    affected_row_count: result.rowsAffected,
    last_insert_rowid: encodeRowid(result),
    rows_read: result.rows.length,
    rows_written: result.rowsAffected,
    query_duration_ms: options.durationMs,
  }
}

/** The columns of a result. */
export function encodeColumns(columns: readonly SqlColumn[]): readonly SqlColumn[] {
  return columns.map(({ name, decltype }) => ({ name, decltype }))
}

/** One row of a result. */
export function encodeRow(row: readonly SqlValue[]): readonly HranaValue[] {
  return row.map(encodeHranaValue)
}

/** The last rowid of a result, decimal; null for a statement that does not write. */
export function encodeRowid({ lastInsertRowid }: Pick<SqlResult, 'lastInsertRowid'>): string | null {
  return lastInsertRowid === undefined ? null : lastInsertRowid.toString()
}
