/** The ledger's files on the real disk, with a tick before and behind each deed, and one in the middle of each write. */
import type { SegmentFile, SegmentFiles } from '@tenax/ledger'
import type { CrashClock } from './crash-clock.ts'

/** `files`, watched. */
export function tickingFiles(files: SegmentFiles, clock: CrashClock): SegmentFiles {
  const ticking = async <T>(deed: () => Promise<T>): Promise<T> => {
    clock.tick()
    const result = await deed()
    clock.tick()
    return result
  }
  return {
    makeDirectory: (directory) => ticking(() => files.makeDirectory(directory)),
    list: (directory) => files.list(directory),
    open: async (path, mode) => {
      if (mode === 'read') return files.open(path, mode)
      return ticking(async () => tickingFile(await files.open(path, mode), clock, ticking))
    },
    rename: (from, to) => ticking(() => files.rename(from, to)),
    remove: (path) => ticking(() => files.remove(path)),
    syncDirectory: (directory) => ticking(() => files.syncDirectory(directory)),
  }
}

function tickingFile(
  file: SegmentFile,
  clock: CrashClock,
  ticking: <T>(deed: () => Promise<T>) => Promise<T>,
): SegmentFile {
  return {
    write: (bytes, offset) =>
      ticking(async () => {
        const halfBytes = Math.floor(bytes.length / 2)
        await file.write(bytes.subarray(0, halfBytes), offset)
        clock.tick()
        await file.write(bytes.subarray(halfBytes), offset + halfBytes)
      }),
    sync: () => ticking(() => file.sync()),
    read: (into, offset) => file.read(into, offset),
    length: () => file.length(),
    close: () => file.close(),
  }
}
