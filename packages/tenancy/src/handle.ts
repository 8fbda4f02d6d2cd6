/**
 * A tenant's open file with its queue: one connection, one operation in flight.
 *
 * States: `open` → `fenced` (refuses everybody, ends transactions and exports) → `closed`. A handle is fenced when its
 * tenant is suspended, deleted, replaced or quarantined; it is closed by the pool, never while in use.
 */
import { type Clock, type DurabilityClass, InvariantError, type SqlResult, TenaxError } from '@tenax/kernel'
import { type Bindings, isDamage, type SqliteFile } from '@tenax/sqlite'
import type { TenantRecord } from './catalog-rows.ts'
import { Drain } from './drain.ts'
import type { FileJournal } from './durability/file-journal.ts'
import { Gate } from './durability/gate.ts'
import { isRefusal } from './durability/refusal.ts'
import type { TenantMeta } from './identity.ts'
import {
  CHECKPOINT_IDLE_MS,
  CHECKPOINT_WAL_BYTES,
  EXPORT_WAL_BYTES_MAX,
  HANDLE_QUEUE_MAX,
  WAIT_MS_MAX,
} from './limits.ts'
import { prepareInTime, runAlone, runEngine, uninterruptible } from './operations.ts'
import type { DisposalReason, Poolable } from './pool-port.ts'
import { type EndTurn, Turns } from './turns.ts'

/** What a handle is made of. `onDamage` is told once, with a reason fit for an operator. */
export interface HandleOptions {
  readonly record: TenantRecord
  readonly meta: TenantMeta
  readonly file: SqliteFile
  readonly journal: FileJournal
  readonly clock: Clock
  /** The tenant's class at the moment; `local` if unsaid. */
  readonly durability?: () => DurabilityClass
  readonly onDamage: (reason: string) => void
}

/** Something that must end when the handle is fenced: an interactive transaction, an export. */
export type Interruptible = (error: TenaxError) => void

/** An open tenant file. */
export class Handle implements Poolable {
  readonly record: TenantRecord
  readonly meta: TenantMeta
  readonly file: SqliteFile
  readonly clock: Clock
  readonly #journal: FileJournal
  readonly #turns: Turns
  readonly #drain: Drain
  readonly #durability: () => DurabilityClass
  readonly #onDamage: (reason: string) => void
  readonly #interruptibles = new Set<Interruptible>()
  #fencedBy: TenaxError | undefined
  #freezes = 0
  /** True when the tenant was stopped for what its file is, or may be: its log stays where it is. */
  #isInDoubt = false

  constructor(options: HandleOptions) {
    this.record = options.record
    this.meta = options.meta
    this.file = options.file
    this.clock = options.clock
    this.#journal = options.journal
    this.#durability = options.durability ?? (() => 'local')
    this.#onDamage = options.onDamage
    this.#drain = new Drain(this)
    this.#turns = new Turns({ clock: options.clock, queueMax: HANDLE_QUEUE_MAX, waitMsMax: WAIT_MS_MAX })
  }

  /**
   * Runs one statement as a transaction of its own; answers behind the gate (LEDGER G1). Throws TenaxError by the statement's
   * fault or the tenant's state.
   */
  execute(text: string, bindings: Bindings, gate = new Gate()): Promise<SqlResult> {
    return this.gated(this.#drain.takes(text) ? this.#drain.run(text, bindings) : this.#execute(text, bindings), gate)
  }

  /** Lets what `work` comes to leave only when every commit that it may have seen has its class. A refusal has seen none. */
  async gated<T>(work: Promise<T>, gate = new Gate()): Promise<T> {
    try {
      return await this.shown(work, gate)
    } finally {
      if (gate.isShut) await gate.leave()
    }
  }

  /** Lets `gate` see what `work` may have seen; it is the caller's that it leaves before the reply does. */
  async shown<T>(work: Promise<T>, gate: Gate): Promise<T> {
    let isRefused = false
    try {
      return await work
    } catch (error) {
      isRefused = isRefusal(error)
      throw error
    } finally {
      if (!isRefused) this.showTo(gate)
    }
  }

  /** Lets `gate` see the last commit; it is the caller's that it leaves before the reply does. */
  showTo(gate: Gate): void {
    gate.see({ journal: this.#journal, lineage: this.meta.lineage, durability: this.#durability() })
  }

  /** The way out of a reply that has seen the last commit: resolves when that has its class. */
  wayOut(): () => Promise<void> {
    const gate = new Gate()
    this.showTo(gate)
    return async () => (gate.isShut ? gate.leave() : undefined)
  }

  /** How far the commits of this file are: numbers of the last one, of the last one that is durable, and of one that is stored. */
  progress(): { readonly committedLsn: bigint; readonly durableLsn: bigint; readonly storedLsn: bigint } {
    const { lsn: committedLsn, durableLsn, storedLsn } = this.#journal
    return { committedLsn, durableLsn, storedLsn }
  }

  /** Resolves when everything seen so far is in object storage. Throws TenaxError `outcome_unknown`, `remote_not_configured`. */
  stored(): Promise<void> {
    return this.#journal.stored()
  }

  /** Resolves when everything committed so far is durable. Throws TenaxError `outcome_unknown` when that cannot be. */
  settled(): Promise<void> {
    return this.#journal.settled()
  }

  #execute(text: string, bindings: Bindings): Promise<SqlResult> {
    const { promise, resolve, reject } = Promise.withResolvers<SqlResult>()
    const context = { file: this.file, clock: this.clock, onLate: () => reject(uninterruptible()) }
    this.exclusively(async () => runAlone(context, await prepareInTime(context, text), bindings)).then(resolve, reject)
    return promise
  }

  /**
   * Runs `body` in a transaction of the engine's own and commits it, with its number. `body` is synchronous; when it throws,
   * nothing of it has happened. Resolves when it is committed, which is not yet durable: see {@link settled}.
   */
  commit<T>(body: (file: SqliteFile) => T): Promise<T> {
    return this.exclusively(() => runEngine(this, body))
  }

  /** Runs `body`, which only reads, while nothing else runs on this file. */
  read<T>(body: (file: SqliteFile) => T): Promise<T> {
    return this.exclusively(async () => body(this.file))
  }

  /** Runs `body` while nothing else runs on this file, then looks after the WAL. */
  async exclusively<T>(body: () => Promise<T>): Promise<T> {
    const endTurn = await this.takeTurn()
    try {
      return await body()
    } catch (error) {
      throw await this.examine(error)
    } finally {
      await this.endTurn(endTurn)
    }
  }

  /** Takes the handle for longer than one operation; give it back with {@link endTurn}. */
  takeTurn(): Promise<EndTurn> {
    return this.#turns.take()
  }

  /** Ends a turn: checkpoints first when the WAL has grown. */
  async endTurn(end: EndTurn): Promise<void> {
    try {
      await this.#tendWal()
    } catch (error) {
      await this.examine(error)
    } finally {
      end()
    }
  }

  async #tendWal(): Promise<void> {
    if (this.#isInDoubt || !this.file.takeGrowth()) return
    const { walBytes } = this.#journal
    if (walBytes < CHECKPOINT_WAL_BYTES || this.file.inTransaction) return
    if (this.#freezes > 0) {
      if (walBytes < EXPORT_WAL_BYTES_MAX) return
      this.#interrupt(
        new TenaxError('export_wal_limit', 'the tenant was written too fast for its export to end', {
          hint: 'export it at a quieter time',
        }),
      )
      return
    }
    await this.checkpoint()
  }

  /** Moves the WAL into the main file once all of it is durable. Inside a turn, outside a transaction. */
  checkpoint(): Promise<boolean> {
    return this.#journal.checkpoint()
  }

  /**
   * Reads the whole main file, frozen by the caller (LEDGER X1), as {@link FileJournal.verifyMain}. What this throws is
   * examined by nobody yet: another process may have moved the log meanwhile.
   */
  verifyMain(beforeRead: () => void): Promise<bigint | undefined> {
    return this.#journal.verifyMain(beforeRead)
  }

  /**
   * Decides what a failure means for the tenant, and gives the error that its caller gets. A broken invariant of this
   * tenant stops it. When the engine speaks of damage the file itself is asked: only one that fails its check is stopped.
   */
  async examine(error: unknown): Promise<unknown> {
    const reason = error instanceof InvariantError ? error.message : await this.#damageBehind(error)
    if (reason === undefined) return error
    this.#isInDoubt = true
    this.#onDamage(reason)
    return this.#fencedBy ?? error
  }

  async #damageBehind(error: unknown): Promise<string | undefined> {
    if (!isDamage(error)) return undefined
    const complaint = await this.file.quickCheck().catch((failure: unknown) => String(failure))
    return complaint === undefined ? undefined : `the database file is damaged: ${complaint.split('\n')[0] ?? ''}`
  }

  /** True while an export reads the main file. */
  get isFrozen(): boolean {
    return this.#freezes > 0
  }

  /** Keeps the main file as it is: no checkpoint until the returned function is called. `onInterrupt` asks for an end. */
  freeze(onInterrupt: Interruptible): () => void {
    this.#freezes += 1
    this.#interruptibles.add(onInterrupt)
    let ended = false
    return () => {
      if (ended) return
      ended = true
      this.#freezes -= 1
      this.#interruptibles.delete(onInterrupt)
    }
  }

  /** Registers something that ends when the handle is fenced. Returns how to take that back. */
  onFence(interrupt: Interruptible): () => void {
    this.#interruptibles.add(interrupt)
    return () => void this.#interruptibles.delete(interrupt)
  }

  #interrupt(error: TenaxError): void {
    for (const interruptible of [...this.#interruptibles]) interruptible(error)
  }

  /** Refuses everybody from now on with `error`; ends interactive transactions and exports. */
  fence(error: TenaxError): void {
    if (this.#fencedBy !== undefined) return
    this.#fencedBy = error
    this.#turns.refuse(() => error)
    this.#interrupt(error)
  }

  get fencedBy(): TenaxError | undefined {
    return this.#fencedBy
  }

  get isWorn(): boolean {
    return this.file.isWorn
  }

  memoryBytes(): number {
    return this.file.memoryBytes()
  }

  /** The pool's word that nobody used the handle for `idleMs`: the moment to move the WAL into the main file. */
  quiet(idleMs: number): void {
    if (idleMs < CHECKPOINT_IDLE_MS || this.#freezes > 0 || this.file.walBytes() === 0) return
    // A failure was examined by then; if it is of the moment (a full disk, a lock), the next look tries again.
    this.checkpointSoon().catch(() => undefined)
  }

  /** Checkpoints when it is this one's turn, unless an export holds the main file as it is. */
  checkpointSoon(): Promise<void> {
    return this.exclusively(async () => {
      if (this.#freezes === 0 && !this.#isInDoubt) await this.checkpoint()
    })
  }

  /**
   * True when the connection may be closed. That may move the log at any time later (LEDGER K4): so it is empty, or the
   * ledger has all of it, and the file is in doubt or fenced on a full disk.
   */
  async #letGo(): Promise<boolean> {
    if (!this.#isInDoubt) {
      try {
        return await this.checkpoint()
      } catch (error) {
        if (this.#fencedBy === undefined || error instanceof InvariantError) throw error
      }
    }
    await this.#journal.settled()
    return true
  }

  /**
   * Closes the file after a checkpoint that left nothing in the WAL. A deleted tenant's needs none. False when a lock of
   * another process is in the way: the handle stays open, since a later close would be unsafe (LEDGER K4).
   */
  async close(reason: DisposalReason): Promise<boolean> {
    const end = await this.#turns.takeLast().catch(() => undefined)
    if (end === undefined) return false // an operation that cannot be interrupted still runs
    try {
      if (reason !== 'delete' && !(await this.#letGo())) return false
      this.#journal.close()
      if (reason !== 'delete') this.file.touch(this.clock.nowMs()) // who looks for idle tenants sees it there
      this.file.close()
      this.fence(new TenaxError('unavailable', 'the handle is closed'))
      return true
    } catch (error) {
      await this.examine(error)
      return false
    } finally {
      end()
    }
  }
}
