/**
 * Group commit of one tenant: operations that wait for its handle at the same time commit together (DESIGN 5, LEDGER C1).
 *
 * Only single statements that are compiled and known to be short are coalesced. Each runs in a savepoint of its own, so that
 * one that fails fails alone. When SQLite ends the whole transaction by itself (`OR ROLLBACK`, `RAISE(ROLLBACK)`, an
 * interrupted write) or COMMIT fails (deferred foreign keys), nothing of it has happened: each operation runs again alone,
 * in order. Nobody is answered before the commit.
 */
import { type Clock, InvariantError, isTenaxError, type SqlResult, TenaxError } from '@tenax/kernel'
import { type Bindings, type SqliteFile, type TenantStatement, TooLongForLoop } from '@tenax/sqlite'
import { DRAIN_MS_MAX, DRAIN_OPERATIONS_MAX, HANDLE_QUEUE_MAX } from './limits.ts'
import {
  beginPatiently,
  commit,
  isRead,
  type OperationContext,
  perform,
  prepareInTime,
  runAlone,
  uninterruptible,
} from './operations.ts'

/** What a drain works on: a handle, which gives it turns, and says what a failure means for the tenant. */
export interface DrainOptions {
  readonly file: SqliteFile
  readonly clock: Clock
  exclusively<T>(body: () => Promise<T>): Promise<T>
  examine(error: unknown): Promise<unknown>
}

interface Operation {
  readonly text: string
  readonly bindings: Bindings
  readonly resolve: (result: SqlResult) => void
  readonly reject: (error: unknown) => void
}

/** An operation with its statement, which was looked up in this turn: an older one may know an older schema. */
interface Ready {
  readonly operation: Operation
  readonly statement: TenantStatement
}

type Outcome =
  | { readonly type: 'done'; readonly result: SqlResult; readonly wrote: boolean }
  | { readonly type: 'failed'; readonly error: unknown; readonly wrote: false }
  | { readonly type: 'again'; readonly wrote: false }

/** The operations that wait for one handle and may be coalesced. */
export class Drain {
  readonly #options: DrainOptions
  readonly #waiting: Operation[] = []
  #running: readonly Operation[] = []
  #isScheduled = false

  constructor(options: DrainOptions) {
    this.#options = options
  }

  /** True for a text that is worth coalescing: compiled, short, no change of the schema. */
  takes(text: string): boolean {
    return isCoalescable(this.#options.file.prepared(text))
  }

  /** Runs one statement as an operation of its own, in a commit that others may share. Throws TenaxError `overloaded`. */
  run(text: string, bindings: Bindings): Promise<SqlResult> {
    if (this.#waiting.length >= HANDLE_QUEUE_MAX) return Promise.reject(overloaded())
    const { promise, resolve, reject } = Promise.withResolvers<SqlResult>()
    this.#waiting.push({ text, bindings, resolve, reject })
    this.#schedule()
    return promise
  }

  /** One turn at the handle for all who wait by then, and another one for whom it leaves over. */
  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#options
      .exclusively(() => this.#turn())
      .catch((error: unknown) => {
        // No turn for anybody, or a turn that failed as a whole; who is answered by then does not hear it.
        const concerned = this.#running.length > 0 ? this.#running : this.#waiting.splice(0)
        for (const { reject } of concerned) reject(error)
      })
      .finally(() => {
        this.#running = []
        this.#isScheduled = false
        if (this.#waiting.length > 0) this.#schedule()
      })
  }

  async #turn(): Promise<void> {
    const { file } = this.#options
    const batch = this.#waiting.splice(0, DRAIN_OPERATIONS_MAX)
    this.#running = batch
    const ready: Ready[] = []
    const others: Operation[] = []
    for (const operation of batch) {
      const statement = file.prepared(operation.text)
      if (isCoalescable(statement)) ready.push({ operation, statement })
      else others.push(operation)
    }
    const left = await this.#together(ready)
    for (const operation of others) await this.#alone(operation)
    this.#waiting.unshift(...left.map(({ operation }) => operation))
  }

  /** Commits as many as fit into one drain. Gives those that are left. */
  async #together(ready: readonly Ready[]): Promise<readonly Ready[]> {
    if (ready.length <= 1 || ready.every(({ statement }) => isRead(statement))) {
      for (const { operation } of ready) await this.#alone(operation)
      return []
    }
    const outcomes = await this.#commitTogether(ready)
    if (outcomes === undefined) {
      for (const { operation } of ready) await this.#alone(operation)
      return []
    }
    for (const [index, outcome] of outcomes.entries()) {
      const operation = ready[index]?.operation
      if (operation === undefined) continue
      if (outcome.type === 'done') operation.resolve(outcome.result)
      else if (outcome.type === 'failed') operation.reject(outcome.error)
      else await this.#alone(operation)
    }
    return ready.slice(outcomes.length)
  }

  /** Runs one after another in one transaction. Undefined when that was rolled back as a whole: nothing has happened. */
  async #commitTogether(ready: readonly Ready[]): Promise<Outcome[] | undefined> {
    const { file, clock } = this.#options
    await beginPatiently(this.#options, 'immediate')
    const startMs = clock.monotonicMs()
    const outcomes: Outcome[] = []
    try {
      for (const one of ready) {
        const outcome = await this.#attempt(one)
        if (!file.inTransaction) return undefined
        outcomes.push(outcome)
        if (clock.monotonicMs() - startMs >= DRAIN_MS_MAX) break
      }
      await commit(
        file,
        outcomes.some(({ wrote }) => wrote),
      )
      return outcomes
    } catch (error) {
      file.rollback()
      // Committed, or perhaps: it must not run again.
      if (error instanceof InvariantError || isTenaxError(error, 'outcome_unknown')) throw error
      return undefined
    }
  }

  async #attempt({ operation, statement }: Ready): Promise<Outcome> {
    const { file } = this.#options
    file.savepoint('savepoint', SAVEPOINT)
    try {
      const executed = await perform(this.#contextOf(operation), statement, operation.bindings, true)
      return { type: 'done', ...executed }
    } catch (error) {
      if (file.inTransaction) file.savepoint('rollback_to', SAVEPOINT)
      return error instanceof TooLongForLoop ? { type: 'again', wrote: false } : { type: 'failed', error, wrote: false }
    } finally {
      if (file.inTransaction) file.savepoint('release', SAVEPOINT)
    }
  }

  async #alone(operation: Operation): Promise<void> {
    const context = this.#contextOf(operation)
    try {
      const statement = await prepareInTime(context, operation.text)
      operation.resolve(await runAlone(context, statement, operation.bindings))
    } catch (error) {
      operation.reject(await this.#options.examine(error))
    }
  }

  #contextOf({ reject }: Operation): OperationContext {
    const { file, clock } = this.#options
    return { file, clock, onLate: () => reject(uninterruptible()) }
  }
}

const SAVEPOINT = 'tenax_operation'

function isCoalescable(statement: TenantStatement | undefined): statement is TenantStatement {
  if (statement === undefined || !statement.short) return false
  return statement.parsed.kind === 'write' || statement.parsed.kind === 'read'
}

function overloaded(): TenaxError {
  return new TenaxError('overloaded', 'too many operations wait for this tenant', {
    hint: 'retry; a long statement or an open transaction holds the tenant',
  })
}
