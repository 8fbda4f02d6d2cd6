/** A tenant's statement, compiled under the sandbox and ready to run many times. */

import type { SqlColumn, SqlResult, SqlValue } from '@tenax/kernel'
import { assert, TenaxError } from '@tenax/kernel'
import { isCheap } from './core/cost.ts'
import {
  decodeRows,
  decodeTaggedBlob,
  type RealRange,
  type ReplyLimits,
  UncommonReal,
  wrapRead,
} from './core/encoding.ts'
import { pragmaSelect } from './core/pragmas.ts'
import { findReturning, rewriteReturning } from './core/returning.ts'
import type { ParsedStatement } from './core/statement.ts'
import type { EngineStatement } from './driver.ts'
import { RUNS_BETWEEN_TRIES } from './limits.ts'

/**
 * How rows leave: as one JSON blob, as tagged blobs row by row, plainly (text of the engine's own), or not at all. A
 * `verb` is never run: the engine performs it (transaction control, VACUUM, pragmas that set). A schema change is
 * compiled only when it runs, inside its transaction: libSQL makes a vector index's tables while it compiles.
 */
type Shape = 'json' | 'tagged' | 'plain' | 'none' | 'verb' | 'late'

/**
 * A compiled statement, and whether it may run on the event loop. Time on the clock says little about one run on a busy
 * machine, so a statement is tried: once off thread, then on the loop with a short timeout; if it does not end in time, it
 * runs off thread for a while before it is tried again.
 */
export interface TenantStatement {
  readonly parsed: ParsedStatement
  readonly columns: readonly SqlColumn[]
  statement: EngineStatement | undefined
  /** Compiles the statement so that it can encode reals of any magnitude. */
  readonly compileForAllReals: (() => Promise<EngineStatement>) | undefined
  /** The text that does. */
  readonly allRealsSql: string | undefined
  readonly shape: Shape
  short: boolean
  /** False when compiling took so long that the engine, which may do it again, must not do it on the event loop. */
  quickToCompile: boolean
  /** False when it calls functions whose cost its steps do not bound. */
  readonly cheap: boolean
  /** Off-thread runs to come before it is tried on the loop. */
  runsBeforeTry: number
}

/** Notes that a statement ran too long for the loop. */
export function keepOffLoop(prepared: TenantStatement): void {
  prepared.short = false
  prepared.runsBeforeTry = RUNS_BETWEEN_TRIES
}

/** Compiles one text, off the event loop; the file provides it. */
export type Compile = (sql: string) => Promise<EngineStatement>

/** Two ways to compile: a tenant's text under the sandbox, the engine's own text without. */
export interface Compilers {
  readonly sandboxed: Compile
  readonly plainly: Compile
}

/** Asks for a text to be compiled; whoever drives the compilation answers with the statement. */
type CompileRequest = { readonly how: keyof Compilers; readonly sql: string }

/** Compiles what a tenant sent. */
export async function compileTenantStatement(
  parsed: ParsedStatement,
  compile: Compilers,
  limits: ReplyLimits,
): Promise<TenantStatement> {
  const steps = compilation(parsed, limits)
  let next = steps.next()
  while (!next.done) next = steps.next(await compile[next.value.how](next.value.sql))
  const { allRealsSql } = next.value
  const compileForAllReals = allRealsSql === undefined ? undefined : () => compile.plainly(allRealsSql)
  return { ...next.value, compileForAllReals }
}

/** As {@link compileTenantStatement}, before it returns. */
export function compileTenantStatementNow(
  parsed: ParsedStatement,
  compile: Readonly<Record<keyof Compilers, (sql: string) => EngineStatement>>,
  limits: ReplyLimits,
): TenantStatement {
  const steps = compilation(parsed, limits)
  let next = steps.next()
  while (!next.done) next = steps.next(compile[next.value.how](next.value.sql))
  const { allRealsSql } = next.value
  const compileForAllReals = allRealsSql === undefined ? undefined : async () => compile.plainly(allRealsSql)
  return { ...next.value, compileForAllReals }
}

function* compilation(
  parsed: ParsedStatement,
  limits: ReplyLimits,
): Generator<CompileRequest, Omit<TenantStatement, 'compileForAllReals'>, EngineStatement> {
  const base = {
    parsed,
    cheap: isCheap(parsed.tokens),
    short: false,
    quickToCompile: false,
    runsBeforeTry: 1,
    allRealsSql: undefined,
  }
  if (isVerb(parsed)) return { ...base, columns: [], statement: undefined, shape: 'verb' }
  if (parsed.kind === 'schema') return { ...base, columns: [], statement: undefined, shape: 'late' }
  if (parsed.kind === 'pragma' && parsed.pragma.action === 'read') {
    return { ...base, ...(yield* readCompilation(pragmaSelect(parsed.pragma), 'plainly', limits)) }
  }
  if (parsed.kind === 'read') return { ...base, ...(yield* readCompilation(parsed.text, 'sandboxed', limits)) }
  const statement = yield { how: 'sandboxed', sql: parsed.text }
  const columns = statement.columns()
  if (columns.length === 0) return { ...base, columns, statement, shape: 'none' }
  if (findReturning(parsed.tokens) === -1) return { ...base, columns, statement, shape: 'plain' }
  const columnNames = columns.map(({ name }) => name)
  const sql = rewriteReturning({ ...parsed, numbers: parsed.parameters.numbers, columnNames })
  return { ...base, columns, statement: yield { how: 'sandboxed', sql }, shape: 'tagged' }
}

function isVerb(parsed: ParsedStatement): boolean {
  if (parsed.kind === 'pragma') return parsed.pragma.action !== 'read'
  return parsed.kind === 'transaction' || parsed.kind === 'vacuum'
}

/**
 * The tenant's own text is compiled under the sandbox, for its columns and for the sandbox's word; the wrapper around it
 * says nothing that was not asked there, so it is compiled plainly, at less than half the cost.
 */
function* readCompilation(
  text: string,
  how: keyof Compilers,
  limits: ReplyLimits,
): Generator<
  CompileRequest,
  Pick<TenantStatement, 'columns' | 'shape' | 'statement' | 'allRealsSql'>,
  EngineStatement
> {
  const columns = (yield { how, sql: text }).columns()
  const wrapped = (reals: RealRange) => wrapRead(text, columns.length, { ...limits, reals })
  const statement = yield { how: 'plainly', sql: wrapped('common') }
  return { columns, shape: 'json', statement, allRealsSql: wrapped('all') }
}

/** Where a statement runs, and for how long at most. */
export interface RunOptions {
  readonly offThread: boolean
  readonly timeoutMs: number
}

/** Runs a compiled statement and gives its rows. */
export async function runTenantStatement(
  prepared: TenantStatement,
  values: readonly SqlValue[],
  options: RunOptions & { readonly limits: ReplyLimits },
): Promise<SqlResult['rows']> {
  const rows = await readAnyReals(prepared, values, options)
  if (options.offThread) {
    prepared.runsBeforeTry -= 1
    prepared.short = prepared.runsBeforeTry <= 0 && prepared.quickToCompile && prepared.cheap
  }
  return rows
}

/** A read that met a real which it cannot encode is compiled for all reals, now and from now on, and run again. */
async function readAnyReals(
  prepared: TenantStatement,
  values: readonly SqlValue[],
  options: RunOptions & { readonly limits: ReplyLimits },
): Promise<SqlResult['rows']> {
  try {
    return await readRows(prepared, values, options)
  } catch (error) {
    if (!(error instanceof UncommonReal) || prepared.compileForAllReals === undefined) throw error
    prepared.statement = await prepared.compileForAllReals()
    return readRows(prepared, values, { ...options, offThread: true })
  }
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
  return decodeEach(rows, shape, limits)
}

/** Runs a compiled statement on the event loop and gives its rows before it returns. */
export function runTenantStatementNow(
  prepared: TenantStatement,
  values: readonly SqlValue[],
  options: {
    readonly timeoutMs: number
    readonly limits: ReplyLimits
    readonly compile: (sql: string) => EngineStatement
  },
): SqlResult['rows'] {
  const { statement, shape, columns, allRealsSql } = prepared
  const { timeoutMs, limits, compile } = options
  assert(statement !== undefined, 'the engine performs verbs itself')
  if (shape !== 'none' && shape !== 'json') return decodeEach(statement.all(values, timeoutMs), shape, limits)
  const row = statement.get(values, timeoutMs) ?? []
  if (shape === 'none') return []
  try {
    return decodeReply(row, columns.length, limits)
  } catch (error) {
    if (!(error instanceof UncommonReal) || allRealsSql === undefined) throw error
    prepared.statement = compile(allRealsSql)
    return decodeReply(prepared.statement.get(values, timeoutMs) ?? [], columns.length, limits)
  }
}

function decodeEach(rows: SqlValue[][], shape: Shape, limits: ReplyLimits): SqlValue[][] {
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
