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
 * file must be frozen meanwhile, and its log empty.
 *
 * @throws InvariantError when the file is shorter
 */
export async function checksumOfFile(descriptor: number, pages: number): Promise<bigint> {
  const buffer = Buffer.alloc(PAGES_PER_TURN * PAGE_BYTES)
  let checksum = 0n
  for (let first = 1; first <= pages; first += PAGES_PER_TURN) {
    const count = Math.min(PAGES_PER_TURN, pages - first + 1)
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

/** A position of the checksum: its value, and the size of the database that it is about. */
export interface ChecksumPosition {
  readonly checksum: bigint
  readonly databasePages: number
}

/**
 * Carries the checksum of an open file from commit to commit. It remembers the hash of each page that it has seen, 9 bytes a
 * page up to the highest, and reads a page seen for the first time from the main file, which holds its former image because
 * only checkpoints write there. So it begins where the log is empty, and sees every commit from there on.
 */
export class FileChecksum {
  readonly #descriptor: number
  readonly #scratch = Buffer.alloc(PAGE_BYTES)
  #position: ChecksumPosition
  #hashes = new BigUint64Array(64)
  #isKnown = new Uint8Array(64)

  /** `descriptor` is the host's own of the main file; it stays open for as long as this is used. */
  constructor(descriptor: number, start: ChecksumPosition) {
    this.#descriptor = descriptor
    this.#position = start
  }

  /** The checksum after the last commit that was applied. */
  get value(): bigint {
    return this.#position.checksum
  }

  /** Takes the pages of a commit, each at most once, into the checksum. */
  apply(commit: { readonly pages: Iterable<CapturedPage>; readonly databasePages: number }): void {
    const { databasePages: pagesBefore } = this.#position
    let { checksum } = this.#position
    for (const { number, bytes } of commit.pages) {
      if (number <= pagesBefore) checksum ^= this.#hashBefore(number)
      const hash = hashPage(number, bytes)
      this.#remember(number, hash)
      checksum ^= hash
    }
    for (let number = commit.databasePages + 1; number <= pagesBefore; number += 1) {
      if (number !== LOCK_PAGE_NUMBER) checksum ^= this.#hashBefore(number)
    }
    this.#position = { checksum, databasePages: commit.databasePages }
  }

  #hashBefore(number: number): bigint {
    if (this.#isKnown[number] === 1) return this.#hashes[number] ?? 0n
    const bytesRead = readSync(this.#descriptor, this.#scratch, 0, PAGE_BYTES, (number - 1) * PAGE_BYTES)
    assert(bytesRead === PAGE_BYTES, 'a page that was never seen to change is in the main file')
    return hashPage(number, this.#scratch)
  }

  #remember(number: number, hash: bigint): void {
    if (number >= this.#hashes.length) this.#growTo(Math.max(number + 1, this.#hashes.length * 2))
    this.#hashes[number] = hash
    this.#isKnown[number] = 1
  }

  #growTo(count: number): void {
    const hashes = new BigUint64Array(count)
    hashes.set(this.#hashes)
    const isKnown = new Uint8Array(count)
    isKnown.set(this.#isKnown)
    this.#hashes = hashes
    this.#isKnown = isKnown
  }
}
