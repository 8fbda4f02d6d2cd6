/**
 * An interactive stream: statements one after another with a transaction that may stay open between them. While one is
 * open the session holds its tenant's handle, and nobody else runs on that tenant; so it is rolled back after a pause of
 * 5 s and after 30 s in all. Outside a transaction it holds nothing.
 *
 * States: `autocommit` ⇄ `transaction` → `ended` (closed, expired, or its handle was fenced).
 */
import { assert, type Clock, type SqlResult, TenaxError, type Timer } from '@tenax/kernel'
import { asciiLowerCase, type Bindings, sqlError, type TenantStatement, type TransactionVerb } from '@tenax/sqlite'
import type { Gate } from './durability/gate.ts'
import type { Handle } from './handle.ts'
import { SCRIPT_STATEMENTS_MAX, TRANSACTION_IDLE_MS, TRANSACTION_TOTAL_MS } from './limits.ts'
import { beginPatiently, commit, isRead, prepareInTime, runAlone, runInside, uninterruptible } from './operations.ts'
import type { EndTurn } from './turns.ts'

/** Lends the tenant's handle for as long as `fn` runs; from the pool. */
export type UseHandle = <T>(fn: (handle: Handle) => Promise<T>) => Promise<T>

interface OpenTransaction {
  readonly handle: Handle
  readonly endTurn: EndTurn
  /** Resolves when the transaction is over: until then it keeps the pool's pin. */
  readonly over: PromiseWithResolvers<void>
  readonly offFence: () => void
  readonly timers: { readonly total: Timer; idle: Timer | undefined }
  readonly readonly: boolean
  /** The savepoints, in lower case, when one outside a transaction began it: releasing the first of them commits. */
  savepoints: readonly string[] | undefined
  wrote: boolean
}

/** One stream of one tenant. Its caller runs one method at a time. */
export class Session {
  readonly #use: UseHandle
  readonly #clock: Clock
  #open: OpenTransaction | undefined
  #endedBy: TenaxError | undefined
  #busy = false
  #foreignKeys = true
  #gate: Gate | undefined

  constructor(options: { use: UseHandle; clock: Clock }) {
    this.#use = options.use
    this.#clock = options.clock
  }

  /** True while no transaction is open. */
  get isAutocommit(): boolean {
    return this.#open === undefined
  }

  /** True when the stream holds something that its next request relies on. */
  get hasState(): boolean {
    return this.#open !== undefined || !this.#foreignKeys
  }

  /** Why the session is over, if it is. */
  get endedBy(): TenaxError | undefined {
    return this.#endedBy
  }

  /** What runs from now on is for the reply that leaves through `gate`: its sender waits there. */
  answerThrough(gate: Gate): void {
    this.#gate = gate
    this.#open?.handle.showTo(gate)
  }

  /** With a gate the reply waits there, once for all that ran; without one each result waits here. */
  #gated<T>(handle: Handle, work: Promise<T>): Promise<T> {
    return this.#gate === undefined ? handle.gated(work) : handle.shown(work, this.#gate)
  }

  /** Runs one statement. */
  run(text: string, bindings: Bindings): Promise<SqlResult> {
    return this.#answeredInTime(async (onLate) => {
      const open = this.#open
      if (open !== undefined) return this.#gated(open.handle, this.#runInside(open, text, bindings, onLate))
      return this.#borrow((handle) => this.#runOutside(handle, text, bindings, onLate))
    })
  }

  /** Runs `body` as the one thing that the session does. When it is late, the caller is answered and the session over. */
  #answeredInTime<T>(body: (onLate: () => void) => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const onLate = () => {
      this.#endedBy ??= uninterruptible()
      reject(this.#endedBy)
    }
    this.#once(() => body(onLate)).then(resolve, reject)
    return promise
  }

  /** Runs each statement of a script; the first failure ends it. */
  async runScript(statements: readonly string[]): Promise<void> {
    if (statements.length > SCRIPT_STATEMENTS_MAX)
      throw sqlError(`a script has at most ${SCRIPT_STATEMENTS_MAX} statements`)
    for (const text of statements) await this.run(text, { positional: [], named: [] })
  }

  /** Compiles one statement without running it. */
  describe(text: string): Promise<TenantStatement> {
    return this.#answeredInTime(async (onLate) => {
      const open = this.#open
      if (open === undefined) {
        return this.#use((handle) =>
          this.#gated(
            handle,
            handle.exclusively(() => prepareInTime(contextOf(handle, onLate), text)),
          ),
        )
      }
      open.timers.idle?.cancel()
      return prepareInTime(contextOf(open.handle, onLate), text)
    })
  }

  async #once<T>(body: () => Promise<T>): Promise<T> {
    if (this.#endedBy !== undefined) throw this.#endedBy
    assert(!this.#busy, 'a session runs one statement at a time')
    this.#busy = true
    try {
      return await body()
    } finally {
      this.#busy = false
      if (this.#endedBy !== undefined) await this.#rollback()
      else this.#armIdleTimer()
    }
  }

  /** Borrows the handle for one statement. If that begins a transaction, the pool's pin is held until it is over. */
  #borrow<T>(body: (handle: Handle) => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    this.#use(async (handle) => {
      const result = await this.#gated(handle, body(handle))
      const over = this.#open?.over.promise
      resolve(result)
      await over
    }).catch(reject)
    return promise
  }

  async #runOutside(handle: Handle, text: string, bindings: Bindings, onLate: () => void): Promise<SqlResult> {
    const endTurn = await handle.takeTurn()
    let kept = false
    try {
      const context = contextOf(handle, onLate)
      const statement = await prepareInTime(context, text)
      const { parsed } = statement
      if (parsed.kind === 'transaction') {
        await this.#begin(handle, endTurn, parsed.control)
        kept = true
        return EMPTY
      }
      if (parsed.kind === 'pragma' && parsed.pragma.action === 'set_switch') {
        if (parsed.pragma.name === 'foreign_keys') this.#foreignKeys = parsed.pragma.on
        return EMPTY
      }
      return await this.#withSwitches(handle, () => runAlone(context, statement, bindings))
    } catch (error) {
      throw await handle.examine(error)
    } finally {
      if (!kept) await handle.endTurn(endTurn)
    }
  }

  /** Lets `body` run with the stream's own `foreign_keys`; the connection is put back, whoever uses it next. */
  async #withSwitches<T>(handle: Handle, body: () => Promise<T>): Promise<T> {
    if (this.#foreignKeys) return body()
    handle.file.setSwitch('foreign_keys', false)
    try {
      return await body()
    } finally {
      handle.file.setSwitch('foreign_keys', true)
    }
  }

  async #begin(handle: Handle, endTurn: EndTurn, control: TransactionVerb): Promise<void> {
    if (control.verb !== 'begin' && control.verb !== 'savepoint') {
      throw sqlError(
        control.verb === 'commit' ? 'cannot commit - no transaction is active' : 'no transaction is active',
      )
    }
    const mode = control.verb === 'begin' && control.mode === 'immediate' ? 'immediate' : 'deferred'
    if (!this.#foreignKeys) handle.file.setSwitch('foreign_keys', false)
    try {
      await beginPatiently(handle, mode)
      if (handle.fencedBy !== undefined) throw handle.fencedBy
      if (control.verb === 'savepoint') handle.file.savepoint('savepoint', control.name)
    } catch (error) {
      handle.file.rollback()
      handle.file.setSwitch('foreign_keys', true)
      throw error
    }
    this.#open = {
      handle,
      endTurn,
      over: Promise.withResolvers<void>(),
      offFence: handle.onFence((error) => this.#end(error)),
      timers: {
        total: this.#clock.after(TRANSACTION_TOTAL_MS, () =>
          this.#end(expired('lasted longer than', TRANSACTION_TOTAL_MS)),
        ),
        idle: undefined,
      },
      readonly: control.verb === 'begin' && control.mode === 'readonly',
      savepoints: control.verb === 'savepoint' ? [asciiLowerCase(control.name)] : undefined,
      wrote: false,
    }
  }

  #armIdleTimer(): void {
    const open = this.#open
    if (open === undefined) return
    open.timers.idle?.cancel()
    open.timers.idle = this.#clock.after(TRANSACTION_IDLE_MS, () =>
      this.#end(expired('was idle for', TRANSACTION_IDLE_MS)),
    )
  }

  async #runInside(open: OpenTransaction, text: string, bindings: Bindings, onLate: () => void): Promise<SqlResult> {
    open.timers.idle?.cancel()
    try {
      const context = contextOf(open.handle, onLate)
      const statement = await prepareInTime(context, text)
      const { parsed } = statement
      if (parsed.kind === 'transaction') return await this.#control(open, parsed.control)
      if (open.readonly && !isRead(statement)) {
        throw new TenaxError('sql_error', 'the transaction is read-only', {
          details: { sqliteCode: 'SQLITE_READONLY' },
        })
      }
      const wroteBefore = open.wrote
      open.wrote ||= !isRead(statement) // until it succeeds: OR FAIL and RAISE(FAIL) keep what came before a failure
      const { result, wrote } = await runInside(context, statement, bindings)
      open.wrote = wroteBefore || wrote
      return result
    } catch (error) {
      throw await open.handle.examine(error)
    } finally {
      // SQLite may have ended the transaction by itself (LEDGER C1): the stream is in autocommit again.
      if (this.#open !== undefined && !open.handle.file.inTransaction) await this.#release()
    }
  }

  async #control(open: OpenTransaction, control: TransactionVerb): Promise<SqlResult> {
    const { file } = open.handle
    if (control.verb === 'begin') throw sqlError('cannot start a transaction within a transaction')
    if (control.verb === 'rollback') file.rollback()
    else if (control.verb === 'commit') await commit(file, open.wrote)
    else {
      const savepoints = open.savepoints && savepointsAfter(open.savepoints, control)
      if (savepoints?.length === 0) await commit(file, open.wrote)
      else file.savepoint(control.verb, control.name)
      open.savepoints = savepoints
    }
    return EMPTY
  }

  /** Ends the session from outside: a timer, a fence. A statement under way is let end; its transaction is not. */
  #end(error: TenaxError): void {
    this.#endedBy ??= error
    const handle = this.#open?.handle
    if (!this.#busy) this.#rollback().catch((failure: unknown) => handle?.examine(failure))
  }

  /** Ends the session; an open transaction is rolled back. */
  async close(): Promise<void> {
    this.#endedBy ??= new TenaxError('baton_invalid', 'the stream is closed')
    if (!this.#busy) await this.#rollback()
  }

  async #rollback(): Promise<void> {
    await this.#release()
  }

  async #release(): Promise<void> {
    const open = this.#open
    if (open === undefined) return
    this.#open = undefined
    open.timers.total.cancel()
    open.timers.idle?.cancel()
    open.offFence()
    try {
      open.handle.file.rollback()
      if (!this.#foreignKeys) open.handle.file.setSwitch('foreign_keys', true)
    } finally {
      await open.handle.endTurn(open.endTurn)
      open.over.resolve()
    }
  }
}

function contextOf({ file, clock }: Handle, onLate: () => void) {
  return { file, clock, onLate }
}

/** The savepoints that are left; SQLite compares their names without regard to case, and means the innermost. */
function savepointsAfter(
  savepoints: readonly string[],
  { verb, name }: { readonly verb: 'savepoint' | 'release' | 'rollback_to'; readonly name: string },
): readonly string[] {
  const key = name.toLowerCase()
  if (verb === 'savepoint') return [...savepoints, key]
  const index = savepoints.lastIndexOf(key)
  if (index === -1) return savepoints
  return savepoints.slice(0, verb === 'release' ? index : index + 1)
}

const EMPTY: SqlResult = { columns: [], rows: [], rowsAffected: 0, lastInsertRowid: undefined }

function expired(what: string, ms: number): TenaxError {
  return new TenaxError('transaction_expired', `the transaction ${what} ${ms} ms and was rolled back`, {
    hint: 'keep transactions short, and run the whole transaction again',
    details: { sqliteCode: 'TRANSACTION_EXPIRED' },
  })
}
