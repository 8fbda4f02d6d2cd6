/**
 * Follows the live write-ahead log of one open file, so that each commit's pages can go to the ledger (LEDGER C3).
 *
 * It reads `-wal` through a descriptor of its own, which is harmless: that file carries no locks. It never opens `-shm`
 * (LEDGER C5). Nothing of the log's length is believed; see `wal-format.ts` and `chain-scan.ts`.
 *
 * Invariants:
 *  1. The position is after a commit frame of the log whose header is known, or at the start of a log not yet seen.
 *  2. Another header means another log: it is read from its first frame. It goes on from what the main file has: a stranger
 *     may have committed to a log before it that nobody captured, and moved that.
 *  3. The position moves only when a scan has ended well. One that throws leaves it, so nothing is passed over.
 */
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs'
import { assert } from '@tenax/kernel'
import { PAGE_BYTES } from '../limits.ts'
import type { Capture } from './capture.ts'
import { type ChainPosition, ChainScan, type WalWords } from './chain-scan.ts'
import { BLOCK_FRAMES_MAX, FrameBlock } from './frame-block.ts'
import { FRAME_BYTES, parseWalHeader, WAL_HEADER_BYTES, walMemory } from './wal-format.ts'

/** Frames read first, when the last commit was small: page, root, `tenax_meta`, and one more that ends the chain. */
const FIRST_FRAMES_MIN = 4

const block = new FrameBlock()
const headerMemory = walMemory(WAL_HEADER_BYTES)
const HEADER_WORDS = WAL_HEADER_BYTES / 4

/** The log that the position is in. `words` are its header's, as they lie in memory. */
interface KnownLog {
  readonly words: Int32Array
  readonly firstSalt: number
}

/** Reads what each COMMIT adds to the log. One per open file; its caller's queue keeps commits and captures apart. */
export class WalReader {
  readonly #path: string
  readonly #inode: number
  /** None while the reader rests. */
  #descriptor: number | undefined
  #log: KnownLog | undefined
  #position: ChainPosition
  /** Where the last capture began. */
  #before: { readonly position: ChainPosition; readonly restartCount: number; readonly isFirstLog: boolean } | undefined
  #restartCount = 0
  #framesExpected = FIRST_FRAMES_MIN
  /** Until then the size of the database is what SQLite said of it, its log included. */
  #hasLooked = false
  #hasCaptured = false
  #isClosed = false

  private constructor(path: string, databasePages: number) {
    this.#path = path
    this.#descriptor = openSync(path, 'r')
    this.#inode = fstatSync(this.#descriptor).ino
    this.#position = { frame: 0, sum: new Int32Array(2), databasePages }
  }

  /**
   * Opens the log of the main file at `path`. Its connection is open and has read the file, which makes the log exist.
   * `databasePages` is `PRAGMA page_count`. What is in the log already comes with the first capture.
   *
   * @throws Error `ENOENT` when there is no log
   * @example
   * const reader = WalReader.open(file.path, file.sizes().pageCount)
   * file.engine('COMMIT').get()
   * const { lsn } = proveCommits(reader.capture(metaPage), lsnBefore)
   */
  static open(path: string, databasePages: number): WalReader {
    return new WalReader(`${path}-wal`, databasePages)
  }

  /**
   * Closes the log's descriptor until it is needed again: for files that are written seldom. The next capture then throws
   * InvariantError when the log has lost its name meanwhile, or another file has got it.
   */
  rest(): void {
    if (this.#descriptor === undefined) return
    closeSync(this.#descriptor)
    this.#descriptor = undefined
  }

  #awake(): number {
    if (this.#descriptor !== undefined) return this.#descriptor
    assert(!this.#isClosed, 'a closed reader captures nothing')
    const inode = statSync(this.#path, { throwIfNoEntry: false })?.ino
    assert(inode === this.#inode, 'the live log has its name')
    this.#descriptor = openSync(this.#path, 'r')
    return this.#descriptor
  }

  /**
   * What was committed since the last capture, or undefined when nothing was. Call it after a COMMIT that succeeded, before
   * anything else runs on the connection. `metaPage` is the root page of `tenax_meta` now: VACUUM may move it.
   *
   * @throws InvariantError when a commit grew the database by a page that is not in it, or the log is no log of ours
   */
  capture(metaPage: number): Capture | undefined {
    // Frames that go on from the position are of the known log, whatever the header says: they have its salts and its chain.
    const further = this.#log === undefined ? undefined : this.#take(this.#walk(this.#scanOf(this.#log, metaPage)))
    if (further !== undefined) return further
    const scan = this.#beginScan(metaPage)
    return scan === undefined ? undefined : this.#take(this.#walk(scan))
  }

  /** The last capture once more, when what it holds has moved `tenax_meta` to another page than it was read with. */
  captureAgain(metaPage: number): Capture | undefined {
    assert(this.#before !== undefined, 'there was a capture')
    this.#position = this.#before.position
    this.#restartCount = this.#before.restartCount
    this.#hasCaptured = !this.#before.isFirstLog
    return this.capture(metaPage)
  }

  #walk(scan: ChainScan): ChainScan {
    for (let frameCount = this.#framesExpected; scan.readBlock(frameCount); ) frameCount = BLOCK_FRAMES_MAX
    return scan
  }

  /**
   * As `capture`, for a commit that may be large (VACUUM, CREATE INDEX): `turn` is awaited after every 64 frames, so that
   * other tenants run. Nothing may run on this file's connection until it resolves.
   */
  async captureInTurns(metaPage: number, turn: () => Promise<void>): Promise<Capture | undefined> {
    const scan = this.#beginScan(metaPage)
    if (scan === undefined) return undefined
    while (scan.readBlock(BLOCK_FRAMES_MAX)) await turn()
    return this.#take(scan)
  }

  /** Closes the log's descriptor. Closing twice is harmless. */
  close(): void {
    this.#isClosed = true
    this.rest()
  }

  #beginScan(metaPage: number): ChainScan | undefined {
    const log = this.#currentLog()
    return log === undefined ? undefined : this.#scanOf(log, metaPage)
  }

  #scanOf(log: KnownLog, metaPage: number): ChainScan {
    const salts: WalWords = [log.words[4] ?? 0, log.words[5] ?? 0]
    return new ChainScan({ descriptor: this.#awake(), block, salts, metaPage }, this.#position)
  }

  /** The log that the file holds now; undefined when a checkpoint has cut it to nothing. */
  #currentLog(): KnownLog | undefined {
    const bytesRead = readSync(this.#awake(), headerMemory.bytes, 0, WAL_HEADER_BYTES, 0)
    const isFirstLook = !this.#hasLooked
    this.#hasLooked = true
    if (bytesRead < WAL_HEADER_BYTES) return undefined
    const known = this.#log
    if (known !== undefined && isSame(known.words, headerMemory.words)) return known
    const header = parseWalHeader(headerMemory)
    assert(header !== undefined, 'the header of the log has the checksum of its bytes')
    if (known !== undefined) this.#restartCount += (header.firstSalt - known.firstSalt) >>> 0
    this.#log = { words: headerMemory.words.slice(), firstSalt: header.firstSalt }
    const databasePages = isFirstLook ? this.#position.databasePages : this.#mainPages()
    this.#position = { frame: 0, sum: header.sum, databasePages }
    return this.#log
  }

  /** Pages of the main file by its directory entry: a new log begins only when all of the one before has been moved there. */
  #mainPages(): number {
    return statSync(this.#path.slice(0, -'-wal'.length)).size / PAGE_BYTES
  }

  #take(scan: ChainScan): Capture | undefined {
    if (scan.commits.length === 0) return undefined
    const before = this.#position
    const isFirstLog = !this.#hasCaptured
    this.#hasCaptured = true
    const { end } = scan
    const frameCount = end.frame - before.frame
    const capture: Capture = {
      commits: scan.commits,
      pages: { [Symbol.iterator]: () => scan.pages() },
      pageCount: scan.lastFrames.size,
      hasFirstPage: scan.lastFrames.has(1),
      frameCount,
      databasePagesBefore: before.databasePages,
      databasePages: end.databasePages,
      walBytes: WAL_HEADER_BYTES + end.frame * FRAME_BYTES,
      restartCount: this.#restartCount,
      isFirstLog,
      isUnlinked: fstatSync(this.#awake()).nlink === 0,
    }
    this.#before = { position: before, restartCount: this.#restartCount, isFirstLog }
    this.#position = end
    this.#restartCount = 0
    this.#framesExpected = Math.min(Math.max(frameCount + 1, FIRST_FRAMES_MIN), BLOCK_FRAMES_MAX)
    return capture
  }
}

function isSame(one: Int32Array, other: Int32Array): boolean {
  for (let index = 0; index < HEADER_WORDS; index += 1) {
    if (one[index] !== other[index]) return false
  }
  return true
}
