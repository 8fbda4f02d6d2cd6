/**
 * Room that is kept for the host itself: a file of zeros beside the data. On a disk that is full it is removed, so that checkpoints can
 * end, which move logs into files and give back the room of the logs. It is made anew when there is room again.
 */
import { rmSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { MIB_BYTES } from '@tenax/kernel'

const ZEROS = new Uint8Array(MIB_BYTES)

/** At most one file, at one path. */
export class ReserveFile {
  readonly #path: string
  readonly #bytes: number
  #work: Promise<void> | undefined
  #isClosed = false

  constructor(path: string, bytes: number) {
    this.#path = path
    this.#bytes = bytes
  }

  /** What it takes of the disk now. */
  get bytes(): number {
    return statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0
  }

  /** True when it is there in whole. */
  get isMade(): boolean {
    return this.#work === undefined && this.bytes === this.#bytes
  }

  /** Makes it, unless it is there or is being made. Resolves, and never rejects: one that cannot be made is not there. */
  make(): Promise<void> {
    if (this.isMade || this.#isClosed) return Promise.resolve()
    this.#work ??= this.#fill()
      .catch(() => this.release())
      .finally(() => {
        this.#work = undefined
      })
    return this.#work
  }

  /** Zeros are written, so that the blocks are its own. No fsync: what a crash leaves short is made again. */
  async #fill(): Promise<void> {
    const file = await open(this.#path, 'w', 0o600)
    try {
      for (let at = 0; at < this.#bytes && !this.#isClosed; at += ZEROS.length) {
        await file.write(ZEROS, 0, Math.min(ZEROS.length, this.#bytes - at), at)
      }
    } finally {
      await file.close()
    }
  }

  /** Gives its room back. */
  release(): void {
    rmSync(this.#path, { force: true })
  }

  /** Ends what is under way; the file stays for the next start. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#work
  }
}
