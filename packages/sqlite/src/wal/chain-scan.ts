/**
 * Walks one log along its chain of salts and checksums, from a known frame to the last commit frame of the unbroken chain,
 * which is SQLite's `mxFrame` (LEDGER C3).
 *
 * Invariants:
 *  1. A frame counts when its salts are the header's and its checksum goes on from the frame before. Whatever follows, the rest
 *     of a rolled-back transaction or of a former log, breaks one of the two.
 *  2. Frames after the last commit frame belong to nobody: they are walked and forgotten.
 *  3. Every page that a commit adds to the database is among its own frames, the lock page excepted; it is asserted here.
 */
import { assert } from '@tenax/kernel'
import type { CapturedCommit, CapturedPage } from './capture.ts'
import { BLOCK_FRAMES_MAX, type FrameBlock } from './frame-block.ts'
import { readMetaLsn } from './meta-lsn.ts'
import { addFrameToSum, type ChainSum, FRAME_BYTES, FRAME_HEADER_BYTES, LOCK_PAGE_NUMBER } from './wal-format.ts'

/** A place in the chain: the next frame, the checksum up to it, and the size of the database there. */
export interface ChainPosition {
  readonly frame: number
  readonly sum: ChainSum
  readonly databasePages: number
}

/** What a scan works on. `salts` are the header's two words as they lie in memory. */
export interface ScanSource {
  readonly descriptor: number
  readonly block: FrameBlock
  readonly salts: WalWords
  readonly metaPage: number
}

/** Two words in this machine's order, compared and never computed with. */
export type WalWords = readonly [number, number]

/** One walk. `readBlock` until it says false; then `commits`, `lastFrames` and `end` hold what was found. */
export class ChainScan {
  readonly commits: CapturedCommit[] = []
  /** The frame of the last image of each page that is in the database at `end`. */
  readonly lastFrames = new Map<number, number>()
  /** After the last commit frame. */
  end: ChainPosition
  readonly #source: ScanSource
  readonly #sum: ChainSum
  #frame: number
  #numbers: number[] = []
  #lsn: bigint | undefined

  constructor(source: ScanSource, start: ChainPosition) {
    this.#source = source
    this.end = start
    this.#frame = start.frame
    this.#sum = start.sum.slice()
  }

  /** Walks up to `frameCount` frames more; false when the chain or the file has ended. */
  readBlock(frameCount: number): boolean {
    const { block, descriptor } = this.#source
    const count = block.load(this, descriptor, { first: this.#frame, count: frameCount })
    for (let index = 0; index < count; index += 1) {
      if (!this.#takeFrame(index * FRAME_BYTES)) return false
    }
    return count === frameCount
  }

  #takeFrame(offset: number): boolean {
    const { memory } = this.#source.block
    const { bytes } = memory
    if (!this.#hasSalts(offset)) return false
    addFrameToSum(this.#sum, memory, offset)
    if (bytes.readInt32BE(offset + 16) !== this.#sum[0] || bytes.readInt32BE(offset + 20) !== this.#sum[1]) return false
    const number = bytes.readUInt32BE(offset)
    this.#numbers.push(number)
    this.#frame += 1
    if (number === this.#source.metaPage) this.#lsn = readMetaLsn(this.#pageAt(offset))
    const databasePages = bytes.readUInt32BE(offset + 4)
    if (databasePages > 0) this.#takeCommit(databasePages)
    return true
  }

  #hasSalts(offset: number): boolean {
    const { block, salts } = this.#source
    const word = offset >> 2
    return block.memory.words[word + 2] === salts[0] && block.memory.words[word + 3] === salts[1]
  }

  #pageAt(offset: number): Uint8Array {
    return this.#source.block.memory.bytes.subarray(offset + FRAME_HEADER_BYTES, offset + FRAME_BYTES)
  }

  #takeCommit(databasePages: number): void {
    const first = this.end.frame
    const before = this.end.databasePages
    for (const [index, number] of this.#numbers.entries()) {
      // A transaction that spilled may have written pages that it cut off in the end.
      if (number <= databasePages) this.lastFrames.set(number, first + index)
    }
    if (databasePages < before) this.#forgetBeyond(databasePages)
    for (let number = before + 1; number <= databasePages; number += 1) {
      const isThere = number === LOCK_PAGE_NUMBER || (this.lastFrames.get(number) ?? -1) >= first
      assert(
        isThere,
        `page ${number} is in the commit that grows the database from ${before} to ${databasePages} pages`,
      )
    }
    this.commits.push({ frameCount: this.#numbers.length, databasePages, lsn: this.#lsn })
    this.end = { frame: this.#frame, sum: this.#sum.slice(), databasePages }
    this.#numbers = []
    this.#lsn = undefined
  }

  #forgetBeyond(databasePages: number): void {
    for (const number of this.lastFrames.keys()) {
      if (number > databasePages) this.lastFrames.delete(number)
    }
  }

  /**
   * The last image of each page, in the order of the log: views of the block while it holds them all. Otherwise they are read
   * again on the way, and copied, since each load of the block takes the one before it away.
   */
  *pages(): Generator<CapturedPage> {
    const { block, descriptor } = this.#source
    const frames = [...this.lastFrames].sort(([, one], [, other]) => one - other)
    const isHeld = frames.every(([, frame]) => block.offsetOf(this, frame) !== undefined)
    for (const [number, frame] of frames) {
      if (block.offsetOf(this, frame) === undefined) {
        block.load(this, descriptor, { first: frame, count: Math.min(BLOCK_FRAMES_MAX, this.end.frame - frame) })
      }
      const offset = block.offsetOf(this, frame)
      const isSame = offset !== undefined && this.#hasSalts(offset)
      assert(
        isSame && block.memory.bytes.readUInt32BE(offset) === number,
        'a capture is read before the log is begun anew',
      )
      const bytes = this.#pageAt(offset)
      yield { number, bytes: isHeld ? bytes : new Uint8Array(bytes) }
    }
  }
}
