/** Measures the fsyncs of a ledger's segments: what every acknowledged write waits for. */
import type { Clock } from '@tenax/kernel'
import type { SegmentFile, SegmentFiles } from '@tenax/ledger'

/** What was measured around the ledger. */
export interface Measured {
  readonly syncs: Readonly<SyncTimes>
  readonly recoveryMs: number
}

/** How many fsyncs there were, and how long they took together. */
export interface SyncTimes {
  count: number
  durationMs: number
}

/** `files`, with each fsync of a file counted in `times`, those that fail too. */
export function timedFiles(files: SegmentFiles, clock: Clock, times: SyncTimes): SegmentFiles {
  const timed = (file: SegmentFile): SegmentFile => ({
    write: (bytes, offset) => file.write(bytes, offset),
    read: (into, offset) => file.read(into, offset),
    length: () => file.length(),
    close: () => file.close(),
    async sync() {
      const startedMs = clock.monotonicMs()
      try {
        await file.sync()
      } finally {
        times.count += 1
        times.durationMs += clock.monotonicMs() - startedMs
      }
    },
  })
  return {
    makeDirectory: (directory) => files.makeDirectory(directory),
    list: (directory) => files.list(directory),
    rename: (from, to) => files.rename(from, to),
    remove: (path) => files.remove(path),
    syncDirectory: (directory) => files.syncDirectory(directory),
    open: async (path, mode) => timed(await files.open(path, mode)),
  }
}
