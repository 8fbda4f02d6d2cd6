/** Files on their way in or out: each under a name of its own, gone when it is removed, or with the next start. */
import { createReadStream } from 'node:fs'
import type { RandomId } from '@tenax/kernel'
import { EXPORT_CHUNK_BYTES } from '../limits.ts'
import type { Layout } from './layout.ts'
import { type ByteStream, removeUpload, saveUpload } from './upload.ts'

/** One of them, whole. */
export class ScratchFile {
  readonly path: string
  readonly bytes: number

  constructor(path: string, bytes: number) {
    this.path = path
    this.bytes = bytes
  }

  /** All of its bytes, in pieces. */
  read(): AsyncIterable<Uint8Array> {
    return createReadStream(this.path, { highWaterMark: EXPORT_CHUNK_BYTES })
  }

  /** Safe to repeat. Whoever reads it goes on. */
  remove(): Promise<void> {
    return removeUpload(this.path)
  }
}

/** The scratch files of one data directory. */
export class ScratchFiles {
  readonly #layout: Layout
  readonly #randomId: RandomId

  constructor(layout: Layout, randomId: RandomId) {
    this.#layout = layout
    this.#randomId = randomId
  }

  /** Writes `body` to a new one. Throws TenaxError `body_too_large`; what `body` throws: then there is none. */
  async receive(body: ByteStream, bytesMax: number): Promise<ScratchFile> {
    const path = this.#layout.upload(this.#randomId())
    return new ScratchFile(path, await saveUpload(path, body, bytesMax))
  }
}
