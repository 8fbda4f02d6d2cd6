/** Makes the file of a tenant that comes back from object storage. */
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncDirectory } from '@tenax/sqlite'

/** Puts bytes at an offset of the file. */
export type WriteAt = (bytes: Uint8Array, offset: number) => Promise<void>

/**
 * A new file at `path` with what `fill` writes into it, durably: its bytes, its name, and its directory's. A crash leaves the
 * whole file or none under its path; a failure of `fill` leaves none.
 */
export async function writeRestored(path: string, fill: (write: WriteAt) => Promise<void>): Promise<void> {
  const directory = dirname(path)
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const partial = `${path}.new`
  const file = await open(partial, 'wx', 0o600)
  try {
    await fill((bytes, offset) => writeAll(file, bytes, offset))
    await file.sync()
    await rename(partial, path)
    syncDirectory(directory)
    syncDirectory(dirname(directory))
  } catch (error) {
    for (const one of [partial, path]) await rm(one, { force: true })
    throw error
  } finally {
    await file.close()
  }
}

/** Writes all of `bytes` at `offset`, in as many calls as it takes. */
export async function writeAll(file: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.byteLength - done, offset + done)
    done += bytesWritten
  }
}

/** Removes a restored file that nobody has opened, or will. */
export async function removeRestored(path: string): Promise<void> {
  await rm(path, { force: true })
}
