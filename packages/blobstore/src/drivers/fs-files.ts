/** What the fs driver does to single files. */
import { constants } from 'node:fs'
import { type FileHandle, lstat, mkdir, open, readdir, rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { ByteRange } from '../blob-store.ts'
import { checkLength } from '../core/key.ts'
import { hasCode, isAbsent } from './directory-syncs.ts'

/** Makes a new file with all of `bytes`, synced. A part of it may be left when it fails. */
export async function writeNewFile(path: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(path, 'wx', 0o600)
  try {
    await handle.writeFile(bytes)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/**
 * The bytes of a file, or a range of them; undefined when there is none. A file of this driver never changes: what is stored
 * under its name later is another file.
 */
export async function readFileRange(path: string, range: ByteRange | undefined): Promise<Uint8Array | undefined> {
  const handle = await openFile(path)
  if (handle === undefined) return undefined
  try {
    const stat = await handle.stat()
    if (!stat.isFile()) return undefined
    const offset = Math.min(range?.offset ?? 0, stat.size)
    const length = Math.min(range?.length ?? stat.size, stat.size - offset)
    checkLength(length)
    return await readWhole(handle, { offset, length })
  } finally {
    await handle.close()
  }
}

async function openFile(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  } catch (error) {
    if (isAbsent(error) || hasCode(error, 'ELOOP')) return undefined
    throw error
  }
}

async function readWhole(handle: FileHandle, { offset, length }: ByteRange): Promise<Uint8Array> {
  const bytes = new Uint8Array(length)
  let done = 0
  while (done < length) {
    const { bytesRead } = await handle.read(bytes, done, length - done, offset + done)
    if (bytesRead === 0) break
    done += bytesRead
  }
  return bytes.subarray(0, done)
}

/** Whether `path` is a directory. */
export async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isDirectory()
  } catch (error) {
    if (isAbsent(error)) return false
    throw error
  }
}

/** Makes a directory and those above it. Answers false when a file is in the way. */
export async function makeDirectory(path: string): Promise<boolean> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 })
    return true
  } catch (error) {
    if (hasCode(error, 'EEXIST') || hasCode(error, 'ENOTDIR')) return false
    throw error
  }
}

/** The directories from that of `path` up to `root`, both included, the innermost first. */
export function directoriesOf(path: string, root: string): string[] {
  const directories: string[] = []
  for (let each = dirname(path); each.length > root.length; each = dirname(each)) directories.push(each)
  return [...directories, root]
}

/** Removes directories, the innermost first, up to the first that is not empty. */
export async function removeEmpty(directories: readonly string[]): Promise<void> {
  for (const directory of directories) {
    try {
      await rmdir(directory)
    } catch (error) {
      // Whatever the reason: an empty directory that stays harms nobody, and the next delete beside it tries again.
      if (hasCode(error, 'ENOENT')) continue
      return
    }
  }
}

/** Removes a temporary file. What became of the blob is known by now, so a failure only leaves work to the next start. */
export async function removeLeftover(path: string): Promise<boolean> {
  try {
    await rm(path, { force: true })
    return true
  } catch {
    return false
  }
}

/** Removes every file in a directory. */
export async function emptyDirectory(directory: string): Promise<void> {
  for (const name of await readdir(directory)) await rm(join(directory, name), { force: true, recursive: true })
}
