/**
 * `tx` and `sql`: a body's own SQL inside the commit that records it (WORKFLOWS 14). It runs under the tenant's sandbox, so
 * it reads `tenax_*` and never writes it, and cannot end the transaction around it.
 */
import { isTenaxError, type SqlResult, type SqlValue, TenaxError } from '@tenax/kernel'
import { type Bindings, EngineError, isBusy, type SqliteFile } from '@tenax/sqlite'
import type { Query, Tx } from '@tenax/workflow'
import { type OperationSpec, type Outcome, UNSERIALISABLE } from '@tenax/workflow/core'
import { TX_STATEMENT_MS_MAX } from './limits.ts'
import { failed, failureOf, outcomeOfResult } from './stored-error.ts'
import { within } from './stray.ts'

/** SQLite ended the whole transaction by itself (`OR ROLLBACK`, `RAISE(ROLLBACK)`, a write's timeout): nothing has happened. */
export class TransactionEnded extends Error {
  readonly seq: number
  readonly outcome: Outcome

  constructor(seq: number, outcome: Outcome) {
    super('the transaction has ended by itself')
    this.name = 'TransactionEnded'
    this.seq = seq
    this.outcome = outcome
  }
}

/** True for a failure of the disk, the file or the machine: it is nobody's result, and what it hit is tried again. */
export function isOfTheHost(error: unknown): boolean {
  if (isTenaxError(error)) {
    const { kind } = error
    return kind === 'quota' || kind === 'unavailable' || kind === 'internal' || kind === 'overloaded' || isBusy(error)
  }
  return error instanceof EngineError
}

const SAVEPOINT = 'tenax_tx'

/**
 * Runs a `tx` or `sql` operation inside a commit, in a savepoint of its own.
 *
 * @throws TransactionEnded; and whatever is of the host
 */
export function performSql(
  file: SqliteFile,
  seq: number,
  spec: Extract<OperationSpec, { kind: 'tx' | 'sql' }>,
): Outcome {
  file.savepoint('savepoint', SAVEPOINT)
  const tx = new FileTx(file)
  let outcome = outcomeOf(tx, spec)
  tx.end()
  if (tx.hostFailure !== undefined) throw tx.hostFailure
  if (!file.inTransaction) {
    if (outcome.type === 'ok') outcome = failed('sql_error', 'a statement rolled the transaction back', 1)
    throw new TransactionEnded(seq, outcome)
  }
  if (outcome.type !== 'ok') file.savepoint('rollback_to', SAVEPOINT)
  file.savepoint('release', SAVEPOINT)
  return outcome
}

function outcomeOf(tx: FileTx, spec: Extract<OperationSpec, { kind: 'tx' | 'sql' }>): Outcome {
  try {
    const result =
      spec.kind === 'tx'
        ? within(`the tx "${spec.name}"`, () => spec.run(tx))
        : spec.statements.map(({ sql, args }) => tx.rowsOf(sql, args))
    if (isThenable(result)) {
      result.then(undefined, () => undefined)
      return failed('tx_not_synchronous', 'the function of a tx returned a promise; nothing of it was kept', 1)
    }
    return outcomeOfResult(result, 1)
  } catch (error) {
    return { type: 'error', error: failureOf(error, 1).error }
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

/** The tenant's database for the time of one `tx`. */
class FileTx implements Tx {
  readonly #file: SqliteFile
  #isOver = false
  /** Kept even when the body catches it. */
  hostFailure: unknown

  constructor(file: SqliteFile) {
    this.#file = file
  }

  one<R>(query: Query, ...args: unknown[]): R {
    const rows = this.all<R>(query, ...args)
    const [row] = rows
    if (rows.length !== 1 || row === undefined) throw new TenaxError('sql_error', `one() found ${rows.length} rows`)
    return row
  }

  get<R>(query: Query, ...args: unknown[]): R | undefined {
    return this.all<R>(query, ...args)[0]
  }

  all<R>(query: Query, ...args: unknown[]): R[] {
    const { sql, values } = read(query, args)
    return this.#objects(this.#execute(sql, values)) as R[]
  }

  run(query: Query, ...args: unknown[]): { changes: number } {
    const { sql, values } = read(query, args)
    return { changes: this.#execute(sql, values).rowsAffected }
  }

  /** One statement of `sql`, whose rows JSON has to hold as they are. */
  rowsOf(sql: string, args: readonly unknown[]): { rows: Record<string, unknown>[]; changes: number } {
    const result = this.#execute(sql, args)
    assertJson(result)
    return { rows: this.#objects(result), changes: result.rowsAffected }
  }

  end(): void {
    this.#isOver = true
  }

  #execute(sql: string, args: readonly unknown[]): SqlResult {
    if (this.#isOver) throw new TenaxError('sql_error', 'the tx is over', { hint: 'use db inside its function only' })
    // What a statement has ended by itself must not go on outside any transaction.
    if (!this.#file.inTransaction) throw new TenaxError('sql_error', 'the transaction was rolled back')
    assertWellFormed(sql)
    try {
      return this.#file.executeNow(sql, bindingsOf(args), TX_STATEMENT_MS_MAX).result
    } catch (error) {
      if (isOfTheHost(error)) this.hostFailure ??= error
      throw error
    }
  }

  #objects({ columns, rows }: SqlResult): Record<string, unknown>[] {
    return rows.map((row) => Object.fromEntries(columns.map(({ name }, index) => [name, fromSql(row[index] ?? null)])))
  }
}

function read(query: Query, args: readonly unknown[]): { sql: string; values: readonly unknown[] } {
  if (typeof query === 'string') return { sql: query, values: args }
  if ('toSQL' in query) {
    const { sql, params } = query.toSQL()
    return { sql, values: params }
  }
  const { sql, parameters } = query.compile()
  return { sql, values: parameters }
}

/** Values by position; one plain object gives them by name. */
export function bindingsOf(args: readonly unknown[]): Bindings {
  const [first] = args
  if (args.length === 1 && isPlainObject(first)) {
    return { positional: [], named: Object.entries(first).map(([name, value]) => ({ name, value: toSql(value) })) }
  }
  return { positional: args.map(toSql), named: [] }
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}

/** A whole number is an INTEGER, as in SQL text; a JS number would be bound as REAL. */
function toSql(value: unknown): SqlValue {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value
  if (typeof value === 'boolean') return value ? 1n : 0n
  if (value === null || value === undefined) return null
  if (typeof value === 'string') return assertWellFormed(value)
  if (typeof value === 'bigint' || value instanceof Uint8Array) return value
  if (value instanceof Date) return BigInt(value.getTime())
  throw new TenaxError('argument_invalid', `SQL takes no ${typeof value} as an argument`)
}

/** SQLite would store another text, as at the door of HTTP. */
function assertWellFormed(text: string): string {
  if (text.isWellFormed()) return text
  throw new TenaxError('argument_invalid', 'a text for SQL holds half a surrogate pair, which UTF-8 cannot carry')
}

/** A value that JSON would change or refuse is no result: the statement can say how it is to be written. */
function assertJson({ columns, rows }: SqlResult): void {
  for (const row of rows) {
    for (const [index, value] of row.entries()) {
      const held = fromSql(value)
      if (typeof held !== 'bigint' && !(held instanceof Uint8Array)) continue
      const name = columns[index]?.name ?? ''
      const [what, cure] =
        typeof held === 'bigint'
          ? ['a whole number beyond 2^53', `CAST("${name}" AS TEXT)`]
          : ['a BLOB', `hex("${name}")`]
      throw new Unserialisable(`column "${name}" holds ${what}, which JSON cannot: select ${cure}, or use tx`)
    }
  }
}

class Unserialisable extends Error {
  readonly code = UNSERIALISABLE
}

/** Integers are numbers while that is exact. */
export function fromSql(value: SqlValue): unknown {
  if (typeof value !== 'bigint') return value
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
