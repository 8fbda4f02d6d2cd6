/**
 * Carries what a ledger has fsynced to object storage: in the background about once a second, and at once when somebody
 * waits for it (LEDGER G1, O1, O2).
 *
 * Invariants
 *  1. Only what is fsynced is stored; in the order of the ledger, whole batches, each object naming the hash of the last.
 *  2. `storedSeq` goes up in the order of ids: an object that is stored while a lower id is missing acknowledges nothing.
 *  3. At most `putsMax` objects are not acknowledged. What else waits is in memory up to `memoryBytesMax`, the rest is read
 *     back from the ledger's own segments, which stay until then (K3).
 *  4. No outcome is guessed: see putObject. Somebody else's object under an id ends this writer, once, by `onFenced`.
 *  5. A lone commit that somebody waits for leaves at once; while objects are under way the next one fills. An idle ledger has
 *     no timer and sends no request.
 *  6. Nothing leaves before `begin`: the ledger before this one must have been sealed with this one's name.
 */
import { assert, type Clock, TenaxError, type Timer } from '@tenax/kernel'
import { outcomeUnknown } from '../ledger-errors.ts'
import {
  LAG_MARK_MS,
  LAG_MARKS_MAX,
  OBJECT_BYTES_MAX,
  PUT_RETRY_MS_MAX,
  PUT_RETRY_MS_MIN,
  PUTS_MAX,
  SHIP_BACKLOG_BYTES_MAX,
  SHIP_EVERY_MS,
  SHIP_MEMORY_BYTES_MAX,
} from '../limits.ts'
import type { SegmentFiles } from '../segment-files.ts'
import type { LedgerName } from '../segment-list.ts'
import type { SegmentSink } from '../segment-sink.ts'
import { putObject } from './put-object.ts'
import { type DurableBatch, ShipQueue } from './ship-queue.ts'
import { encodeStored, packBody } from './stored-object.ts'
import type { StoredAt } from './walk-stored.ts'

/** Numbers that an owner may choose. */
export interface ShipSettings {
  /** What nobody waits for is stored so long after its fsync. Default 1 s. */
  readonly shipEveryMs: number
  /** Records of one object, unless a single batch has more. Default 4 MiB. */
  readonly objectBytesMax: number
  /** Objects that are under way or not acknowledged. Default 4. */
  readonly putsMax: number
  /** Batches that wait in memory. Default 16 MiB. */
  readonly memoryBytesMax: number
  /** Fsynced and not stored, on the local disk. Beyond it `hasRoom` is false. Default 1 GiB. */
  readonly backlogBytesMax: number
}

/** What a shipper is made with. */
export interface ShipperOptions {
  readonly ledger: LedgerName & { readonly dataId: string; readonly directory: string }
  readonly files: SegmentFiles
  readonly sink: SegmentSink
  readonly clock: Clock
  readonly settings?: Partial<ShipSettings>
  /** How old what ledgers before this one have left unstored may be: the lag begins with it. Default 0. */
  readonly initialLagMs?: number
  /** Hears where the next object stands when all before it are stored. It must not throw. */
  readonly onStored?: (at: StoredAt) => void
  /** This ledger can store nothing any more. What is not stored stays on the local disk. Called once. */
  readonly onFenced: (error: TenaxError) => void
}

/** Figures of a shipper. */
export interface ShipStats {
  /** Age of the oldest fsynced batch that is not stored, to a quarter of a second; 0 when all are. */
  readonly lagMs: number
  readonly putCount: number
  readonly putBytes: number
  /** Calls of the store that failed, or whose outcome was unknown. */
  readonly failureCount: number
  readonly unacknowledgedCount: number
  readonly memoryBytes: number
  readonly backlogBytes: number
}

interface Sent {
  readonly lastSeq: number
  readonly lastBatch: number
  /** Where the object behind it stands. */
  readonly next: StoredAt
  readonly segmentId: number
  readonly backlogBytes: number
  isStored: boolean
}

interface Waiting extends PromiseWithResolvers<void> {
  readonly seq: number
}

const DEFAULTS: ShipSettings = {
  shipEveryMs: SHIP_EVERY_MS,
  objectBytesMax: OBJECT_BYTES_MAX,
  putsMax: PUTS_MAX,
  memoryBytesMax: SHIP_MEMORY_BYTES_MAX,
  backlogBytesMax: SHIP_BACKLOG_BYTES_MAX,
}

/** The way of one ledger to object storage. */
export class Shipper {
  readonly #options: ShipperOptions
  readonly #settings: ShipSettings
  readonly #queue: ShipQueue
  readonly #sent: Sent[] = []
  readonly #waiting: Waiting[] = []
  #marks: { readonly batch: number; readonly atMs: number }[] = []
  #nextId = 0
  #hash = 0n
  #storedSeq = 0
  #taken = { batch: 0, seq: 0 }
  /** The last batch that is in an object, and the last that should be in one now. */
  #cutBatch = 0
  #dueBatch = 0
  #backlogBytes = 0
  #timer: Timer | undefined
  #isBegun = false
  #failure: unknown
  #failed: PromiseWithResolvers<void> | undefined
  #isPumping = false
  /** The segment that begins what was taken out of the queue and is packed now. */
  #packingFrom: number | undefined
  #ended: TenaxError | undefined
  #counts = { putCount: 0, putBytes: 0, failureCount: 0 }

  constructor(options: ShipperOptions) {
    this.#options = options
    this.#settings = { ...DEFAULTS, ...options.settings }
    const { directory, nonce } = options.ledger
    const { memoryBytesMax } = this.#settings
    this.#queue = new ShipQueue({ files: options.files, directory, nonce, memoryBytesMax })
    const { initialLagMs = 0, clock } = options
    if (initialLagMs > 0) this.#marks.push({ batch: 1, atMs: clock.monotonicMs() - initialLagMs })
  }

  /** From now on objects leave: this ledger is the one that the store goes on with. */
  begin(): void {
    this.#isBegun = true
    if (this.#taken.batch === 0) this.#marks = []
    this.#wake()
  }

  /** Every record up to this number is in object storage. */
  get storedSeq(): number {
    return this.#storedSeq
  }

  /** False when too much waits for the store: whoever commits should be refused before it. */
  get hasRoom(): boolean {
    return this.#backlogBytes <= this.#settings.backlogBytesMax
  }

  /**
   * Stores what is left, if the store takes it at the first try: resolves when all is stored, when a call has failed, or had failed
   * last, or when this writer has ended. Gives whether what was taken before the call is stored; more may have come since.
   */
  async flush(): Promise<boolean> {
    const { seq } = this.#taken
    if (this.#failure !== undefined || seq <= this.#storedSeq) return seq <= this.#storedSeq
    this.#failed = Promise.withResolvers<void>()
    await Promise.race([this.stored(seq), this.#failed.promise]).catch(() => undefined)
    return seq <= this.#storedSeq
  }

  /** What the last call of the store has failed with; undefined when it went well. It may take a while until the next one does. */
  get failure(): unknown {
    return this.#failure
  }

  /** The first segment that holds something which is not stored; undefined when all is. */
  get neededFrom(): number | undefined {
    return this.#sent[0]?.segmentId ?? this.#packingFrom ?? this.#queue.firstSegmentId
  }

  stats(): ShipStats {
    const oldestMs = this.#marks[0]?.atMs
    return {
      ...this.#counts,
      lagMs: oldestMs === undefined ? 0 : this.#options.clock.monotonicMs() - oldestMs,
      unacknowledgedCount: this.#sent.length,
      memoryBytes: this.#queue.memoryBytes,
      backlogBytes: this.#backlogBytes,
    }
  }

  /** Takes the next batch that was fsynced. */
  take(batch: DurableBatch): void {
    if (this.#ended !== undefined) return
    assert(batch.number === this.#taken.batch + 1, 'batches are stored without gaps')
    this.#taken = { batch: batch.number, seq: batch.lastSeq }
    this.#backlogBytes += batch.body.length
    this.#queue.add(batch)
    this.#mark(batch.number)
    this.#timer ??= this.#options.clock.after(this.#settings.shipEveryMs, () => {
      this.#timer = undefined
      this.#dueBatch = this.#taken.batch
      this.#wake()
    })
    if (this.#queue.memoryBytes >= this.#settings.objectBytesMax) this.#dueBatch = batch.number
    this.#wake()
  }

  #mark(batch: number): void {
    const nowMs = this.#options.clock.monotonicMs()
    const last = this.#marks.at(-1)
    if (last !== undefined && nowMs - last.atMs < LAG_MARK_MS) return
    if (this.#marks.length >= LAG_MARKS_MAX) this.#marks = this.#marks.filter((_, index) => index % 2 === 0)
    this.#marks.push({ batch, atMs: nowMs })
  }

  /**
   * Resolves when record `seq`, which must be fsynced, and all before it are in object storage; they leave at once.
   *
   * @throws TenaxError `outcome_unknown` when this writer has ended
   */
  stored(seq: number): Promise<void> {
    if (seq <= this.#storedSeq) return Promise.resolve()
    if (this.#ended !== undefined) return Promise.reject(outcomeUnknown(this.#ended))
    assert(seq <= this.#taken.seq, 'somebody waits for a record that is fsynced')
    const known = this.#waiting.find((one) => one.seq >= seq)
    if (known !== undefined) return known.promise
    const waiting = { seq: this.#taken.seq, ...Promise.withResolvers<void>() }
    this.#waiting.push(waiting)
    this.#dueBatch = this.#taken.batch
    this.#wake()
    return waiting.promise
  }

  #wake(): void {
    if (this.#isPumping || !this.#mayLeave()) return
    this.#isPumping = true
    void this.#pump()
  }

  #mayLeave(): boolean {
    return (
      this.#isBegun &&
      this.#ended === undefined &&
      this.#sent.length < this.#settings.putsMax &&
      this.#dueBatch > this.#cutBatch
    )
  }

  async #pump(): Promise<void> {
    try {
      while (this.#mayLeave()) {
        this.#packingFrom = this.#queue.firstSegmentId
        const batches = await this.#queue.take(this.#settings.objectBytesMax)
        const body = Buffer.concat(batches.map((batch) => batch.body))
        this.#send(batches, { body, packed: await packBody(body) })
        this.#packingFrom = undefined
      }
    } catch (error) {
      this.#end('what waits for object storage cannot be read back from the disk', error)
    } finally {
      this.#isPumping = false // in the same tick in which nothing might leave
    }
  }

  #send(batches: readonly DurableBatch[], { body, packed }: { body: Buffer; packed: Uint8Array }): void {
    const [first, last] = [batches[0], batches.at(-1)]
    assert(first !== undefined && last !== undefined, 'what is due is in the queue')
    if (this.#ended !== undefined) return
    const { dataId, epoch, nonce } = this.#options.ledger
    const { bytes, hash } = encodeStored(
      {
        ...{ dataId, epoch, nonce, id: this.#nextId, previousHash: this.#hash },
        ...{ firstBatch: first.number, batchCount: batches.length, firstSeq: first.firstSeq, lastSeq: last.lastSeq },
        recordCount: batches.reduce((sum, { recordCount }) => sum + recordCount, 0),
        ...{ cipher: 0, keyId: 0, successor: undefined, predecessors: [] },
      },
      body,
      packed,
    )
    const next = { id: this.#nextId + 1, previousHash: hash, firstBatch: last.number + 1, lastSeq: last.lastSeq }
    const sent: Sent = {
      ...{ lastBatch: last.number, lastSeq: last.lastSeq, next, segmentId: first.place.segmentId },
      ...{ backlogBytes: body.length, isStored: false },
    }
    this.#sent.push(sent)
    this.#cutBatch = last.number
    this.#hash = hash
    void this.#store(sent, this.#nextId, bytes)
    this.#nextId += 1
  }

  async #store(sent: Sent, id: number, bytes: Buffer): Promise<void> {
    const { sink, clock } = this.#options
    const end = await putObject({
      ...{ sink, clock, id, bytes, retryMsMin: PUT_RETRY_MS_MIN, retryMsMax: PUT_RETRY_MS_MAX },
      isGivenUp: () => this.#ended !== undefined,
      onFailure: (error) => {
        this.#counts.failureCount += 1
        this.#failure = error
        this.#failed?.resolve()
      },
    })
    if (end === 'given up' || this.#ended !== undefined) return
    if (end !== 'stored') {
      this.#end(`object ${id} of this ledger is taken by ${end.taken}`)
      return
    }
    sent.isStored = true
    this.#failure = undefined
    this.#counts.putCount += 1
    this.#counts.putBytes += bytes.length
    this.#acknowledge()
    this.#wake()
  }

  #acknowledge(): void {
    for (let first = this.#sent[0]; first?.isStored; first = this.#sent[0]) {
      this.#sent.shift()
      this.#storedSeq = first.lastSeq
      this.#backlogBytes -= first.backlogBytes
      this.#forgetMarks(first.lastBatch)
      this.#options.onStored?.(first.next)
    }
    while ((this.#waiting[0]?.seq ?? Number.POSITIVE_INFINITY) <= this.#storedSeq) this.#waiting.shift()?.resolve()
  }

  /** Keeps the last mark that is not younger than the first batch which is not stored. */
  #forgetMarks(storedBatch: number): void {
    if (storedBatch === this.#taken.batch) this.#marks = []
    while ((this.#marks[1]?.batch ?? Number.POSITIVE_INFINITY) <= storedBatch + 1) this.#marks.shift()
  }

  #end(message: string, cause?: unknown): void {
    if (this.#ended !== undefined) return
    const hint = 'another host goes on with this data, or its disk fails: stop here; what was not stored is in ledgers/'
    const error = new TenaxError('ledger_fenced', message, { cause, hint })
    this.stop(error)
    this.#options.onFenced(error)
  }

  /** Ends it without an answer from the store; whoever waits hears `outcome_unknown`. What is under way may still be stored. */
  stop(reason = new TenaxError('unavailable', 'the host is stopping')): void {
    if (this.#ended !== undefined) return
    this.#ended = reason
    this.#timer?.cancel()
    for (const { reject } of this.#waiting.splice(0)) reject(outcomeUnknown(reason))
  }
}
