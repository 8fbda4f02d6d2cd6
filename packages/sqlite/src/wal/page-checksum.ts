/**
 * The checksum of a database's content (LEDGER X1): the XOR, over all pages but the lock page, of XXH64 of the page's bytes
 * with the page's number as seed (https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md). It depends on no order, so a commit changes
 * it by its own pages only: out with their former hashes, in with the new ones.
 *
 * It finds accidents. It is no proof against somebody who chooses pages so that it stays the same.
 */
import { read, readSync } from 'node:fs'
import { promisify } from 'node:util'
import { xxh64 } from '@node-rs/xxhash'
import { assert } from '@tenax/kernel'
import { PAGE_BYTES } from '../limits.ts'
import type { CapturedPage } from './capture.ts'
import { LOCK_PAGE_NUMBER } from './wal-format.ts'

const readOffLoop = promisify(read)

/** Pages hashed between two turns of the event loop: 1 MiB, some 150 µs. */
const PAGES_PER_TURN = 256

/**
 * The hash of one page, which depends on its number: an unsigned integer of 64 bits.
 *
 * @example
 * const checksumAfter = checksumBefore ^ hashPage(3, before) ^ hashPage(3, after)
 */
export function hashPage(number: number, bytes: Uint8Array): bigint {
  return xxh64(bytes, BigInt(number))
}

/**
 * The checksum of the first `pages` pages of the main file behind `descriptor`, read a MiB at a time off the event loop. The
 * file must be frozen meanwhile, and its log empty. `beforeRead` may throw, to end it while the descriptor is still open.
 *
 * @throws InvariantError when the file is shorter; what `beforeRead` throws
 */
export async function checksumOfFile(
  descriptor: number,
  pages: number,
  beforeRead: () => void = () => undefined,
): Promise<bigint> {
  const buffer = Buffer.alloc(PAGES_PER_TURN * PAGE_BYTES)
  let checksum = 0n
  for (let first = 1; first <= pages; first += PAGES_PER_TURN) {
    const count = Math.min(PAGES_PER_TURN, pages - first + 1)
    beforeRead()
    await readWhole(descriptor, buffer.subarray(0, count * PAGE_BYTES), (first - 1) * PAGE_BYTES)
    for (let index = 0; index < count; index += 1) {
      if (first + index === LOCK_PAGE_NUMBER) continue
      checksum ^= hashPage(first + index, buffer.subarray(index * PAGE_BYTES, (index + 1) * PAGE_BYTES))
    }
  }
  return checksum
}

async function readWhole(descriptor: number, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesRead } = await readOffLoop(descriptor, bytes, done, bytes.length - done, position + done)
    assert(bytesRead > 0, 'the main file has all its pages')
    done += bytesRead
  }
}

/** Where a checksum is carried on from: its value, undefined when nobody knows it, and the size of the database there. */
export interface ChecksumPosition {
  readonly checksum: bigint | undefined
  readonly databasePages: number
}

/** Commits as the checksum takes them: the last image of each page, each page at most once. */
export interface ChecksumChange {
  readonly pages: Iterable<CapturedPage>
  readonly databasePages: number
}

/** Memory for one former image: nobody keeps it. */
const scratch = Buffer.alloc(PAGE_BYTES)

/**
 * Carries the checksum of an open file from commit to commit. The former hash of a page comes from the pages that are in the
 * log, which are remembered (some 80 bytes each, until the checkpoint), or else from the main file, which holds its image as
 * of the last checkpoint, because nothing but checkpoints writes there.
 *
 * States: *known*; *unknown*, with what changed since the last checkpoint, so that a look at the main file makes it known
 * again; *lost*, until a checkpoint, because nobody can say what the main file and the log were.
 */
export class FileChecksum {
  readonly #descriptor: number
  /** Hashes of the pages in the log. */
  readonly #hashes = new Map<number, bigint>()
  #value: bigint | undefined
  /** What the commits since the last checkpoint have changed. Undefined: the main file may be torn, or a stranger's. */
  #change: bigint | undefined = 0n
  #databasePages: number
  #mainPages: number

  /** `descriptor` is the host's own of the main file; it stays open for as long as this is used. The log is empty. */
  constructor(descriptor: number, { checksum, databasePages }: ChecksumPosition) {
    this.#descriptor = descriptor
    this.#value = checksum
    this.#databasePages = databasePages
    this.#mainPages = databasePages
  }

  /** The checksum after the last commit that was applied; undefined when it is not known. */
  get value(): bigint | undefined {
    return this.#value
  }

  /** Pages of the main file as of the last checkpoint. */
  get mainPages(): number {
    return this.#mainPages
  }

  /** Takes a log that the value has in it already: recovery wrote it, over a main file that may be torn. */
  takeRedone({ pages, databasePages }: ChecksumChange): void {
    for (const { number, bytes } of pages) this.#hashes.set(number, hashPage(number, bytes))
    this.#change = undefined
    this.#databasePages = databasePages
  }

  /** Takes the pages of commits into the checksum. */
  apply({ pages, databasePages }: ChecksumChange): void {
    const pagesBefore = this.#databasePages
    this.#databasePages = databasePages
    if (this.#isLost) return
    let change = 0n
    for (const { number, bytes } of pages) {
      if (number <= pagesBefore) change ^= this.hashOf(number)
      const hash = hashPage(number, bytes)
      this.#hashes.set(number, hash)
      change ^= hash
    }
    for (let number = databasePages + 1; number <= pagesBefore; number += 1) {
      if (number !== LOCK_PAGE_NUMBER) change ^= this.hashOf(number)
    }
    if (this.#value !== undefined) this.#value ^= change
    if (this.#change !== undefined) this.#change ^= change
  }

  get #isLost(): boolean {
    return this.#value === undefined && this.#change === undefined
  }

  /** The hash of a page of the database as it is after the last commit that was applied. */
  hashOf(number: number): bigint {
    const known = this.#hashes.get(number)
    if (known !== undefined) return known
    const bytesRead = readSync(this.#descriptor, scratch, 0, PAGE_BYTES, (number - 1) * PAGE_BYTES)
    assert(bytesRead === PAGE_BYTES, 'a page that is not in the log is in the main file')
    return hashPage(number, scratch)
  }

  /** The main file holds everything that was applied, and the log is empty. */
  checkpointed(): void {
    this.#hashes.clear()
    this.#change = 0n
    this.#mainPages = this.#databasePages
  }

  /** Somebody else has changed the file, or may have. */
  lose(): void {
    this.#hashes.clear()
    this.#value = undefined
    this.#change = undefined
  }

  /**
   * What the pages of the main file must come to, as of the last checkpoint, now that they are known to come to `found`: that
   * itself when nobody knew, and then it is known from here on. Undefined when nothing can be said before the next checkpoint.
   */
  expectedOfMain(found: bigint): bigint | undefined {
    if (this.#change === undefined) return undefined
    this.#value ??= found ^ this.#change
    return this.#value ^ this.#change
  }
}
