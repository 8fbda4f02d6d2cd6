/**
 * How one statement of a tenant is performed on its open file: what runs as it is, what gets a transaction around it, and
 * what the engine does in its stead. Results are provisional until COMMIT, and `inTransaction` is asked after every
 * statement, because SQLite ends a transaction by itself on `OR ROLLBACK`, `RAISE(ROLLBACK)`, a timeout of a write, a full
 * disk (LEDGER C1).
 */
import { type Clock, isTenaxError, type SqlResult, sleep, TenaxError } from '@tenax/kernel'
import {
  type Bindings,
  type Executed,
  isBusy,
  type SqliteFile,
  sqlError,
  sqlFailure,
  type TenantStatement,
  TooLongForLoop,
} from '@tenax/sqlite'
import { BUSY_WAITS_MS, INTERRUPT_GRACE_MS, INTERRUPT_LOOK_MS } from './limits.ts'

const NO_ROWS: SqlResult = { columns: [], rows: [], rowsAffected: 0, lastInsertRowid: undefined }

/**
 * What an operation runs with. `onLate` is called when compiling or running a statement has not ended some time after it
 * should have been interrupted: a few functions of the engine run for minutes inside one step and hear no interrupt
 * (`instr` over two large blobs). The caller is answered then; the tenant, and nobody else, waits for the step to end,
 * and what it then still achieves is rolled back.
 */
export interface OperationContext {
  readonly file: SqliteFile
  readonly clock: Clock
  readonly onLate: () => void
  /** Instead of the file's query timeout: for the operator's migrations. */
  readonly timeoutMs?: number
}

/** Runs one statement by itself: a read as it is, a write in a transaction of its own. */
export async function runAlone(
  context: OperationContext,
  statement: TenantStatement,
  bindings: Bindings,
): Promise<SqlResult> {
  const { parsed } = statement
  if (parsed.kind === 'transaction') {
    throw new TenaxError('sql_unsupported', 'transaction control needs an interactive stream', {
      hint: 'use client.transaction() or client.batch()',
      details: { sqliteCode: 'SQLITE_ERROR' },
    })
  }
  if (parsed.kind === 'vacuum') return vacuum(context)
  if (parsed.kind === 'pragma' && parsed.pragma.action === 'set_switch') return NO_ROWS // of a stream of one statement
  if (isRead(statement)) return readAlone(context, statement, bindings)
  try {
    return await inTransaction(context, () => perform(context, statement, bindings, true))
  } catch (error) {
    if (!(error instanceof TooLongForLoop)) throw error
    return inTransaction(context, () => perform(context, statement, bindings, false))
  }
}

async function readAlone(
  context: OperationContext,
  statement: TenantStatement,
  bindings: Bindings,
): Promise<SqlResult> {
  try {
    return await retryBusy(context, async () => (await perform(context, statement, bindings, true)).result)
  } catch (error) {
    if (!(error instanceof TooLongForLoop)) throw error
    return (await perform(context, statement, bindings, false)).result
  }
}

/** Runs one statement inside the transaction that is open. A write never runs on the loop: if stopped, all is lost. */
export async function runInside(
  context: OperationContext,
  statement: TenantStatement,
  bindings: Bindings,
): Promise<Executed> {
  if (statement.parsed.kind === 'vacuum') throw sqlError('cannot VACUUM from within a transaction')
  if (statement.shape === 'tagged') return runReturning(context, statement, bindings)
  try {
    return await perform(context, statement, bindings, isRead(statement))
  } catch (error) {
    if (!(error instanceof TooLongForLoop)) throw error
    return perform(context, statement, bindings, false)
  }
}

/** A write that returns rows fails as a whole when its reply is over a limit, although its rows were written by then. */
async function runReturning(
  context: OperationContext,
  statement: TenantStatement,
  bindings: Bindings,
): Promise<Executed> {
  const { file } = context
  file.savepoint('savepoint', STATEMENT_SAVEPOINT)
  try {
    return await perform(context, statement, bindings, false)
  } catch (error) {
    if (file.inTransaction) file.savepoint('rollback_to', STATEMENT_SAVEPOINT)
    throw error
  } finally {
    if (file.inTransaction) file.savepoint('release', STATEMENT_SAVEPOINT)
  }
}

/** No tenant's savepoint has this name while a statement of it runs, whatever the tenant calls its own. */
const STATEMENT_SAVEPOINT = 'tenax_statement'

/** True for what cannot change the file. */
export function isRead({ parsed }: TenantStatement): boolean {
  if (parsed.kind === 'pragma') return parsed.pragma.action === 'read' || parsed.pragma.action === 'already'
  return parsed.kind === 'read' || parsed.kind === 'explain'
}

/** Runs one statement in whatever transaction there is. */
export async function perform(
  context: OperationContext,
  statement: TenantStatement,
  bindings: Bindings,
  mayRunOnLoop: boolean,
): Promise<Executed> {
  const { file } = context
  const { parsed } = statement
  if (parsed.kind === 'pragma' && parsed.pragma.action !== 'read') return performPragma(file, parsed.pragma)
  const timeoutMs = context.timeoutMs ?? file.settings.queryTimeoutMs
  const execute = () => file.execute(statement, bindings, { mayRunOnLoop, timeoutMs })
  return mayRunOnLoop && statement.short ? execute() : inTime(context, execute)
}

/** Compiles a tenant's text, or finds it compiled. */
export async function prepareInTime(context: OperationContext, text: string): Promise<TenantStatement> {
  return context.file.prepared(text) ?? inTime(context, () => context.file.prepare(text))
}

async function inTime<T>({ file, clock, onLate, timeoutMs }: OperationContext, body: () => Promise<T>): Promise<T> {
  let isLate = false
  const cancel = whenLate(clock, timeoutMs ?? file.settings.queryTimeoutMs, () => {
    isLate = true
    onLate()
  })
  try {
    const result = await body()
    if (isLate) throw uninterruptible()
    return result
  } finally {
    cancel()
  }
}

/**
 * Calls `onLate` when `timeoutMs` and the grace are over. The grace is counted in looks that the event loop was free for:
 * what ended while the loop was busy (a slow disk under the catalog, say) is heard between two of them, and is not late.
 */
function whenLate(clock: Clock, timeoutMs: number, onLate: () => void): () => void {
  let looksLeft = INTERRUPT_GRACE_MS / INTERRUPT_LOOK_MS
  const look = () => {
    if (looksLeft === 0) return onLate()
    looksLeft -= 1
    timer = clock.after(INTERRUPT_LOOK_MS, look)
  }
  let timer = clock.after(timeoutMs, look)
  return () => timer.cancel()
}

type SettingPragma = Exclude<Extract<TenantStatement['parsed'], { kind: 'pragma' }>['pragma'], { action: 'read' }>

async function performPragma(file: SqliteFile, pragma: SettingPragma): Promise<Executed> {
  if (pragma.action === 'already') {
    const result = { ...NO_ROWS, columns: [{ name: pragma.name, decltype: null }], rows: [[pragma.value]] }
    return { result, wrote: false }
  }
  if (pragma.action === 'set_header') file.setHeader(pragma.name, pragma.value)
  else if (pragma.action === 'optimize') await file.optimize()
  else file.setSwitch(pragma.name === 'foreign_keys' ? 'foreign_keys' : 'defer_foreign_keys', pragma.on)
  return { result: NO_ROWS, wrote: pragma.action !== 'set_switch' }
}

/** One transaction of the engine's own: `body` is synchronous, and all of it is rolled back when it throws. */
export async function runEngine<T>(
  context: Pick<OperationContext, 'file' | 'clock'>,
  body: (file: SqliteFile) => T,
): Promise<T> {
  const { file } = context
  await beginPatiently(context, 'immediate')
  try {
    const value = body(file)
    await commit(file, true, { isEngine: true })
    return value
  } catch (error) {
    file.rollback()
    throw error
  }
}

/** One transaction of one operation. The LSN goes up with every commit that changed the file. */
async function inTransaction(context: OperationContext, body: () => Promise<Executed>): Promise<SqlResult> {
  const { file } = context
  await beginPatiently(context, 'immediate')
  try {
    const { result, wrote } = await body()
    await commit(file, wrote)
    return result
  } catch (error) {
    file.rollback()
    throw error
  }
}

/** Commits what is open, with its number; a failure (deferred foreign keys, a full disk) leaves it open for the caller to roll back. */
export async function commit(file: SqliteFile, wrote: boolean, { isEngine = false } = {}): Promise<void> {
  if (!file.inTransaction) throw sqlError('the transaction has ended by itself and was rolled back')
  const walBytes = wrote ? 0 : file.walBytes()
  try {
    if (wrote) bumpLsn(file)
    await file.commit({ isNumbered: wrote, isEngine })
    // INSERT OR IGNORE moves the counter of an AUTOINCREMENT table though it changes no row (LEDGER C3).
    if (!wrote && file.walBytes() > walBytes) file.transaction(() => bumpLsn(file))
  } catch (error) {
    // A stream may mend its rows and commit again: that commit must not count twice.
    if (wrote && file.inTransaction) file.engine('UPDATE tenax_meta SET lsn = lsn - 1 WHERE id = 1').get()
    throw commitFailure(sqlFailure(error))
  }
}

/** When the disk fails under a COMMIT, what it wrote may or may not be there after a restart. */
function commitFailure(failure: unknown): unknown {
  if (!isTenaxError(failure, 'internal')) return failure
  return new TenaxError('outcome_unknown', 'the disk failed while the transaction was committed', {
    cause: failure,
    hint: 'read back whether it is there before repeating it',
  })
}

/** Raises the commit number that every commit carries. Inside a transaction. */
export function bumpLsn(file: SqliteFile): void {
  file.engine('UPDATE tenax_meta SET lsn = lsn + 1 WHERE id = 1').get()
}

/** BEGIN, tried again while another process (an operator's shell) holds a lock. */
export async function beginPatiently(
  context: Pick<OperationContext, 'file' | 'clock'>,
  mode: 'deferred' | 'immediate',
): Promise<void> {
  await retryBusy(context, async () => {
    try {
      context.file.begin(mode)
    } catch (error) {
      throw sqlFailure(error)
    }
  })
}

async function retryBusy<T>({ clock }: Pick<OperationContext, 'clock'>, body: () => Promise<T>): Promise<T> {
  for (const waitMs of BUSY_WAITS_MS) {
    try {
      return await body()
    } catch (error) {
      if (!isBusy(error)) throw error
      await sleep(clock, waitMs)
    }
  }
  return body()
}

/** VACUUM as an engine verb: its own commit, followed by the commit that carries its number. */
async function vacuum(context: OperationContext): Promise<SqlResult> {
  await retryBusy(context, () => context.file.vacuum())
  return inTransaction(context, async () => ({ result: NO_ROWS, wrote: true }))
}

/** The answer for a statement that runs on although its time is over. */
export function uninterruptible(): TenaxError {
  return new TenaxError(
    'query_timeout',
    'the statement ran longer than the query timeout and could not be interrupted yet',
    {
      hint: 'its transaction will be rolled back; the tenant answers again when the engine lets go',
      details: { sqliteCode: 'SQLITE_INTERRUPT' },
    },
  )
}
