/**
 * The segments of one ledger as its writer sees them: the current one, the spare behind it, the old ones before it.
 *
 * 1. A segment is begun only when everything in the one before it is fsynced: so its header, and each batch's
 *    `durableEnd`, tell the truth (LEDGER F1).
 * 2. A segment's name is durable before a batch in it can be (F4).
 * 3. Batch number and hash move on only when a batch was written whole: what the disk refused is written again, unchanged.
 * 4. A segment in which a write failed gets no more batches, unless it has none: then it is written again from its start.
 *
 * `write` and `rollOver` answer `full` for a disk without room (F3) and throw for everything else; whatever `sync` throws
 * ends the epoch (F2). Calls do not overlap, but for the spare, which is made behind them.
 */
import { assert, TenaxError } from '@tenax/kernel'
import type { PendingBatch } from './batch-buffer.ts'
import { encodeBatchHeader, type LedgerPlace } from './core/batch-header.ts'
import { batchSeed, hash64 } from './core/hash.ts'
import { BATCH_HEADER_BYTES, SEGMENT_HEADER_BYTES } from './core/layout.ts'
import { encodeSegmentHeader, type LedgerCut } from './core/segment-header.ts'
import {
  isDiskFull,
  parseSegmentName,
  type SegmentFile,
  type SegmentFiles,
  segmentName,
  systemCodeOf,
} from './segment-files.ts'
import { type Spare, SpareSegment } from './spare-segment.ts'

/** Which ledger, and where. */
export interface LedgerIdentity {
  readonly directory: string
  readonly epoch: number
  /** 20 characters a-z, 0-9, random: no two ledgers share it. */
  readonly nonce: string
  /** The data directory's id, 20 characters a-z, 0-9. */
  readonly dataId: string
  /** Where recovery cut torn tails of earlier ledgers. */
  readonly cuts: readonly LedgerCut[]
}

/** What a write came to. */
export type WriteOutcome = 'done' | 'full'

interface CurrentSegment {
  readonly id: number
  readonly file: SegmentFile
  readonly header: Buffer
  /** Its length when it got its name. */
  readonly filledBytes: number
  hasHeader: boolean
  hasFailed: boolean
  /** Where the next batch goes. */
  end: number
}

/** What a chain is made with. */
export interface SegmentChainOptions {
  readonly identity: LedgerIdentity
  readonly files: SegmentFiles
  readonly segmentBytesMax: number
}

/** The writing end of a ledger's files. */
export class SegmentChain {
  readonly #identity: LedgerIdentity
  readonly #files: SegmentFiles
  readonly #segmentBytesMax: number
  readonly #seed: bigint
  readonly #spare: SpareSegment
  /** Bytes of the segments before the current one, oldest first. */
  readonly #old = new Map<number, number>()
  #current: CurrentSegment | undefined
  #nextBatch = 1
  #lastHash = 0n
  #durableEnd: LedgerPlace = { segmentId: 0, offset: 0 }

  private constructor({ identity, files, segmentBytesMax }: SegmentChainOptions) {
    this.#identity = identity
    this.#files = files
    this.#segmentBytesMax = segmentBytesMax
    this.#seed = batchSeed(identity.nonce)
    this.#spare = new SpareSegment({ files, directory: identity.directory, fillBytes: segmentBytesMax })
  }

  /**
   * Makes the directory and segment 0, durable before it resolves.
   *
   * @throws TenaxError `data_in_use` when a ledger is there already, `storage_full` when the disk is
   */
  static async create(options: SegmentChainOptions): Promise<SegmentChain> {
    const { directory } = options.identity
    await options.files.makeDirectory(directory)
    const names = await options.files.list(directory)
    if (names.some((name) => parseSegmentName(name) !== undefined)) {
      throw new TenaxError('data_in_use', 'a ledger with this epoch and nonce exists', { hint: 'begin a new epoch' })
    }
    const chain = new SegmentChain(options)
    await chain.#spare.prepare()
    if ((await chain.rollOver(0)) === 'full' || (await chain.#writeHeader(chain.#segment)) === 'full') {
      throw new TenaxError('storage_full', 'no room on the disk for a ledger', { hint: 'make room, then start again' })
    }
    await chain.sync()
    return chain
  }

  get #segment(): CurrentSegment {
    assert(this.#current !== undefined, 'a chain has a current segment')
    return this.#current
  }

  /** Id of the segment that batches go to. */
  get currentId(): number {
    return this.#segment.id
  }

  /** Id of the first segment on disk. */
  get oldestId(): number {
    return this.#old.keys().next().value ?? this.#segment.id
  }

  /** Bytes of all segments on disk, the spare included. */
  get diskBytes(): number {
    const { filledBytes, end } = this.#segment
    let bytes = Math.max(filledBytes, end) + this.#spare.diskBytes
    for (const each of this.#old.values()) bytes += each
    return bytes
  }

  /** True when the next segment lies ready: a disk that is full now will still take one segment. */
  get hasSpare(): boolean {
    return this.#spare.isReady
  }

  /** True when a batch of `batchBytes` goes to the current segment; otherwise sync, then `rollOver`. */
  hasRoomFor(batchBytes: number): boolean {
    const { hasFailed, end } = this.#segment
    return !hasFailed && (end === SEGMENT_HEADER_BYTES || end + batchBytes <= this.#segmentBytesMax)
  }

  /** Begins the next segment. Everything before must be synced. `firstNeeded` is the durable low watermark. */
  async rollOver(firstNeeded: number): Promise<WriteOutcome> {
    const last = this.#current
    assert(last === undefined || this.#durableEnd.offset === last.end, 'a segment begins when the last one is durable')
    const id = last === undefined ? 0 : last.id + 1
    let next: Spare
    try {
      next = await this.#spare.take(segmentName(id), this.#headerOf(id, firstNeeded, SEGMENT_HEADER_BYTES))
    } catch (error) {
      if (isDiskFull(error)) return 'full'
      throw error
    }
    await this.syncNames()
    if (last !== undefined) {
      this.#old.set(last.id, Math.max(last.filledBytes, last.end))
      await last.file.close()
    }
    const header = this.#headerOf(id, firstNeeded, next.filledBytes)
    this.#current = { ...next, id, header, hasFailed: false, end: SEGMENT_HEADER_BYTES }
    if (last !== undefined) this.prepareSpare()
    return 'done'
  }

  #headerOf(segmentId: number, firstNeeded: number, fileBytesMin: number): Buffer {
    return encodeSegmentHeader({
      ...this.#identity,
      segmentId,
      firstBatch: this.#nextBatch,
      previousHash: this.#lastHash,
      firstNeeded,
      fileBytesMin,
      cipher: 0,
      keyId: 0,
    })
  }

  /** Makes the next segment ready behind whatever goes on. Without room for it nothing happens. */
  prepareSpare(): void {
    void this.#spare.prepare()
  }

  /** Writes `batch` behind the last one. It is durable after the next `sync`. */
  async write(batch: PendingBatch): Promise<WriteOutcome> {
    const segment = this.#segment
    assert(this.hasRoomFor(batch.end), 'a batch fits its segment')
    if ((await this.#writeHeader(segment)) === 'full') return 'full'
    const bytes = batch.bytes.subarray(0, batch.end)
    const hash = encodeBatchHeader(
      bytes,
      {
        epoch: this.#identity.epoch,
        segmentId: segment.id,
        number: this.#nextBatch,
        previousHash: this.#lastHash,
        durableEnd: this.#durableEnd,
        recordCount: batch.recordCount,
        firstSeq: batch.firstSeq,
        bodyBytes: batch.end - BATCH_HEADER_BYTES,
        bodyHash: hash64(bytes.subarray(BATCH_HEADER_BYTES), this.#seed),
      },
      this.#seed,
    )
    if ((await tryWrite(segment.file, bytes, segment.end)) === 'full') {
      segment.hasFailed = segment.end > SEGMENT_HEADER_BYTES
      return 'full'
    }
    batch.written = { place: { segmentId: segment.id, offset: segment.end }, number: this.#nextBatch }
    segment.end += batch.end
    this.#nextBatch += 1
    this.#lastHash = hash
    return 'done'
  }

  async #writeHeader(segment: CurrentSegment): Promise<WriteOutcome> {
    if (segment.hasHeader) return 'done'
    const outcome = await tryWrite(segment.file, segment.header, 0)
    segment.hasHeader = outcome === 'done'
    return outcome
  }

  /** Makes everything written durable. */
  async sync(): Promise<void> {
    const { id, file, end } = this.#segment
    await file.sync()
    this.#durableEnd = { segmentId: id, offset: end }
  }

  /** Removes the segments before `firstNeeded`, oldest first. Durable after `syncNames`. Answers how many. */
  async removeBefore(firstNeeded: number): Promise<number> {
    let removedCount = 0
    for (const id of this.#old.keys()) {
      if (id >= firstNeeded) break
      try {
        await this.#files.remove(`${this.#identity.directory}/${segmentName(id)}`)
      } catch (error) {
        if (systemCodeOf(error) !== 'ENOENT') throw error
      }
      this.#old.delete(id)
      removedCount += 1
    }
    return removedCount
  }

  /** Makes the names in the directory durable. Whatever it throws ends the epoch. */
  syncNames(): Promise<void> {
    return this.#files.syncDirectory(this.#identity.directory)
  }

  /** Closes the files and removes the spare. Everything must be synced. */
  async close(): Promise<void> {
    await this.#spare.discard()
    await this.#segment.file.close()
  }
}

async function tryWrite(file: SegmentFile, bytes: Uint8Array, offset: number): Promise<WriteOutcome> {
  try {
    await file.write(bytes, offset)
    return 'done'
  } catch (error) {
    if (isDiskFull(error)) return 'full'
    throw error
  }
}
