/** Runs that have not ended by their deadline are cancelled, wherever they are (`deadline` of a definition). */
import type { SqliteFile } from '@tenax/sqlite'
import { DEADLINES_COUNT } from '../limits.ts'
import type { Effects } from './announcement.ts'
import { requestCancel } from './endings.ts'
import { int, numberIn, numberOrNothing } from './values.ts'

/** As the index has it: while an import holds a run, its time stands still for it. */
const COUNTS = "deadline_at_ms IS NOT NULL AND blocked_reason IS NOT 'held'"

/** When the next deadline is over. */
export function nextDeadlineMs(file: SqliteFile): number | undefined {
  return numberOrNothing(file.engine(`SELECT min(deadline_at_ms) FROM tenax_run WHERE ${COUNTS}`).get()?.[0])
}

const DUE = `SELECT number FROM tenax_run WHERE ${COUNTS} AND deadline_at_ms <= ? ORDER BY deadline_at_ms LIMIT ?`
/** One that was asked to end before keeps that reason. */
const PASS = `UPDATE tenax_run SET deadline_at_ms = NULL, is_overdue = cancel_requested_at_ms IS NULL WHERE number = ?`

/** Asks runs to end whose deadline is over, a bounded number of them. */
export function cancelOverdue(file: SqliteFile, effects: Effects): void {
  const due = file.engine(DUE).all([int(effects.nowMs), int(DEADLINES_COUNT)])
  for (const [value] of due) {
    const number = numberIn(value)
    file.engine(PASS).get([int(number)])
    requestCancel(file, number, effects)
  }
}
