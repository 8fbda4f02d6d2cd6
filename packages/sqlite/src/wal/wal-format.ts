/**
 * The bytes of SQLite's write-ahead log (https://sqlite.org/fileformat2.html section 4). All fields are big-endian.
 *
 *     header, 32 bytes                          frame, 24 bytes and a page
 *      0  magic, its last bit: checksum order    0  page number
 *      4  3007000                                4  pages of the database after this commit, 0 within one
 *      8  bytes of a page                        8  salts, as in the header
 *     12  checkpoint sequence                   16  checksum of all before it: header, then of each frame
 *     16  salts, two words                          the first 8 bytes and the page
 *     24  checksum of the first 24 bytes        24  the page
 *
 * A log that was moved into the main file is begun anew in place: the header gets new salts, and frames of the former log
 * stay behind it. So the length says nothing; only frames whose salts are the header's and whose checksums go on from it count.
 */
import { assert } from '@tenax/kernel'
import { PAGE_BYTES } from '../limits.ts'

/** Bytes before the first frame. */
export const WAL_HEADER_BYTES = 32

/** Bytes of a frame before its page. */
export const FRAME_HEADER_BYTES = 24

/** Bytes of a frame. A multiple of 4, so that every frame lies on a boundary of words. */
export const FRAME_BYTES = FRAME_HEADER_BYTES + PAGE_BYTES

/** The page at 1 GiB, whose bytes are SQLite's locks: it holds no data and is never written. */
export const LOCK_PAGE_NUMBER = 2 ** 30 / PAGE_BYTES + 1

const MAGIC = 0x377f0682
const WAL_VERSION = 3_007_000

/** This machine's order of bytes, which is the order of the checksum in every log that its SQLite writes. */
const MAGIC_HERE = MAGIC + (new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 0 : 1)

/** The two halves of the running checksum; each step changes it in place. */
export type ChainSum = Int32Array

/** Two random words that tell one log from the next. */
export type WalSalts = readonly [number, number]

/** A block of memory, seen as words for checksums and as bytes for everything else. */
export interface WalMemory {
  readonly words: Int32Array
  readonly bytes: Buffer
}

/** New memory for `byteCount` bytes, a multiple of 8. */
export function walMemory(byteCount: number): WalMemory {
  const memory = new ArrayBuffer(byteCount)
  return { words: new Int32Array(memory), bytes: Buffer.from(memory) }
}

/**
 * Takes the words from index `start` to before index `end`, an even number of them, into `sum`. The `| 0` after each single
 * sum keeps the engine on 32-bit integers: without it this is ten times slower (0.6 µs for a page with it).
 */
export function addToSum(sum: ChainSum, words: Int32Array, start: number, end: number): void {
  let first = (sum[0] ?? 0) | 0
  let second = (sum[1] ?? 0) | 0
  for (let index = start; index < end; index += 2) {
    first = (((first + (words[index] ?? 0)) | 0) + second) | 0
    second = (((second + (words[index + 1] ?? 0)) | 0) + first) | 0
  }
  sum[0] = first
  sum[1] = second
}

/** Takes the frame at byte `offset` into `sum`. */
export function addFrameToSum(sum: ChainSum, memory: WalMemory, offset: number): void {
  const word = offset >> 2
  addToSum(sum, memory.words, word, word + 2)
  addToSum(sum, memory.words, word + FRAME_HEADER_BYTES / 4, word + FRAME_BYTES / 4)
}

/** What a header says, or undefined when its checksum is not that of its bytes (a header that is being torn). */
export function parseWalHeader(memory: WalMemory): { readonly firstSalt: number; readonly sum: ChainSum } | undefined {
  const { bytes } = memory
  const sum = new Int32Array(2)
  addToSum(sum, memory.words, 0, 6)
  if (bytes.readInt32BE(24) !== sum[0] || bytes.readInt32BE(28) !== sum[1]) return undefined
  assert(bytes.readUInt32BE(0) === MAGIC_HERE, 'the log is in the order of bytes of this machine')
  assert(bytes.readUInt32BE(4) === WAL_VERSION, `the log has version ${WAL_VERSION}`)
  assert(bytes.readUInt32BE(8) === PAGE_BYTES, `the log has pages of ${PAGE_BYTES} bytes`)
  return { firstSalt: bytes.readUInt32BE(16), sum }
}

/** Writes a header to the start of `memory` and gives the checksum that the first frame goes on from. */
export function writeWalHeader(memory: WalMemory, salts: WalSalts): ChainSum {
  const { bytes } = memory
  const fields = [MAGIC_HERE, WAL_VERSION, PAGE_BYTES, 0, ...salts]
  for (const [index, field] of fields.entries()) bytes.writeUInt32BE(field, index * 4)
  const sum = new Int32Array(2)
  addToSum(sum, memory.words, 0, 6)
  writeSum(bytes, 24, sum)
  return sum
}

/** Ends the frame at byte `offset`, whose number, salts and page are there: its commit field and its checksum. */
export function sealFrame(memory: WalMemory, offset: number, chain: { sum: ChainSum; databasePages: number }): void {
  memory.bytes.writeUInt32BE(chain.databasePages, offset + 4)
  addFrameToSum(chain.sum, memory, offset)
  writeSum(memory.bytes, offset + 16, chain.sum)
}

function writeSum(bytes: Buffer, offset: number, sum: ChainSum): void {
  bytes.writeInt32BE(sum[0] ?? 0, offset)
  bytes.writeInt32BE(sum[1] ?? 0, offset + 4)
}
