/** Files on their way in or out: each under a name of its own, gone when it is removed, or with the next start. */
import { open } from 'node:fs/promises'
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

  /** All of its bytes, in pieces. It is opened by the first who asks for one, and closed behind the last. */
  async *read(): AsyncGenerator<Uint8Array, void, void> {
    const file = await open(this.path)
    try {
      for (;;) {
        const { buffer, bytesRead } = await file.read(new Uint8Array(EXPORT_CHUNK_BYTES))
        if (bytesRead === 0) return
        yield buffer.subarray(0, bytesRead)
      }
    } finally {
      await file.close()
    }
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
