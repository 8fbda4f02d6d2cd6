/**
 * A request with an idempotency key: one transaction, whose reply is kept in the same commit. Who comes with the same key
 * meanwhile waits for its turn at the handle, and is then answered with what was kept.
 *
 * States of the transaction: `idle` → `open` → `committing` (its COMMIT was asked for; it happens when the reply is known)
 * or `over` (rolled back, by whomever).
 */
import { type SqlResult, TenaxError } from '@tenax/kernel'
import { type Bindings, sqlError, sqlFailure, type TenantStatement, type TransactionVerb } from '@tenax/sqlite'
import type { Gate } from './durability/gate.ts'
import type { Handle } from './handle.ts'
import { findReply, type IdempotencyKey, type KeyedReply, keepReply } from './idempotency.ts'
import { TRANSACTION_TOTAL_MS } from './limits.ts'
import {
  beginPatiently,
  commit,
  isRead,
  type OperationContext,
  prepareInTime,
  runInside,
  uninterruptible,
} from './operations.ts'

/** What the work of a request came to. */
export interface KeyedOutcome {
  readonly reply: string
  /** False: what was done is rolled back, and nothing is kept. */
  readonly commits: boolean
  /** The reply when COMMIT fails; without it the request fails as a whole. */
  readonly replyToFailure?: (error: unknown) => string
}

/** How a request with a key is run. */
export interface KeyedRequest {
  readonly idempotency: IdempotencyKey
  readonly gate: Gate
  /** `statement`: a transaction is around all that it runs. `batch`: it begins and commits by itself. */
  readonly shape: 'statement' | 'batch'
}

/**
 * Runs `work` once per key, and answers with its reply or with the one that is kept.
 *
 * @throws TenaxError `idempotency_key_reused`, `idempotency_unsupported`, `reply_too_large`; then nothing was written
 */
export function runKeyed(
  handle: Handle,
  request: KeyedRequest,
  work: (transaction: KeyedTransaction) => Promise<KeyedOutcome>,
): Promise<KeyedReply> {
  const { promise, resolve, reject } = Promise.withResolvers<KeyedReply>()
  const onLate = () => {
    transaction.giveUp(uninterruptible())
    reject(transaction.refusal)
  }
  const context = { file: handle.file, clock: handle.clock, onLate }
  const transaction = new KeyedTransaction(handle, context, request.shape)
  handle.exclusively(() => once(context, request, () => work(transaction), transaction)).then(resolve, reject)
  return handle.gated(promise, request.gate)
}

async function once(
  context: OperationContext,
  { idempotency }: KeyedRequest,
  work: () => Promise<KeyedOutcome>,
  transaction: KeyedTransaction,
): Promise<KeyedReply> {
  const { file, clock } = context
  const found = findReply(file, idempotency, clock.nowMs())
  if (found !== undefined) return found
  await beginPatiently(context, 'immediate')
  try {
    const outcome = await work()
    if (transaction.refusal !== undefined) throw transaction.refusal
    const { reply, commits } = outcome
    if (!commits) return { status: 200, reply, isReplay: false }
    return await finish(context, idempotency, outcome)
  } finally {
    file.rollback()
  }
}

async function finish(
  { file, clock }: OperationContext,
  idempotency: IdempotencyKey,
  { reply, replyToFailure }: KeyedOutcome,
): Promise<KeyedReply> {
  if (!file.inTransaction) throw sqlError('the transaction has ended by itself and was rolled back')
  try {
    keepReply(file, idempotency, { status: 200, reply, nowMs: clock.nowMs() })
  } catch (error) {
    throw sqlFailure(error) // the tenant's quota, say
  }
  try {
    await commit(file, true)
    return { status: 200, reply, isReplay: false }
  } catch (error) {
    if (replyToFailure === undefined) throw error
    return { status: 200, reply: replyToFailure(error), isReplay: false }
  }
}

/** The one transaction of a request with a key, as the request sees it. */
export class KeyedTransaction {
  readonly #handle: Handle
  readonly #context: OperationContext
  readonly #beganAtMs: number
  #state: 'idle' | 'open' | 'committing' | 'over'
  #hasWritten = false
  #refusal: TenaxError | undefined

  constructor(handle: Handle, context: OperationContext, shape: KeyedRequest['shape']) {
    this.#handle = handle
    this.#context = context
    this.#beganAtMs = context.clock.monotonicMs()
    this.#state = shape === 'statement' ? 'open' : 'idle'
  }

  /** True when the request asked for a COMMIT of something. */
  get commits(): boolean {
    return this.#hasWritten && this.#state === 'committing'
  }

  /** True when a statement ran that may have changed the file. */
  get hasWritten(): boolean {
    return this.#hasWritten
  }

  get isAutocommit(): boolean {
    return this.#state !== 'open'
  }

  /** The caller was answered with `error`: whatever is still achieved is rolled back. */
  giveUp(error: TenaxError): void {
    this.#refusal ??= error
  }

  /** Why the whole request fails: it did something that cannot be kept with its key, or it was given up. */
  get refusal(): TenaxError | undefined {
    return this.#refusal
  }

  /** Runs one statement; transaction control is performed as on a stream. */
  async run(text: string, bindings: Bindings): Promise<SqlResult> {
    const { file } = this.#context
    try {
      if (this.#handle.fencedBy !== undefined) throw this.#handle.fencedBy
      this.#refuseTooLong()
      const statement = await prepareInTime(this.#context, text)
      const { parsed } = statement
      if (parsed.kind === 'transaction') return this.#control(parsed.control)
      if (this.#state !== 'open') throw this.#refuse('a statement outside its one transaction')
      return await this.#perform(statement, bindings)
    } catch (error) {
      throw await this.#handle.examine(error)
    } finally {
      // SQLite may have ended the transaction by itself (LEDGER C1).
      if (this.#state === 'open' && !file.inTransaction) this.#state = 'over'
    }
  }

  async #perform(statement: TenantStatement, bindings: Bindings): Promise<SqlResult> {
    if (statement.parsed.kind === 'vacuum') throw this.#refuse('VACUUM, which commits by itself')
    this.#hasWritten ||= !isRead(statement)
    const { result } = await runInside(this.#context, statement, bindings)
    return result
  }

  #control(control: TransactionVerb): SqlResult {
    const { file } = this.#context
    if (control.verb === 'begin') {
      if (this.#state === 'open') throw sqlError('cannot start a transaction within a transaction')
      if (this.#state !== 'idle' || control.mode === 'readonly')
        throw this.#refuse('a second or a read-only transaction')
      this.#state = 'open'
    } else if (this.#state === 'over') {
      throw sqlError('no transaction is active')
    } else if (this.#state !== 'open') {
      throw this.#refuse('transaction control outside its one transaction')
    } else if (control.verb === 'commit') {
      this.#state = 'committing'
    } else if (control.verb === 'rollback') {
      file.rollback()
      this.#state = 'over'
    } else file.savepoint(control.verb, control.name)
    return NO_ROWS
  }

  #refuse(what: string): TenaxError {
    this.#refusal ??= new TenaxError('idempotency_unsupported', `a request with a key cannot have ${what}`, {
      hint: 'send one statement, or one batch that begins with BEGIN and ends with COMMIT; nothing was written',
    })
    return this.#refusal
  }

  #refuseTooLong(): void {
    if (this.#context.clock.monotonicMs() - this.#beganAtMs <= TRANSACTION_TOTAL_MS) return
    this.#context.file.rollback()
    this.#state = 'over'
    throw new TenaxError('transaction_expired', `the transaction lasted longer than ${TRANSACTION_TOTAL_MS} ms`, {
      hint: 'keep transactions short, and run the whole transaction again',
      details: { sqliteCode: 'TRANSACTION_EXPIRED' },
    })
  }
}

const NO_ROWS: SqlResult = { columns: [], rows: [], rowsAffected: 0, lastInsertRowid: undefined }
