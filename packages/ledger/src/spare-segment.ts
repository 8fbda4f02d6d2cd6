/**
 * The segment after the current one, made in advance and filled with zeros: it has its blocks, so a full disk does not stop
 * the ledger at once (LEDGER F3), and an fdatasync in it writes no length.
 *
 * States: none → being made → ready → none (taken, or discarded). A spare that cannot be made is removed again and the
 * ledger goes on without; a failed fsync of it is no failed fsync of the ledger, since its bytes go with it.
 *
 * Whatever gets a segment's name has its length fsynced before: zeros, or a header when there was no room for a spare.
 * So a segment that is shorter was cut short by somebody, and readers say so.
 */
import { CHUNK_BYTES } from './limits.ts'
import type { SegmentFile, SegmentFiles } from './segment-files.ts'

/** A file that can become a segment. */
export interface Spare {
  readonly file: SegmentFile
  /** Its length, fsynced. */
  readonly filledBytes: number
  /** True when it begins with a header instead of zeros. */
  readonly hasHeader: boolean
}

interface NamedSpare extends Spare {
  readonly path: string
}

/** What spares are made of. */
export interface SpareSegmentOptions {
  readonly files: SegmentFiles
  readonly directory: string
  readonly fillBytes: number
}

const ZEROS = new Uint8Array(CHUNK_BYTES)

/** Keeps at most one spare. */
export class SpareSegment {
  readonly #options: SpareSegmentOptions
  #ready: NamedSpare | undefined
  #work: Promise<void> | undefined
  #madeCount = 0

  constructor(options: SpareSegmentOptions) {
    this.#options = options
  }

  /** True when a spare can be taken. */
  get isReady(): boolean {
    return this.#ready !== undefined
  }

  /** Bytes of the spare on disk. */
  get diskBytes(): number {
    return this.#ready?.filledBytes ?? 0
  }

  /** Makes a spare unless there is one. Resolves, never rejects, when it is ready or cannot be made. */
  prepare(): Promise<void> {
    if (this.#ready !== undefined) return Promise.resolve()
    this.#work ??= this.#make().finally(() => {
      this.#work = undefined
    })
    return this.#work
  }

  #newPath(): string {
    this.#madeCount += 1
    return `${this.#options.directory}/${this.#madeCount}.spare`
  }

  async #make(): Promise<void> {
    const { files } = this.#options
    const path = this.#newPath()
    let file: SegmentFile
    try {
      file = await files.open(path, 'create')
    } catch {
      return // no spare; `isReady` says so, and the next segment is made when it is needed
    }
    this.#ready = await this.#fill({ file, path })
  }

  async #fill({ file, path }: { file: SegmentFile; path: string }): Promise<NamedSpare | undefined> {
    const { files, fillBytes } = this.#options
    try {
      for (let at = 0; at < fillBytes; at += ZEROS.length) {
        await file.write(ZEROS.subarray(0, Math.min(ZEROS.length, fillBytes - at)), at)
      }
      await file.sync()
      return { file, path, filledBytes: fillBytes, hasHeader: false }
    } catch {
      // Half a spare would keep the room that somebody needs now. Both calls may fail on the same disk; it stays a
      // file without meaning then, which nobody reads.
      await Promise.allSettled([file.close(), files.remove(path)])
      return undefined
    }
  }

  /**
   * The spare under its new `name`, or a file that holds nothing but `bareHeader` when none is ready. The directory is not
   * synced. What it throws leaves no file of that name.
   */
  async take(name: string, bareHeader: Uint8Array): Promise<Spare> {
    const { files, directory } = this.#options
    const path = `${directory}/${name}`
    const ready = this.#ready
    if (ready === undefined) return this.#takeBare(path, bareHeader)
    await files.rename(ready.path, path)
    this.#ready = undefined
    return ready
  }

  async #takeBare(path: string, header: Uint8Array): Promise<Spare> {
    const { files } = this.#options
    const barePath = this.#newPath()
    const file = await files.open(barePath, 'create')
    try {
      await file.write(header, 0)
      await file.sync()
      await files.rename(barePath, path)
    } catch (error) {
      await Promise.allSettled([file.close(), files.remove(barePath)])
      throw error
    }
    return { file, filledBytes: header.length, hasHeader: true }
  }

  /** Waits for a spare that is being made, and removes it. */
  async discard(): Promise<void> {
    await this.#work
    const ready = this.#ready
    this.#ready = undefined
    if (ready === undefined) return
    await ready.file.close()
    await this.#options.files.remove(ready.path)
  }
}
