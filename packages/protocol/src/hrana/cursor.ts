/**
 * Hrana over HTTP, `/v3/cursor`: a batch whose results stream as lines of JSON, a head and then entries.
 *
 * Lines: head, then for each step that runs `step_begin`, its `row`s and `step_end` or `step_error`; a skipped step has no
 * line. The end is {@link CURSOR_END} or an `error` entry; a body that stops before either is a failure (newer protocol text).
 */
import type { SqlColumn, SqlResult, SqlValue } from '@tenax/kernel'
import { z } from 'zod'
import { parseBody } from '../body.ts'
import { type HranaError, hranaErrorSchema } from '../problem.ts'
import { batchSchema, type HranaBatch } from './batch.ts'
import { batonSchema } from './pipeline.ts'
import { columnSchema, encodeColumns, encodeRow, encodeRowid } from './statement.ts'
import { answeredHranaValueSchema, type HranaValue } from './value.ts'

/** A cursor to open; without a baton on a new stream. */
export interface CursorRequest {
  readonly baton: string | undefined
  readonly batch: HranaBatch
}

/** The body of a cursor request as clients send it; parses to {@link CursorRequest}. */
export const cursorRequestSchema = z
  .object({ baton: batonSchema, batch: batchSchema })
  .transform(({ baton, batch }): CursorRequest => ({ baton: baton ?? undefined, batch }))

/**
 * The cursor request in a parsed JSON body. Unknown members are ignored.
 *
 * @throws TenaxError `body_invalid` with `details.issues`
 */
export function parseCursorRequest(body: unknown): CursorRequest {
  return parseBody(cursorRequestSchema, body)
}

/** The first line of a cursor's reply. */
export interface CursorHead {
  readonly baton: string | null
  readonly base_url: string | null
}

/** Every later line of a cursor's reply. */
export type CursorEntry =
  | { readonly type: 'step_begin'; readonly step: number; readonly cols: readonly SqlColumn[] }
  | { readonly type: 'row'; readonly row: readonly HranaValue[] }
  | { readonly type: 'step_end'; readonly affected_row_count: number; readonly last_insert_rowid: string | null }
  | { readonly type: 'step_error'; readonly step: number; readonly error: HranaError }
  | { readonly type: 'error'; readonly error: HranaError }
  | { readonly type: 'replication_index'; readonly replication_index: null }

/** A later line of a cursor's reply, as clients read it. */
export const cursorEntrySchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('step_begin'), step: z.uint32(), cols: z.array(columnSchema) }),
  z.object({ type: z.literal('row'), row: z.array(answeredHranaValueSchema) }),
  z.object({
    type: z.literal('step_end'),
    affected_row_count: z.int().min(0),
    last_insert_rowid: z.string().nullable(),
  }),
  z.object({ type: z.literal('step_error'), step: z.uint32(), error: hranaErrorSchema }),
  z.object({ type: z.literal('error'), error: hranaErrorSchema }),
  z.object({ type: z.literal('replication_index'), replication_index: z.null() }),
])

/** The entry that says that nothing is missing. Its name is history. */
export const CURSOR_END: CursorEntry = { type: 'replication_index', replication_index: null }

/** The first line. `baton` is undefined when the stream does not outlive the cursor. */
export function cursorHead(baton: string | undefined): CursorHead {
  return { baton: baton ?? null, base_url: null }
}

/** The entry that opens step `step`. */
export function stepBeginEntry(step: number, columns: readonly SqlColumn[]): CursorEntry {
  return { type: 'step_begin', step, cols: encodeColumns(columns) }
}

/** The entry of one row. */
export function rowEntry(row: readonly SqlValue[]): CursorEntry {
  return { type: 'row', row: encodeRow(row) }
}

/** The entry that ends a step. The rowid is text: the newer protocol text lets clients take it, older ones must have it. */
export function stepEndEntry(result: Pick<SqlResult, 'rowsAffected' | 'lastInsertRowid'>): CursorEntry {
  return { type: 'step_end', affected_row_count: result.rowsAffected, last_insert_rowid: encodeRowid(result) }
}

/** The entry of a step that failed, before or after its `step_begin`. The batch goes on. */
export function stepErrorEntry(step: number, error: HranaError): CursorEntry {
  return { type: 'step_error', step, error }
}

/** The entry that ends the whole cursor in failure; nothing follows it. */
export function errorEntry(error: HranaError): CursorEntry {
  return { type: 'error', error }
}

/** Everything that one finished step has to say. Without `want_rows`, pass a result without rows. */
export function* stepEntries(step: number, result: SqlResult): Generator<CursorEntry> {
  yield stepBeginEntry(step, result.columns)
  for (const row of result.rows) yield rowEntry(row)
  yield stepEndEntry(result)
}

/** One line of the reply, newline included. */
export function encodeCursorLine(line: CursorHead | CursorEntry): string {
  return `${JSON.stringify(line)}\n`
}
