/** Files that are written here and there, of which only some are open at a time. */
import { type FileHandle, open } from 'node:fs/promises'
import { LRUCache } from 'lru-cache'
import { writeAll } from '../restored-file.ts'

/** A file that was put aside is opened again when it is written to. One caller at a time. */
export class OpenFiles {
  readonly #open: LRUCache<string, FileHandle>
  readonly #closing = new Set<Promise<void>>()
  #failure: unknown

  constructor(countMax: number) {
    this.#open = new LRUCache({ max: countMax, dispose: (file) => this.#close(file) })
  }

  /** Writes `bytes` at `offset` of the file at `path`, which is made when it is not there. */
  async write(path: string, bytes: Uint8Array, offset: number): Promise<void> {
    await writeAll(await this.#file(path), bytes, offset)
  }

  async truncate(path: string, lengthBytes: number): Promise<void> {
    await (await this.#file(path)).truncate(lengthBytes)
  }

  async #file(path: string): Promise<FileHandle> {
    const known = this.#open.get(path)
    if (known !== undefined) return known
    const file = await open(path, 'r+').catch(() => open(path, 'wx+', 0o600))
    this.#open.set(path, file)
    await Promise.all(this.#closing)
    return file
  }

  #close(file: FileHandle): void {
    const closing = file
      .close()
      .catch((error: unknown) => {
        this.#failure ??= error
      })
      .finally(() => this.#closing.delete(closing))
    this.#closing.add(closing)
  }

  /** Throws what a close has failed with. */
  async close(): Promise<void> {
    this.#open.clear()
    await Promise.all(this.#closing)
    if (this.#failure !== undefined) throw this.#failure
  }
}
