/** Takes in a file from outside: streamed to a name of its own, with a limit, before anything looks into it. */
import { open, rm } from 'node:fs/promises'
import { TenaxError } from '@tenax/kernel'

/** Bytes as they arrive. */
export type ByteStream = AsyncIterable<Uint8Array>

/** Writes `body` to `path`. Throws TenaxError `body_too_large`; the partial file is removed then. Returns its size. */
export async function saveUpload(path: string, body: ByteStream, bytesMax: number): Promise<number> {
  const file = await open(path, 'wx', 0o600)
  let bytes = 0
  let done = false
  try {
    for await (const chunk of body) {
      bytes += chunk.byteLength
      if (bytes > bytesMax) {
        throw new TenaxError('body_too_large', `the file is larger than ${bytesMax} bytes`, { details: { bytesMax } })
      }
      await file.writeFile(chunk)
    }
    done = true
    return bytes
  } finally {
    await file.close()
    if (!done) await removeUpload(path)
  }
}

/** Removes an upload and what SQLite may have put beside it. */
export async function removeUpload(path: string): Promise<void> {
  for (const suffix of ['', '-wal', '-shm', '-journal']) await rm(path + suffix, { force: true })
}

/** The first bytes of a file. */
export async function readHead(path: string, bytes: number): Promise<Uint8Array> {
  const file = await open(path, 'r')
  try {
    const { buffer, bytesRead } = await file.read(new Uint8Array(bytes), 0, bytes, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}
