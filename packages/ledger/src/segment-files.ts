/** The port to the disk. Drivers: `fs`, and a faulty disk in memory for tests; `describeSegmentFiles` is their contract. */

/** An open file of a ledger. Calls on one file do not overlap. */
export interface SegmentFile {
  /** Writes all of `bytes` at `offset`. Rejects with the system's error; `code` tells a full disk (ENOSPC, EDQUOT). */
  write(bytes: Uint8Array, offset: number): Promise<void>
  /** Makes everything written to this file durable (fdatasync: length included, times not). */
  sync(): Promise<void>
  /** Reads up to `into.length` bytes at `offset`; answers how many there were, 0 at the end of the file. */
  read(into: Uint8Array, offset: number): Promise<number>
  /** Length of the file in bytes. */
  length(): Promise<number>
  close(): Promise<void>
}

/** Files of ledgers. What may wait for the disk waits off the event loop. Paths have forward slashes. Errors are the system's, with its `code`. */
export interface SegmentFiles {
  /** Makes `directory` and what is missing above it, durably. Making it again is harmless. */
  makeDirectory(directory: string): Promise<void>
  /** Names in `directory`. */
  list(directory: string): Promise<string[]>
  /** Opens a file: `create` makes it and rejects with EEXIST when it is there, `read` rejects with ENOENT when not. */
  open(path: string, mode: 'create' | 'read'): Promise<SegmentFile>
  /** Gives a file another name in its directory. An open file stays open. */
  rename(from: string, to: string): Promise<void>
  remove(path: string): Promise<void>
  /** Makes creations, renames and removals in `directory` durable. */
  syncDirectory(directory: string): Promise<void>
}

/** The name of a segment's file. */
export function segmentName(segmentId: number): string {
  return `${String(segmentId).padStart(8, '0')}.seg`
}

/** The segment id in a file's name; undefined when the file is no segment. */
export function parseSegmentName(name: string): number | undefined {
  return /^\d{8}\.seg$/.test(name) ? Number(name.slice(0, 8)) : undefined
}

/** The system's code of a failure, such as ENOSPC; undefined when it has none. */
export function systemCodeOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : undefined
}

/** True for the failures that go away when somebody makes room (LEDGER F3). */
export function isDiskFull(error: unknown): boolean {
  const code = systemCodeOf(error)
  return code === 'ENOSPC' || code === 'EDQUOT'
}
