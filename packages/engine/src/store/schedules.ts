/** Rows of `tenax_schedule`. Every function runs inside a commit or a read of the tenant's file. */
import type { SqlValue } from '@tenax/kernel'
import type { SqliteFile } from '@tenax/sqlite'
import type { Json } from '@tenax/workflow'
import type { StoredError } from '@tenax/workflow/core'
import type { Overlap, ScheduleDetail } from '../schedule/port.ts'
import { int, numberIn, numberOrNothing, orNull, textIn, textOrNothing } from './values.ts'

/** A schedule's row: what is shown, and what is not. */
export interface ScheduleRow extends Omit<ScheduleDetail, 'input'> {
  readonly inputJson: string | undefined
  readonly anchorAtMs: number
  readonly version: number
}

/** What is said about a schedule by whoever makes or changes it. */
export type ScheduleSaid = Pick<
  ScheduleRow,
  'workflow' | 'inputJson' | 'cron' | 'timeZone' | 'everyMs' | 'overlap' | 'catchUp' | 'spreadMs'
>

/** When a schedule fires next. */
export interface NextFiring {
  readonly nextAtMs: number
  readonly dueAtMs: number
}

const COLUMNS = `id, workflow, input, cron, time_zone, every_ms, anchor_at_ms, overlap, catch_up, spread_ms, version, created_at_ms,
  updated_at_ms, paused_at_ms, blocked_reason, next_at_ms, due_at_ms, last_at_ms, last_run, skipped_at_ms, missed_at_ms,
  error_code, error_message, error_data`
const WITHOUT_INPUT = COLUMNS.replace(' input,', ' NULL,')

function rowIn(row: readonly SqlValue[]): ScheduleRow {
  const [code, message, data] = row.slice(21).map(textOrNothing)
  return {
    id: textIn(row[0]),
    workflow: textIn(row[1]),
    inputJson: textOrNothing(row[2]),
    cron: textOrNothing(row[3]),
    timeZone: textOrNothing(row[4]),
    everyMs: numberOrNothing(row[5]),
    anchorAtMs: numberIn(row[6]),
    overlap: textIn(row[7]) as Overlap,
    catchUp: numberIn(row[8]),
    spreadMs: numberIn(row[9]),
    version: numberIn(row[10]),
    createdAtMs: numberIn(row[11]),
    updatedAtMs: numberIn(row[12]),
    pausedAtMs: numberOrNothing(row[13]),
    blockedReason: textOrNothing(row[14]),
    nextAtMs: numberOrNothing(row[15]),
    dueAtMs: numberOrNothing(row[16]),
    lastAtMs: numberOrNothing(row[17]),
    lastRun: textOrNothing(row[18]),
    skippedAtMs: numberOrNothing(row[19]),
    missedAtMs: numberOrNothing(row[20]),
    error:
      code === undefined
        ? undefined
        : { code, message: message ?? '', ...(data === undefined ? {} : { data: JSON.parse(data) as Json }) },
  }
}

/** A schedule by its id. */
export function findSchedule(file: SqliteFile, id: string): ScheduleRow | undefined {
  const row = file.engine(`SELECT ${COLUMNS} FROM tenax_schedule WHERE id = ?`).get([id])
  return row === undefined ? undefined : rowIn(row)
}

/** All schedules by their ids, at most `limit`, without their inputs. */
export function listSchedules(file: SqliteFile, limit: number): ScheduleRow[] {
  return file
    .engine(`SELECT ${WITHOUT_INPUT} FROM tenax_schedule ORDER BY id LIMIT ?`)
    .all([int(limit)])
    .map(rowIn)
}

/** How many there are. */
export function countSchedules(file: SqliteFile): number {
  return numberIn(file.engine('SELECT count(*) FROM tenax_schedule').get()?.[0])
}

/** Those that are due, the earliest first. */
export function dueSchedules(file: SqliteFile, nowMs: number, limit: number): ScheduleRow[] {
  return file
    .engine(
      `SELECT ${COLUMNS} FROM tenax_schedule WHERE due_at_ms IS NOT NULL AND due_at_ms <= ? ORDER BY due_at_ms LIMIT ?`,
    )
    .all([int(nowMs), int(limit)])
    .map(rowIn)
}

/** When the next one is due. */
export function nextScheduleMs(file: SqliteFile): number | undefined {
  return numberOrNothing(
    file.engine('SELECT min(due_at_ms) FROM tenax_schedule WHERE due_at_ms IS NOT NULL').get()?.[0],
  )
}

/** Schedules that an import holds, without their inputs. */
export function heldSchedules(file: SqliteFile): ScheduleRow[] {
  return file
    .engine(`SELECT ${WITHOUT_INPUT} FROM tenax_schedule WHERE blocked_reason IS NOT NULL ORDER BY id`)
    .all()
    .map(rowIn)
}

const PUT = `INSERT INTO tenax_schedule (id, workflow, input, cron, time_zone, every_ms, overlap, catch_up, spread_ms, anchor_at_ms,
  version, created_at_ms, updated_at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 1, ?11, ?11)
  ON CONFLICT (id) DO UPDATE SET workflow = ?2, input = ?3, cron = ?4, time_zone = ?5, every_ms = ?6, overlap = ?7, catch_up = ?8,
  spread_ms = ?9, anchor_at_ms = ?10, version = version + 1, updated_at_ms = ?11`

/** Makes a schedule, or changes what is said about it. */
export function putSchedule(
  file: SqliteFile,
  id: string,
  said: ScheduleSaid,
  at: { readonly anchorAtMs: number; readonly nowMs: number },
): void {
  file
    .engine(PUT)
    .get([
      id,
      said.workflow,
      orNull(said.inputJson),
      orNull(said.cron),
      orNull(said.timeZone),
      int(said.everyMs),
      said.overlap,
      int(said.catchUp),
      int(said.spreadMs),
      int(at.anchorAtMs),
      int(at.nowMs),
    ])
}

/** Says when it fires next; undefined: not until somebody says more. */
export function writeNext(file: SqliteFile, id: string, next: NextFiring | undefined): void {
  file
    .engine('UPDATE tenax_schedule SET next_at_ms = ?, due_at_ms = ? WHERE id = ?')
    .get([int(next?.nextAtMs), int(next?.dueAtMs), id])
}

/** Pauses it, or ends its pause. Its next firing is written with {@link writeNext}. */
export function writePaused(file: SqliteFile, id: string, pausedAtMs: number | undefined, nowMs: number): void {
  file
    .engine(
      'UPDATE tenax_schedule SET paused_at_ms = ?, next_at_ms = NULL, due_at_ms = NULL, version = version + 1, updated_at_ms = ? WHERE id = ?',
    )
    .get([int(pausedAtMs), int(nowMs), id])
}

/** It is no longer held. */
export function writeReleased(file: SqliteFile, id: string): void {
  file.engine('UPDATE tenax_schedule SET blocked_reason = NULL, version = version + 1 WHERE id = ?').get([id])
}

/** What came of the nominal times that were due. */
export interface Fired {
  readonly lastAtMs: number | undefined
  readonly lastRun: string | undefined
  readonly skippedAtMs: number | undefined
  readonly missedAtMs: number | undefined
  readonly error: StoredError | undefined
}

const FIRED = `UPDATE tenax_schedule SET last_at_ms = coalesce(?, last_at_ms), last_run = coalesce(?, last_run),
  skipped_at_ms = coalesce(?, skipped_at_ms), missed_at_ms = coalesce(?, missed_at_ms), error_code = ?, error_message = ?,
  error_data = ? WHERE id = ?`

/** Keeps what came of a firing. */
export function writeFired(file: SqliteFile, id: string, fired: Fired): void {
  const { error } = fired
  file
    .engine(FIRED)
    .get([
      int(fired.lastAtMs),
      orNull(fired.lastRun),
      int(fired.skippedAtMs),
      int(fired.missedAtMs),
      orNull(error?.code),
      orNull(error?.message),
      orNull(error?.data),
      id,
    ])
}

/** Keeps which run somebody had it start. */
export function writeLastRun(file: SqliteFile, id: string, run: string): void {
  file.engine('UPDATE tenax_schedule SET last_run = ? WHERE id = ?').get([run, id])
}

/** A run went on as another one: for a schedule it is the same. */
export function followLastRun(file: SqliteFile, from: string, to: string): void {
  file.engine('UPDATE tenax_schedule SET last_run = ? WHERE last_run = ?').get([to, from])
}

/** Lets it go. False when it was not there. */
export function deleteSchedule(file: SqliteFile, id: string): boolean {
  return file.engine('DELETE FROM tenax_schedule WHERE id = ? RETURNING 1').get([id]) !== undefined
}
