/** What a turn finds in its run's row, and leaves there. */
import type { SqliteFile } from '@tenax/sqlite'
import type { Outlook } from './runs.ts'
import { int, numberIn, numberOrNothing, textIn } from './values.ts'

/** How a run's row stands when a turn of it begins to be recorded. */
export interface Standing {
  readonly arrivedCount: number
  readonly isCancelRequested: boolean
  readonly isPaused: boolean
  readonly deaths: number
  /** What it says of how the run goes on; undefined when the run has yet to begin. */
  readonly recorded: Outlook | undefined
}

const STANDING = `SELECT arrived_count, cancel_requested_at_ms, paused_at_ms, status, readiness, wake_at_ms, started_at_ms, deaths FROM tenax_run WHERE number = ? AND ended_at_ms IS NULL AND blocked_reason IS NULL`

/** What every record of a run begins with; undefined when it has ended or gone, or is put aside. */
export function readStanding(file: SqliteFile, number: number): Standing | undefined {
  const row = file.engine(STANDING).get([int(number)])
  if (row === undefined) return undefined
  const [arrivedCount, cancelRequestedAtMs, pausedAtMs, status, readiness, wakeAtMs, startedAtMs, deaths] = row
  const recorded = {
    status: textIn(status) as Outlook['status'],
    readiness: numberIn(readiness) as Outlook['readiness'],
    wakeAtMs: numberOrNothing(wakeAtMs),
  }
  return {
    arrivedCount: numberIn(arrivedCount),
    isCancelRequested: typeof cancelRequestedAtMs === 'bigint',
    isPaused: typeof pausedAtMs === 'bigint',
    deaths: numberIn(deaths),
    recorded: startedAtMs === null ? undefined : recorded,
  }
}

/** What a turn leaves in its run's row. */
export interface Progress {
  readonly number: number
  readonly outlook: Outlook
  readonly startedAtMs: number
  readonly arrivedCount: number
  readonly outputCount: number
  readonly hasProgress: boolean
}

const PROGRESS = `UPDATE tenax_run SET status = ?, readiness = ?, wake_at_ms = ?, started_at_ms = coalesce(started_at_ms, ?),
  arrived_count = ?, output_count = ?, deaths = CASE WHEN ? THEN 0 ELSE deaths END WHERE number = ?`

/** Writes what a turn has come to. */
export function writeProgress(file: SqliteFile, { outlook, ...progress }: Progress): void {
  file
    .engine(PROGRESS)
    .get([
      outlook.status,
      int(outlook.readiness),
      int(outlook.wakeAtMs),
      int(progress.startedAtMs),
      int(progress.arrivedCount),
      int(progress.outputCount),
      progress.hasProgress ? 1n : 0n,
      int(progress.number),
    ])
}

/** Keeps decisions of `patched`. */
export function writePatches(file: SqliteFile, number: number, patches: Readonly<Record<string, boolean>>): void {
  file
    .engine("UPDATE tenax_run SET patches = json_patch(coalesce(patches, '{}'), ?) WHERE number = ?")
    .get([JSON.stringify(patches), int(number)])
}

/** Keeps where a cancellation took effect. */
export function writeCancelledAfter(file: SqliteFile, number: number, cancelledAfter: number): void {
  file.engine('UPDATE tenax_run SET cancelled_after = ? WHERE number = ?').get([int(cancelledAfter), int(number)])
}

/** Keeps that a run has begun to undo what it did. */
export function writeIsUndone(file: SqliteFile, number: number): void {
  file.engine('UPDATE tenax_run SET is_undone = 1 WHERE number = ?').get([int(number)])
}

/** Keeps which compensation is stuck, and on which operation. */
export function writeStuck(
  file: SqliteFile,
  number: number,
  { compensated, seq }: { readonly compensated: string; readonly seq: number | undefined },
): void {
  file
    .engine('UPDATE tenax_run SET stuck = ?, stuck_seq = ? WHERE number = ?')
    .get([compensated, int(seq), int(number)])
}
