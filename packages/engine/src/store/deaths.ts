/**
 * Deaths: how often a process has died while an attempt was under way (WORKFLOWS 28). Counted for each open attempt of a step
 * and, since a body can kill as well, for the run; whatever is recorded of either begins its count anew.
 */
import type { SqliteFile } from '@tenax/sqlite'
import { DEATHS_MAX } from '../limits.ts'
import { PROBATION_REASON } from '../tables.ts'
import { MAY_GO } from './standing.ts'
import { int, numberIn, textIn } from './values.ts'

/** Counts a death for every run that the dead process had claimed, and for each of its attempts that may have been under way. */
export function countDeathOfAll(file: SqliteFile, nowMs: number): void {
  file.engine('UPDATE tenax_run SET deaths = deaths + 1 WHERE readiness > 0 AND readiness = 2').get()
  file
    .engine(
      `UPDATE tenax_step SET deaths = deaths + 1 WHERE status = 'open' AND kind = 'step' AND (due_at_ms IS NULL OR due_at_ms <= ?)
        AND run IN (SELECT number FROM tenax_run WHERE readiness > 0 AND readiness = 2)`,
    )
    .get([int(nowMs)])
}

/** A run that has not ended, by its id. */
export interface OpenRun {
  readonly number: number
  readonly workflow: string
}

/** The run `id`, if it is there and has not ended. */
export function findOpenRun(file: SqliteFile, id: string): OpenRun | undefined {
  const row = file.engine('SELECT number, workflow FROM tenax_run WHERE id = ? AND ended_at_ms IS NULL').get([id])
  return row === undefined ? undefined : { number: numberIn(row[0]), workflow: textIn(row[1]) }
}

/** Counts a death for one run: it stood on the event loop, so that no other is to blame. */
export function countDeathOf(file: SqliteFile, number: number): void {
  file.engine('UPDATE tenax_run SET deaths = deaths + 1 WHERE number = ?').get([int(number)])
}

/** The run goes on probation before it runs anywhere else, whoever lets it go on. */
export function condemn(file: SqliteFile, number: number): void {
  file.engine('UPDATE tenax_run SET deaths = max(deaths, ?) WHERE number = ?').get([int(DEATHS_MAX), int(number)])
}

/** Says that these runs are in memory, before anything of theirs runs: a death that they cause at once is counted as well. */
export function writeClaims(file: SqliteFile, numbers: readonly number[]): void {
  const claim = file.engine(`UPDATE tenax_run SET readiness = 2 WHERE number = ? AND ended_at_ms IS NULL AND ${MAY_GO}`)
  for (const number of numbers) claim.get([int(number)])
}

/** Runs that are to be tried alone, by their ids, the oldest first. */
export function runsOnProbation(file: SqliteFile): string[] {
  return file
    .engine('SELECT id FROM tenax_run WHERE blocked_reason IS NOT NULL AND blocked_reason = ? ORDER BY number')
    .all([PROBATION_REASON])
    .map(([id]) => textIn(id))
}

/** Lets a run be claimed whatever it was set aside for. */
export function unblockRun(file: SqliteFile, id: string): void {
  file
    .engine(
      'UPDATE tenax_run SET blocked_reason = NULL, blocked_code = NULL, readiness = CASE WHEN paused_at_ms IS NULL THEN 1 ELSE 0 END WHERE id = ? AND ended_at_ms IS NULL',
    )
    .get([id])
}
