/** What the reader found in a log since it last looked, and the proof that it is what was committed (LEDGER C3). */
import { assert } from '@tenax/kernel'

/** The last image of a page. `bytes` may lie in memory that all readers of the process use: copy what is kept longer. */
export interface CapturedPage {
  readonly number: number
  readonly bytes: Uint8Array
}

/** One physical commit, in the order of the log. */
export interface CapturedCommit {
  /** Frames of the log that it is made of: several hold the same page when SQLite's cache was too small for it. */
  readonly frameCount: number
  /** Pages of the database after it. */
  readonly databasePages: number
  /** The LSN in its image of `tenax_meta`; undefined when it has none, so that it did not touch the row. */
  readonly lsn: bigint | undefined
}

/** Everything committed since the last capture, as one change of the file. */
export interface Capture {
  /** The physical commits in it, at least one. More than one: VACUUM and its bump, or a stranger wrote to the file. */
  readonly commits: readonly CapturedCommit[]
  /**
   * The last image of each page that is in the database after the last commit. May be walked more than once, until the
   * reader captures again or the log is begun anew; then it throws InvariantError. The bytes of all pages are good until
   * any reader of the process captures again.
   */
  readonly pages: Iterable<CapturedPage>
  readonly pageCount: number
  /** True when the header of the database is among the pages: only then can a table have another root than before. */
  readonly hasFirstPage: boolean
  readonly frameCount: number
  /** Pages of the database before the first commit. */
  readonly databasePagesBefore: number
  /** Pages of the database after the last commit. */
  readonly databasePages: number
  /** Bytes of the log up to the last commit: what a checkpoint moves. The file itself may be longer. */
  readonly walBytes: number
  /**
   * By how much the log's first salt went up since the last capture: by one with each TRUNCATE checkpoint, whatever there was
   * to move, and by one when a log that was moved otherwise is begun anew. Another number than the caller's own checkpoints
   * says that a stranger's ran; it may be any, because a log that a stranger cut off can begin with random salts.
   */
  readonly restartCount: number
  /** True when the reader has met no log before: whether a stranger's was there and is gone, `restartCount` cannot tell. */
  readonly isFirstLog: boolean
  /** True when the log has lost its name: a stranger's checkpoint removed it, and nobody who opens the file will see it. */
  readonly isUnlinked: boolean
}

/** The outcome of {@link proveCommits}. */
export interface ProvedCommits {
  /** The LSN after the last commit. */
  readonly lsn: bigint
  /** Commits that did not bump the LSN. After VACUUM there is one, before the bump; any other is a stranger's. */
  readonly withoutBump: readonly CapturedCommit[]
}

/**
 * Proves what a COMMIT left in the log: that there is something, and that each commit either bumps the LSN by one or leaves it
 * as it was. The caller decides what commits without a bump mean: it knows whether it ran VACUUM.
 *
 * @throws InvariantError when nothing was captured (the chain is broken before the commit), or an LSN is out of order
 * @example
 * const { lsn, withoutBump } = proveCommits(reader.capture(metaPage), 7n) // lsn 8n, withoutBump []
 */
export function proveCommits(capture: Capture | undefined, lsnBefore: bigint): ProvedCommits {
  assert(capture !== undefined, 'after COMMIT the chain of the log reaches a commit frame')
  const withoutBump: CapturedCommit[] = []
  let lsn = lsnBefore
  for (const commit of capture.commits) {
    if (commit.lsn === undefined || commit.lsn === lsn) withoutBump.push(commit)
    else {
      assert(commit.lsn === lsn + 1n, `the LSN after ${lsn} is ${lsn + 1n}, not ${commit.lsn}`)
      lsn = commit.lsn
    }
  }
  return { lsn, withoutBump }
}
