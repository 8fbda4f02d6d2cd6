/**
 * How one statement of a tenant is performed on its open file: what runs as it is, what gets a transaction around it, and
 * what the engine does in its stead. Results are provisional until COMMIT, and `inTransaction` is asked after every
 * statement, because SQLite ends a transaction by itself on `OR ROLLBACK`, `RAISE(ROLLBACK)`, a timeout of a write, a full
 * disk (LEDGER C1).
 */
import { type Clock, type SqlResult, sleep, TenaxError } from '@tenax/kernel'
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
import { BUSY_WAITS_MS, INTERRUPT_GRACE_MS } from './limits.ts'

const NO_ROWS: SqlResult = { columns: [], rows: [], rowsAffected: 0, lastInsertRowid: undefined }

/** What an operation runs with. */
export interface OperationContext {
  readonly file: SqliteFile
  readonly clock: Clock
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
  try {
    return await perform(context, statement, bindings, isRead(statement))
  } catch (error) {
    if (!(error instanceof TooLongForLoop)) throw error
    return perform(context, statement, bindings, false)
  }
}

/** True for what cannot change the file. */
export function isRead({ parsed }: TenantStatement): boolean {
  if (parsed.kind === 'pragma') return parsed.pragma.action === 'read' || parsed.pragma.action === 'already'
  return parsed.kind === 'read' || parsed.kind === 'explain'
}

async function perform(
  { file }: OperationContext,
  statement: TenantStatement,
  bindings: Bindings,
  mayRunOnLoop: boolean,
): Promise<Executed> {
  const { parsed } = statement
  if (parsed.kind === 'pragma' && parsed.pragma.action !== 'read') return performPragma(file, parsed.pragma)
  return file.execute(statement, bindings, { mayRunOnLoop, timeoutMs: file.settings.queryTimeoutMs })
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

/** Commits what is open; a failure (deferred foreign keys, a full disk) leaves it open for the caller to roll back. */
export async function commit(file: SqliteFile, wrote: boolean): Promise<void> {
  if (!file.inTransaction) throw sqlError('the transaction has ended by itself and was rolled back')
  try {
    if (wrote) bumpLsn(file)
    await file.commit()
  } catch (error) {
    throw sqlFailure(error)
  }
}

/** Raises the commit number that every commit carries. Inside a transaction. */
export function bumpLsn(file: SqliteFile): void {
  file.engine('UPDATE tenax_meta SET lsn = lsn + 1 WHERE id = 1').get()
}

/** BEGIN, tried again while another process (an operator's shell) holds a lock. */
export async function beginPatiently(context: OperationContext, mode: 'deferred' | 'immediate'): Promise<void> {
  await retryBusy(context, async () => {
    try {
      context.file.begin(mode)
    } catch (error) {
      throw sqlFailure(error)
    }
  })
}

async function retryBusy<T>({ clock }: OperationContext, body: () => Promise<T>): Promise<T> {
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

/**
 * Calls `onLate` when `body` has not ended some time after its statement should have been interrupted. A few functions of
 * the engine run for minutes inside one step and hear no interrupt (`instr` over two large blobs): the caller is answered
 * then, and the tenant, and nobody else, waits for the step to end.
 */
export async function answerInTime<T>(
  { file, clock }: OperationContext,
  onLate: () => void,
  body: () => Promise<T>,
): Promise<T> {
  const timer = clock.after(file.settings.queryTimeoutMs + INTERRUPT_GRACE_MS, onLate)
  try {
    return await body()
  } finally {
    timer.cancel()
  }
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
