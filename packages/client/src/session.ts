/**
 * One Hrana stream, statement by statement, so that a transaction typed by hand (`begin`, …, `commit`) works.
 *
 * A stream holds its tenant's handle. So it is opened and closed within one request wherever a statement cannot leave a
 * transaction open, and kept, by its baton, only from the statement that opens one to the statement that ends it.
 */
import type { SqlArgs, SqlResult, SqlValue } from '@tenax/kernel'
import { decodeHranaValue, encodeHranaValue, hranaErrorSchema, statementResultSchema } from '@tenax/protocol'
import { type Connection, callValue } from './connection.ts'
import { hranaFailure, isRecord, malformedReply } from './failure.ts'

/** Statements that run one after the other, and may be one transaction. */
export interface TenantSession {
  /** Whether a transaction is open after the last statement. The server rolls it back when it is idle for too long. */
  readonly inTransaction: boolean
  /**
   * Runs one statement.
   *
   * @throws TenaxError `sql_error` with `details.sqliteCode`, `sql_refused`, `transaction_expired`, and what requests throw
   */
  execute(sql: string, args?: SqlArgs): Promise<SqlResult>
  /** Rolls back what is open. The session can be used again. */
  close(): Promise<void>
}

type RequestHeaders = Readonly<Record<string, string>>

type StreamRequest =
  | { readonly type: 'execute'; readonly stmt: Readonly<Record<string, unknown>> }
  | { readonly type: 'get_autocommit' | 'close' }

const CLOSE: StreamRequest = { type: 'close' }
const GET_AUTOCOMMIT: StreamRequest = { type: 'get_autocommit' }

/** The statements that open a transaction, behind any comments. */
const OPENS_TRANSACTION = /^(?:[\s;]|--[^\n]*(?:\n|$)|\/\*(?:[^*]|\*(?!\/))*\*\/)*(?:begin|savepoint)\b/i

const resultHeadSchema = statementResultSchema.omit({ rows: true })

/** A session on the tenant whose path is `tenantPath` (`t/<id>`); `headers` go along with each request. Nothing is sent before the first statement. */
export function openSession(connection: Connection, tenantPath: string, headers: RequestHeaders = {}): TenantSession {
  return new HranaSession(connection, { path: `${tenantPath}/v3/pipeline`, headers })
}

class HranaSession implements TenantSession {
  readonly #connection: Connection
  readonly #path: string
  readonly #headers: RequestHeaders
  #baton: string | undefined
  /** Batons are single use: a statement waits for the one before it. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(connection: Connection, { path, headers }: { path: string; headers: RequestHeaders }) {
    this.#connection = connection
    this.#path = path
    this.#headers = headers
  }

  get inTransaction(): boolean {
    return this.#baton !== undefined
  }

  execute(sql: string, args: SqlArgs = []): Promise<SqlResult> {
    return this.#afterLast(() => this.#execute(sql, args))
  }

  close(): Promise<void> {
    return this.#afterLast(async () => {
      if (this.#baton !== undefined) await this.#send([CLOSE])
    })
  }

  #afterLast<Result>(run: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(run, run)
    this.#last = result.catch(() => undefined)
    return result
  }

  async #execute(sql: string, args: SqlArgs): Promise<SqlResult> {
    const keeps = this.inTransaction || OPENS_TRANSACTION.test(sql)
    const statement: StreamRequest = { type: 'execute', stmt: { sql, want_rows: true, ...encodeArgs(args) } }
    const [executed, ended] = await this.#send([statement, keeps ? GET_AUTOCOMMIT : CLOSE])
    if (this.inTransaction && isAutocommit(ended)) {
      // The statement stands, whatever becomes of this: a stream that nobody closes ends by its idle time.
      await this.#send([CLOSE]).catch(() => undefined)
    }
    return resultOf(executed)
  }

  /** The results of `requests`. Whatever fails as a whole has ended the stream, or leaves it to its idle time. */
  async #send(requests: readonly StreamRequest[]): Promise<readonly unknown[]> {
    const baton = this.#baton ?? null
    this.#baton = undefined
    const json = { baton, requests }
    const reply = await callValue(this.#connection, { method: 'POST', path: this.#path, json, headers: this.#headers })
    if (!isRecord(reply) || !Array.isArray(reply['results']) || reply['results'].length !== requests.length) {
      throw malformedReply('a pipeline with another number of results')
    }
    this.#baton = typeof reply['baton'] === 'string' ? reply['baton'] : undefined
    return reply['results']
  }
}

function encodeArgs(args: SqlArgs): Readonly<Record<string, unknown>> {
  if (isPositional(args)) return { args: args.map(encodeHranaValue) }
  return { named_args: Object.entries(args).map(([name, value]) => ({ name, value: encodeHranaValue(value) })) }
}

function isPositional(args: SqlArgs): args is readonly SqlValue[] {
  return Array.isArray(args)
}

/** The `response` of a result that is ok; throws the error of one that is not. */
function responseOf(result: unknown): Readonly<Record<string, unknown>> {
  if (isRecord(result) && result['type'] === 'ok' && isRecord(result['response'])) return result['response']
  const failure = isRecord(result) ? hranaErrorSchema.safeParse(result['error']) : undefined
  throw failure?.success ? hranaFailure(failure.data) : malformedReply('a result that is neither ok nor an error')
}

function isAutocommit(result: unknown): boolean {
  return responseOf(result)['is_autocommit'] === true
}

function resultOf(result: unknown): SqlResult {
  const value = responseOf(result)['result']
  const head = resultHeadSchema.safeParse(value)
  const rows = isRecord(value) ? value['rows'] : undefined
  if (!head.success || !Array.isArray(rows)) throw malformedReply('a statement without its result')
  const { cols, affected_row_count: rowsAffected, last_insert_rowid: lastInsertRowid } = head.data
  return {
    columns: cols.map(({ name, decltype }) => ({ name: name ?? '', decltype })),
    rows: rows.map(rowOf),
    rowsAffected,
    lastInsertRowid: lastInsertRowid === null ? undefined : BigInt(lastInsertRowid),
  }
}

function rowOf(row: unknown): SqlValue[] {
  if (!Array.isArray(row)) throw malformedReply('a row that is not an array')
  return row.map(sqlValueOf)
}

/** An infinity, which `JSON.parse` makes of 1e999, is an answer; the codec of requests refuses it. */
function sqlValueOf(value: unknown): SqlValue {
  if (isRecord(value) && value['type'] === 'float' && typeof value['value'] === 'number') return value['value']
  return decodeHranaValue(value)
}
