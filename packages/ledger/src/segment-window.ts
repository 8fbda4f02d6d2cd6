/** A moving view of one segment's file, so that a ledger of any length is read in little memory. */

import { CHUNK_BYTES } from './limits.ts'
import type { SegmentFile } from './segment-files.ts'

/** Bytes of a file by offset. What it hands out stays as it is: each chunk is memory of its own. */
export class SegmentWindow {
  readonly #file: SegmentFile
  #chunk = Buffer.alloc(0)
  #chunkAt = 0

  constructor(file: SegmentFile) {
    this.#file = file
  }

  /** The bytes `[offset, offset + byteCount)`; fewer when the file ends before. */
  async view(offset: number, byteCount: number): Promise<Buffer> {
    const at = offset - this.#chunkAt
    if (at >= 0 && at + byteCount <= this.#chunk.length) return this.#chunk.subarray(at, at + byteCount)
    const chunk = Buffer.allocUnsafeSlow(Math.max(byteCount, CHUNK_BYTES))
    this.#chunk = chunk.subarray(0, await this.#file.read(chunk, offset))
    this.#chunkAt = offset
    return this.#chunk.subarray(0, byteCount)
  }
}
