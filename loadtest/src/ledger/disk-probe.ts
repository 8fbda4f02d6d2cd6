/** What one write and fdatasync takes on the disk of a directory: behind the end of a file, and within a file. */
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'

const BLOCK = Buffer.alloc(4096, 1)

/** Blocks of the file that is written beforehand. */
const PREPARED_BLOCKS = 4_096

/** Two files, closed when it is disposed of. */
export class DiskProbe implements Disposable {
  readonly #growing: number
  readonly #prepared: number
  #nextBlock = 0

  constructor(directory: string) {
    this.#growing = openSync(join(directory, 'growing'), 'w')
    this.#prepared = openSync(join(directory, 'prepared'), 'w')
    for (let block = 0; block < PREPARED_BLOCKS; block += 1) writeSync(this.#prepared, BLOCK)
    fdatasyncSync(this.#prepared)
  }

  /** Milliseconds of 4 KiB appended and synced: the length is written too. */
  append(): number {
    const startMs = performance.now()
    writeSync(this.#growing, BLOCK)
    fdatasyncSync(this.#growing)
    return performance.now() - startMs
  }

  /** Milliseconds of 4 KiB written over others and synced: the least that the disk can do. */
  overwrite(): number {
    const position = (this.#nextBlock++ % PREPARED_BLOCKS) * BLOCK.length
    const startMs = performance.now()
    writeSync(this.#prepared, BLOCK, 0, BLOCK.length, position)
    fdatasyncSync(this.#prepared)
    return performance.now() - startMs
  }

  [Symbol.dispose](): void {
    closeSync(this.#growing)
    closeSync(this.#prepared)
  }
}
