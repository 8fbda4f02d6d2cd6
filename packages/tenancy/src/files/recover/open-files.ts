/**
 * Files that are written here and there, of which only some are open at a time. The calls are synchronous: a few pages into the
 * system's cache take microseconds, a thread's turn for each takes longer, and nobody is served yet.
 */
import { closeSync, constants, ftruncateSync, openSync, writeSync } from 'node:fs'
import { LRUCache } from 'lru-cache'

const { O_CREAT, O_RDWR } = constants

/** A file that was put aside is opened again when it is written to. */
export class OpenFiles {
  readonly #open: LRUCache<string, number>

  constructor(countMax: number) {
    this.#open = new LRUCache({ max: countMax, dispose: (descriptor) => closeSync(descriptor) })
  }

  /** Writes `bytes` at `offset` of the file at `path`, which is made when it is not there. */
  write(path: string, bytes: Uint8Array, offset: number): void {
    const descriptor = this.#descriptor(path)
    for (let done = 0; done < bytes.byteLength; ) {
      done += writeSync(descriptor, bytes, done, bytes.byteLength - done, offset + done)
    }
  }

  truncate(path: string, lengthBytes: number): void {
    ftruncateSync(this.#descriptor(path), lengthBytes)
  }

  #descriptor(path: string): number {
    const known = this.#open.get(path)
    if (known !== undefined) return known
    const descriptor = openSync(path, O_CREAT | O_RDWR, 0o600)
    this.#open.set(path, descriptor)
    return descriptor
  }

  close(): void {
    this.#open.clear()
  }
}
