/**
 * The writing end of a ledger: one per host, one epoch, one flush at a time (LEDGER F1–F5).
 *
 * Invariants
 * 1. Records become durable in order of their `seq`; `durableSeq` never goes down, and waiters resolve in that order.
 * 2. Whatever was appended while a flush was under way is the next flush. There is no timer in the way of a commit.
 * 3. Nothing counts as durable before the fsync of its segment, and of the directory if that is new, has returned.
 * 4. After a failed fsync nothing is tried again, nothing is acknowledged, nothing is appended (F2).
 * 5. A full disk loses nothing: batches keep their order and are written again, unchanged, when there is room (F3).
 * 6. Records that are not durable take at most `bufferBytesMax` (F5); whoever holds a room is never refused.
 * 7. A segment is removed only under a durable watermark, oldest first, when no tenant needs it (F4, K3).
 *
 * States
 *   open ──write finds no room──▶ full ──`retry()`, or its timer, finds room──▶ open
 *   open, full ──`close()`──▶ closing ──the seal is durable──▶ closed
 *   open, full, closing ──a failed fsync, any other failure to write──▶ failed (`#fail`, `onFatal` once)
 */
import { assert, type Clock, type Incarnation, systemClock, TenaxError, type Timer } from '@tenax/kernel'
import { BatchBuffer, durableBatch, type PendingBatch } from './batch-buffer.ts'
import { Pins } from './core/pins.ts'
import type { SealRecord, WatermarkRecord } from './core/record.ts'
import { noRoomToClose, outcomeUnknown, overloaded } from './ledger-errors.ts'
import type { AppendableRecord, LedgerOptions, LedgerRoom, LedgerState } from './ledger-options.ts'
import { CONTROL_BYTES_MAX } from './limits.ts'
import { SegmentChain, type WriteOutcome } from './segment-chain.ts'
import { type LedgerSettings, parseLedgerSettings } from './settings.ts'

/** A host's ledger, open for writing. */
export class Ledger {
  readonly #chain: SegmentChain
  readonly #buffer: BatchBuffer
  readonly #settings: LedgerSettings
  readonly #clock: Clock
  readonly #options: LedgerOptions
  readonly #pins = new Pins()
  #state: LedgerState = 'open'
  #durableSeq = 0
  #reservedBytes = 0
  #firstNeeded = 0
  #run: Promise<void> | undefined
  #retryMs: number
  #retryTimer: Timer | undefined
  #trimming: Promise<number> | undefined
  #sealSeq: number | undefined
  #closing: Promise<void> | undefined
  #failure: TenaxError | undefined

  private constructor(chain: SegmentChain, options: LedgerOptions, settings: LedgerSettings) {
    this.#chain = chain
    this.#options = options
    this.#settings = settings
    this.#clock = options.clock ?? systemClock
    this.#buffer = new BatchBuffer(settings.batchBytesMax)
    this.#retryMs = settings.retryMsMin
  }

  /**
   * Begins a ledger in a directory that holds none; it is durable when the promise resolves.
   *
   * @throws TenaxError `data_in_use` when there is a ledger, `storage_full` when there is no room, `config_invalid`
   * @example
   * const ledger = await Ledger.create({ directory, epoch: 1, nonce, dataId, files: fsSegmentFiles, onFatal })
   * const seq = ledger.append(entry)
   * await ledger.durable(seq)
   */
  static async create(options: LedgerOptions): Promise<Ledger> {
    const settings = parseLedgerSettings(options.settings)
    const { directory, epoch, nonce, dataId, files, cuts = [] } = options
    const identity = { directory, epoch, nonce, dataId, cuts }
    const chain = await SegmentChain.create({ identity, files, segmentBytesMax: settings.segmentBytesMax })
    chain.prepareSpare()
    return new Ledger(chain, options, settings)
  }

  /** What the ledger is doing. */
  get state(): LedgerState {
    return this.#state
  }

  /** Number of the last record that was appended; 0 before the first. */
  get appendedSeq(): number {
    return this.#buffer.seq
  }

  /** Every record up to this number is fsynced. */
  get durableSeq(): number {
    return this.#durableSeq
  }

  /** Bytes of records that wait for the disk. */
  get bufferedBytes(): number {
    return this.#buffer.bufferedBytes
  }

  /** Bytes of the ledger's files, the spare included. */
  get bytes(): number {
    return this.#chain.diskBytes
  }

  /** False when a full disk would stop the ledger at the end of its current segment: time to checkpoint and trim. */
  get hasSpare(): boolean {
    return this.#chain.hasSpare
  }

  /** Bytes that an entry of `pageCount` pages takes in the buffer: what to ask `hasRoom` or `reserve` for. */
  entryBytes(pageCount: number): number {
    return this.#buffer.entryBytes(pageCount)
  }

  /** Whether an append of `bytes` would be taken now. The answer holds until control returns to the event loop. */
  hasRoom(bytes: number): boolean {
    const usedBytes = this.#buffer.bufferedBytes + this.#reservedBytes
    return (this.#state === 'open' || this.#state === 'full') && usedBytes + bytes <= this.#settings.bufferBytesMax
  }

  /** Keeps room for an append that comes later, past a COMMIT for example; undefined when there is none now. */
  reserve(bytes: number): LedgerRoom | undefined {
    if (!this.hasRoom(bytes)) return undefined
    const room = {
      bytes,
      release: () => {
        this.#reservedBytes -= room.bytes
        room.bytes = 0
      },
    }
    this.#reservedBytes += bytes
    return room
  }

  /**
   * Appends `record`, which is copied before this returns, and answers its number. An entry that fits into `room` is never
   * refused for want of space.
   *
   * @throws TenaxError `overloaded` when the buffer is full, `unavailable` when the ledger is closed or has failed
   */
  append(record: AppendableRecord, room?: LedgerRoom): number {
    this.#assertOpen()
    if (record.kind === 'entry') this.#admit(this.entryBytes(record.pages.length), room)
    else this.#admitControl()
    return this.#append(record)
  }

  #append(record: AppendableRecord | WatermarkRecord | SealRecord): number {
    const seq = record.kind === 'entry' ? this.#buffer.appendEntry(record) : this.#buffer.appendControl(record)
    if (this.#state !== 'full') this.#wake()
    return seq
  }

  #assertOpen(): void {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#state === 'open' || this.#state === 'full') return
    throw new TenaxError('unavailable', 'the ledger is closed', { hint: 'the server is stopping; repeat later' })
  }

  #admit(bytes: number, room: LedgerRoom | undefined): void {
    const isPromised = room !== undefined && room.bytes >= bytes
    room?.release()
    if (!isPromised && !this.hasRoom(bytes)) throw overloaded()
  }

  #admitControl(): void {
    if (this.#buffer.bufferedBytes > this.#settings.bufferBytesMax + CONTROL_BYTES_MAX) throw overloaded()
  }

  /**
   * Resolves when record `seq` is fsynced. Waiting costs one promise per batch, however many wait.
   *
   * @throws TenaxError `outcome_unknown` when the ledger fails first
   */
  durable(seq: number): Promise<void> {
    assert(Number.isInteger(seq) && seq <= this.#buffer.seq, 'somebody waits for a record that was appended')
    if (seq <= this.#durableSeq) return Promise.resolve()
    if (this.#failure !== undefined) return Promise.reject(outcomeUnknown(this.#failure))
    const batch = this.#buffer.batchOf(seq)
    assert(batch !== undefined, 'a record that is not durable is buffered')
    batch.waiting ??= Promise.withResolvers<void>()
    return batch.waiting.promise
  }

  /** Tries a full disk again now. The ledger does so by itself as well, after pauses that grow. */
  retry(): void {
    if (this.#retryTimer === undefined) return
    this.#retryTimer.cancel()
    this.#retryTimer = undefined
    this.#wake()
  }

  /** Flushes what has gathered when this turn of the event loop ends, unless a flush is under way. */
  #wake(): void {
    if (this.#run !== undefined || this.#retryTimer !== undefined || this.#state === 'failed') return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#run = promise
    // All that arrived in one poll of the sockets shares the flush that the first of it caused.
    setImmediate(() => {
      void this.#flushAll().finally(resolve)
    })
  }

  async #flushAll(): Promise<void> {
    try {
      for (let batches = this.#buffer.take(); batches.length > 0; batches = this.#buffer.take()) {
        if ((await this.#flush(batches)) === 'full') {
          this.#waitForRoom()
          return
        }
      }
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#run = undefined // in the same tick in which nothing was left: who appends in the next one must wake
    }
  }

  /** Writes `batches` in order; a new segment begins behind the fsync of the last one. */
  async #flush(batches: readonly PendingBatch[]): Promise<WriteOutcome> {
    let written: PendingBatch[] = []
    let outcome: WriteOutcome = 'done'
    for (const batch of batches) {
      if (!this.#chain.hasRoomFor(batch.end)) {
        await this.#sync(written)
        written = []
        outcome = await this.#chain.rollOver(this.#firstNeeded)
      }
      if (outcome === 'done') outcome = await this.#chain.write(batch)
      if (outcome === 'full') break
      written.push(batch)
    }
    await this.#sync(written)
    return outcome
  }

  async #sync(written: readonly PendingBatch[]): Promise<void> {
    const last = written.at(-1)
    if (last === undefined) return
    await this.#chain.sync()
    if (this.#failure !== undefined) throw this.#failure // a directory failed meanwhile: nothing is acknowledged
    for (const batch of written) {
      for (const effect of batch.effects) this.#pins.apply(this.#chain.currentId, effect)
      if (batch.written !== undefined) this.#options.shipping?.take(durableBatch(batch, batch.written))
    }
    this.#buffer.dropDurable(written.length)
    this.#durableSeq = last.lastSeq
    this.#retryMs = this.#settings.retryMsMin
    if (this.#state === 'full') this.#state = 'open'
    for (const batch of written) batch.waiting?.resolve()
    this.#options.onDurable?.(this.#durableSeq)
  }

  #waitForRoom(): void {
    if (this.#state === 'open') this.#state = 'full'
    this.#retryTimer = this.#clock.after(this.#retryMs, () => this.retry())
    this.#retryMs = Math.min(this.#retryMs * 2, this.#settings.retryMsMax)
  }

  #fail(cause: unknown): void {
    if (this.#failure !== undefined) return
    this.#retryTimer?.cancel()
    this.#state = 'failed'
    this.#failure = new TenaxError('unavailable', 'the ledger has failed', { cause, hint: 'restart the host' })
    for (const batch of this.#buffer.take()) batch.waiting?.reject(outcomeUnknown(this.#failure))
    this.#options.onFatal(
      new TenaxError('internal', 'the ledger could not be made durable', { cause, hint: 'look at the disk, restart' }),
    )
  }

  /** The oldest segment on disk and the tenants that need it. Nobody does: `trim` will remove it, if it is not current. */
  pinnedBy(): { readonly segmentId: number; readonly incarnations: Incarnation[] } {
    const segmentId = this.#chain.oldestId
    return { segmentId, incarnations: this.#pins.holdersOf(segmentId) }
  }

  /**
   * Removes the oldest segments that no tenant needs, under a durable watermark. Answers how many it removed.
   *
   * @throws TenaxError `outcome_unknown` when the ledger fails first, `unavailable` when it has failed or is closed
   */
  trim(): Promise<number> {
    this.#trimming ??= this.#trim().finally(() => {
      this.#trimming = undefined
    })
    return this.#trimming
  }

  async #trim(): Promise<number> {
    const currentId = this.#chain.currentId
    const notStored = this.#options.shipping?.neededFrom ?? currentId
    const firstNeeded = Math.min(this.#pins.firstNeeded() ?? currentId, notStored, currentId)
    if (firstNeeded <= this.#chain.oldestId) return 0
    this.#assertOpen()
    await this.durable(this.#append({ kind: 'watermark', firstNeeded }))
    this.#firstNeeded = firstNeeded
    const removedCount = await this.#chain.removeBefore(firstNeeded)
    try {
      await this.#chain.syncNames()
    } catch (error) {
      this.#fail(error)
      throw error
    }
    this.#chain.prepareSpare()
    this.retry()
    return removedCount
  }

  /**
   * Flushes, seals and closes the ledger. Nothing can be appended from the moment of the call. Calling again waits again.
   *
   * @throws TenaxError `storage_full` when the disk has no room for what is buffered, `outcome_unknown` when it fails
   */
  close(successor?: SealRecord['successor']): Promise<void> {
    this.#closing ??= this.#close(successor).finally(() => {
      if (this.#state !== 'closed') this.#closing = undefined
    })
    return this.#closing
  }

  async #close(successor: SealRecord['successor']): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    this.#state = 'closing'
    this.#sealSeq ??= this.#append({ kind: 'seal', successor })
    this.retry()
    while (this.#run !== undefined) await this.#run
    if (this.#retryTimer !== undefined) throw noRoomToClose()
    await this.durable(this.#sealSeq)
    await Promise.allSettled([this.#trimming])
    await this.#chain.close()
    this.#state = 'closed'
  }
}
