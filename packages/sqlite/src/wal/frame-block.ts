/** Frames of a log, read a block at a time into memory that all readers of the process share. */
import { readSync } from 'node:fs'
import { FRAME_BYTES, WAL_HEADER_BYTES, type WalMemory, walMemory } from './wal-format.ts'

/** Frames read at once: 258 KiB, some 0.1 ms with their checksums. */
export const BLOCK_FRAMES_MAX = 64

/** One block of frames. Its content belongs to whoever loaded it last. */
export class FrameBlock {
  readonly memory: WalMemory = walMemory(BLOCK_FRAMES_MAX * FRAME_BYTES)
  #owner: object | undefined
  #first = 0
  #count = 0

  /** Reads up to `frameCount` frames from frame `first` on, and says how many are there whole. */
  load(owner: object, descriptor: number, frames: { first: number; count: number }): number {
    const { first, count } = frames
    const bytesRead = readSync(
      descriptor,
      this.memory.bytes,
      0,
      count * FRAME_BYTES,
      WAL_HEADER_BYTES + first * FRAME_BYTES,
    )
    this.#owner = owner
    this.#first = first
    this.#count = Math.floor(bytesRead / FRAME_BYTES)
    return this.#count
  }

  /** Where in memory the frame lies that `owner` loaded; undefined when it is not there, or no longer. */
  offsetOf(owner: object, frame: number): number | undefined {
    const index = frame - this.#first
    return owner === this.#owner && index >= 0 && index < this.#count ? index * FRAME_BYTES : undefined
  }
}
