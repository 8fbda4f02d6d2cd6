/** What a handle needs to know of the way its commits become durable. */
import type { SqliteFile } from '@tenax/sqlite'
import { remoteNotConfigured } from './gate.ts'

/** How the commits of one open file become durable. */
export interface FileJournal {
  /** True when everything committed so far is durable. */
  readonly isSettled: boolean
  /** Bytes of the file's log that a checkpoint would move. */
  readonly walBytes: number
  /** Number of the last commit. */
  readonly lsn: bigint
  /** Number of the last commit that is durable, and all before it. */
  readonly durableLsn: bigint
  /** Resolves when everything committed so far is durable. Throws TenaxError `outcome_unknown` when that cannot be. */
  settled(): Promise<void>
  /** True when everything that the file has seen so far is in object storage. */
  readonly isStored: boolean
  /** Number of the last commit that is in object storage, and all before it, or of an earlier one; 0 when none is known to be. */
  readonly storedLsn: bigint
  /** Resolves when everything that the file has seen so far is in object storage. Throws TenaxError `outcome_unknown`, `remote_not_configured`. */
  stored(): Promise<void>
  /**
   * Moves the file's log into the main file once all of it is durable; false when another process is in the way. Nothing
   * else runs on the file meanwhile.
   *
   * @throws InvariantError when the main file is in doubt afterwards
   */
  checkpoint(): Promise<boolean>
  /**
   * Compares the pages of the main file with what the commits have made of it; when nobody knew, that is known afterwards. No
   * checkpoint may run meanwhile. `beforeRead` is called before each MiB, and may throw to end it. Gives what they come to;
   * undefined for a file without checksums.
   *
   * @throws InvariantError when they differ; what `beforeRead` throws
   */
  verifyMain(beforeRead?: () => void): Promise<bigint | undefined>
  /** Lets go of the file's log, before the file is closed. */
  close(): void
}

/** For files outside any ledger, whose commits are durable by themselves (`synchronous=FULL`) or not at all. */
export function unlogged(file: SqliteFile): FileJournal {
  return {
    isSettled: true,
    get walBytes() {
      return file.walBytes()
    },
    lsn: 0n,
    durableLsn: 0n,
    settled: () => Promise.resolve(),
    isStored: false,
    storedLsn: 0n,
    stored: () => Promise.reject(remoteNotConfigured()),
    checkpoint: () => file.checkpoint(),
    verifyMain: () => Promise.resolve(undefined),
    close: () => undefined,
  }
}
