/** A tenant's statement, compiled under the sandbox and ready to run many times. */
import type { SqlColumn, SqlResult, SqlValue } from '@tenax/kernel'
import { assert, TenaxError } from '@tenax/kernel'
import { decodeRows, decodeTaggedBlob, type ReplyLimits, wrapRead } from './core/encoding.ts'
import { pragmaSelect } from './core/pragmas.ts'
import { findReturning, rewriteReturning } from './core/returning.ts'
import type { ParsedStatement } from './core/statement.ts'
import type { EngineStatement } from './driver.ts'
import { SHORT_RUN_MS } from './limits.ts'

/**
 * How rows leave: as one JSON blob, as tagged blobs row by row, plainly (text of the engine's own), or not at all. A
 * `verb` is never run: the engine performs it (transaction control, VACUUM, pragmas that set). A schema change is
 * compiled only when it runs, inside its transaction: libSQL makes a vector index's tables while it compiles.
 */
type Shape = 'json' | 'tagged' | 'plain' | 'none' | 'verb' | 'late'

/** A compiled statement. `short` is true once it was seen to end quickly: then it may run on the event loop. */
export interface TenantStatement {
  readonly parsed: ParsedStatement
  readonly columns: readonly SqlColumn[]
  readonly statement: EngineStatement | undefined
  readonly shape: Shape
  short: boolean
  /** True when compiling it took so little that the engine may do that again on the event loop. */
  quickToCompile: boolean
}

/** Compiles one text, off the event loop; the file provides it. */
export type Compile = (sql: string) => Promise<EngineStatement>

/** Compiles what a tenant sent. `plainly` compiles the engine's own text, without the sandbox. */
export async function compileTenantStatement(
  parsed: ParsedStatement,
  compile: { readonly sandboxed: Compile; readonly plainly: Compile },
  limits: ReplyLimits,
): Promise<TenantStatement> {
  const base = { parsed, short: false, quickToCompile: false }
  if (isVerb(parsed)) return { ...base, columns: [], statement: undefined, shape: 'verb' }
  if (parsed.kind === 'schema') return { ...base, columns: [], statement: undefined, shape: 'late' }
  if (parsed.kind === 'pragma' && parsed.pragma.action === 'read') {
    const select = pragmaSelect(parsed.pragma)
    const { columns, statement } = await compileRead(select, compile.plainly, limits)
    return { ...base, columns, statement, shape: 'json' }
  }
  if (parsed.kind === 'read') {
    const { columns, statement } = await compileRead(parsed.text, compile.sandboxed, limits)
    return { ...base, columns, statement, shape: 'json' }
  }
  const statement = await compile.sandboxed(parsed.text)
  const columns = statement.columns()
  if (columns.length === 0) return { ...base, columns, statement, shape: 'none' }
  if (findReturning(parsed.tokens) === -1) return { ...base, columns, statement, shape: 'plain' }
  const columnNames = columns.map(({ name }) => name)
  const rewritten = rewriteReturning({ ...parsed, numbers: parsed.parameters.numbers, columnNames })
  return { ...base, columns, statement: await compile.sandboxed(rewritten), shape: 'tagged' }
}

function isVerb(parsed: ParsedStatement): boolean {
  if (parsed.kind === 'pragma') return parsed.pragma.action !== 'read'
  return parsed.kind === 'transaction' || parsed.kind === 'vacuum'
}

async function compileRead(text: string, compile: Compile, limits: ReplyLimits) {
  const columns = (await compile(text)).columns()
  return { columns, statement: await compile(wrapRead(text, columns.length, limits)) }
}

/** Where a statement runs, and for how long at most. */
export interface RunOptions {
  readonly offThread: boolean
  readonly timeoutMs: number
}

/** Runs a compiled statement and gives its rows. Notes whether it was short. */
export async function runTenantStatement(
  prepared: TenantStatement,
  values: readonly SqlValue[],
  options: RunOptions & { readonly limits: ReplyLimits; readonly nowMs: () => number },
): Promise<SqlResult['rows']> {
  const startMs = options.nowMs()
  const rows = await readRows(prepared, values, options)
  if (options.offThread) prepared.short = prepared.quickToCompile && options.nowMs() - startMs <= SHORT_RUN_MS
  return rows
}

async function readRows(
  { statement, shape, columns }: TenantStatement,
  values: readonly SqlValue[],
  { offThread, timeoutMs, limits }: RunOptions & { readonly limits: ReplyLimits },
): Promise<SqlResult['rows']> {
  assert(statement !== undefined, 'the engine performs verbs itself')
  if (shape === 'none' || shape === 'json') {
    const row = offThread ? await statement.getOffThread(values, timeoutMs) : statement.get(values, timeoutMs)
    return shape === 'none' ? [] : decodeReply(row ?? [], columns.length, limits)
  }
  const rows = offThread
    ? await statement.allOffThread(values, timeoutMs, limits.rowsMax + 1)
    : statement.all(values, timeoutMs)
  if (rows.length > limits.rowsMax) throw replyTooLarge('rows', limits)
  if (bytesOf(rows) > limits.bytesMax) throw replyTooLarge('bytes', limits)
  return shape === 'plain' ? rows : rows.map((row) => row.map(decodeTaggedBlob))
}

function decodeReply(row: readonly SqlValue[], columnCount: number, limits: ReplyLimits): SqlValue[][] {
  const [rowCount, , json] = row
  if (typeof rowCount === 'bigint' && rowCount > BigInt(limits.rowsMax)) throw replyTooLarge('rows', limits)
  if (!(json instanceof Uint8Array)) throw replyTooLarge('bytes', limits)
  return decodeRows(json, columnCount)
}

function bytesOf(rows: readonly (readonly SqlValue[])[]): number {
  let bytes = 0
  for (const row of rows) for (const value of row) bytes += value instanceof Uint8Array ? value.byteLength + 8 : 8
  return bytes
}

function replyTooLarge(what: 'rows' | 'bytes', limits: ReplyLimits): TenaxError {
  const max = what === 'rows' ? limits.rowsMax : limits.bytesMax
  return new TenaxError('reply_too_large', `the reply has more than ${max} ${what}`, {
    hint: 'ask for less: LIMIT, fewer columns, or pages by key',
    details: { [`${what}Max`]: max },
  })
}
