/** A file that is made to be looked at, and removed: nobody is ever served of it. */
import { open } from 'node:fs/promises'
import type { WriteAt } from './restored-file.ts'
import { removeUpload } from './upload.ts'

/** A new file at `path` with what `fill` writes into it, without an fsync: behind a crash it is waste, which the next start removes. */
export async function writeProofFile(path: string, fill: (write: WriteAt) => Promise<void>): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await fill(async (bytes, offset) => {
      for (let done = 0; done < bytes.byteLength; ) {
        const { bytesWritten } = await file.write(bytes, done, bytes.byteLength - done, offset + done)
        done += bytesWritten
      }
    })
  } finally {
    await file.close()
  }
}

/** Removes it, and what SQLite may have put beside it. */
export function removeProofFile(path: string): Promise<void> {
  return removeUpload(path)
}
