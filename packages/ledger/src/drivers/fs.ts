/** The real disk. Every call but a small write runs on libuv's threads. */
import { close, fdatasync, fstat, fsync, open, read, write, writeSync } from 'node:fs'
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { SegmentFile, SegmentFiles } from '../segment-files.ts'

// Bare descriptors: a batch is one write and one sync, and a FileHandle would double what each costs on the loop.
const openDescriptor = promisify(open)
const writeAt = promisify(write)
const readAt = promisify(read)
const syncData = promisify(fdatasync)
const syncAll = promisify(fsync)
const statDescriptor = promisify(fstat)
const closeDescriptor = promisify(close)

/**
 * Writes up to this length go to the page cache on the event loop, as the COMMIT did that they are of: 64 KiB take some 20 µs,
 * a thread takes as long to be woken and to answer, and everybody behind the gate waits for it. The sync never does.
 */
const LOOP_WRITE_BYTES_MAX = 64 * 1024

/** Segments in directories of this machine. Files are made with mode 0600, directories with 0700. */
export const fsSegmentFiles: SegmentFiles = {
  async makeDirectory(directory) {
    const made = resolve(directory)
    const first = await mkdir(made, { recursive: true, mode: 0o700 })
    if (first === undefined) return
    // Each directory that was made is a name in the one above it, and durable when that one is synced.
    for (let each = made; each.length >= resolve(first).length; each = dirname(each)) await syncDirectory(dirname(each))
  },
  list: (directory) => readdir(directory),
  async open(path, mode) {
    return fileOf(await openDescriptor(path, mode === 'create' ? 'wx+' : 'r', 0o600))
  },
  rename: (from, to) => rename(from, to),
  remove: (path) => rm(path),
  syncDirectory,
}

function fileOf(descriptor: number): SegmentFile {
  return {
    write: (bytes, offset) => writeWhole(descriptor, bytes, offset),
    sync: () => syncData(descriptor),
    read: (into, offset) => readWhole(descriptor, into, offset),
    length: async () => (await statDescriptor(descriptor)).size,
    close: () => closeDescriptor(descriptor),
  }
}

/** A write may end early, as when the disk fills up: the next one then says why. */
async function writeWhole(descriptor: number, bytes: Uint8Array, offset: number): Promise<void> {
  const isSmall = bytes.length <= LOOP_WRITE_BYTES_MAX
  for (let done = 0; done < bytes.length; ) {
    const [from, count, at] = [done, bytes.length - done, offset + done]
    done += isSmall
      ? writeSync(descriptor, bytes, from, count, at)
      : (await writeAt(descriptor, bytes, from, count, at)).bytesWritten
  }
}

async function readWhole(descriptor: number, into: Uint8Array, offset: number): Promise<number> {
  let done = 0
  while (done < into.length) {
    const { bytesRead } = await readAt(descriptor, into, done, into.length - done, offset + done)
    if (bytesRead === 0) break
    done += bytesRead
  }
  return done
}

async function syncDirectory(directory: string): Promise<void> {
  const descriptor = await openDescriptor(directory, 'r')
  try {
    await syncAll(descriptor)
  } finally {
    await closeDescriptor(descriptor)
  }
}
