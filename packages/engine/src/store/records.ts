/** Rows as they are shown: what `get`, `list`, `steps` and `outputs` answer. */
import type { RunStatus, SqlValue } from '@tenax/kernel'
import type { SqliteFile } from '@tenax/sqlite'
import type { Json } from '@tenax/workflow'
import { STEPS_SHOWN_MAX } from '../limits.ts'
import type {
  OutputRecord,
  RunDetail,
  RunPage,
  RunQuery,
  RunRecord,
  ShownError,
  StepRecord,
  StepStatus,
} from '../port.ts'
import type { NewRun } from './runs.ts'
import { readSlotWait } from './slots.ts'
import { int, numberIn, numberOrNothing, orNull, textIn, textOrNothing } from './values.ts'

const COLUMNS = `r.id, r.workflow, r.version, r.status, r.priority, r.created_at_ms, r.start_at_ms, r.started_at_ms, r.ended_at_ms,
  r.cancel_requested_at_ms, r.blocked_reason, p.id, r.predecessor, r.successor, r.number, r.paused_at_ms, r.origin`
const FROM = 'FROM tenax_run r LEFT JOIN tenax_run p ON p.number = r.parent_run'

/** A run as it was accepted by a commit at `atMs`. */
export function acceptedRecord(
  run: NewRun,
  { status, atMs, startedAtMs }: { readonly status: RunStatus; readonly atMs: number; readonly startedAtMs?: number },
): RunRecord {
  const { id, workflow, version, priority, startAtMs, predecessor } = run
  return {
    ...{ id, workflow, version, status, priority, startAtMs, startedAtMs, predecessor, createdAtMs: atMs },
    ...{ endedAtMs: undefined, cancelRequestedAtMs: undefined, pausedAtMs: undefined, blockedReason: undefined },
    ...{ parent: undefined, successor: undefined, origin: undefined },
  }
}

function recordIn(row: readonly SqlValue[]): RunRecord {
  return {
    id: textIn(row[0]),
    workflow: textIn(row[1]),
    version: textOrNothing(row[2]),
    status: textIn(row[3]) as RunStatus,
    priority: numberIn(row[4]),
    createdAtMs: numberIn(row[5]),
    startAtMs: numberIn(row[6]),
    startedAtMs: numberOrNothing(row[7]),
    endedAtMs: numberOrNothing(row[8]),
    cancelRequestedAtMs: numberOrNothing(row[9]),
    pausedAtMs: numberOrNothing(row[15]),
    blockedReason: textOrNothing(row[10]),
    parent: textOrNothing(row[11]),
    predecessor: textOrNothing(row[12]),
    successor: textOrNothing(row[13]),
    origin: textOrNothing(row[16]),
  }
}

/** A run by its number. */
export function readRecord(file: SqliteFile, number: number): RunRecord | undefined {
  const row = file.engine(`SELECT ${COLUMNS} ${FROM} WHERE r.number = ?`).get([int(number)])
  return row === undefined ? undefined : recordIn(row)
}

/** A run by its id, with its input, output and values. */
export function readDetail(file: SqliteFile, id: string): RunDetail | undefined {
  const row = file
    .engine(
      `SELECT ${COLUMNS}, r.input, r.output, r.error_code, r.error_message, r.error_data, r.output_count + r.output_offset,
      CASE json_extract(r.closing, '$.type') WHEN 'end' THEN json_extract(r.closing, '$.ending.status') WHEN 'continue' THEN 'continued' END ${FROM} WHERE r.id = ?`,
    )
    .get([id])
  if (row === undefined) return undefined
  const hasOutputs = row[22] !== 0n
  const number = numberIn(row[14])
  return {
    ...recordIn(row),
    input: jsonIn(row[17]),
    output: jsonIn(row[18]),
    error: errorIn(row.slice(19, 22)),
    slot: readSlotWait(file, number),
    closingAs: textOrNothing(row[23]) as RunStatus | undefined,
    values: hasOutputs ? readValues(file, number) : {},
  }
}

function readValues(file: SqliteFile, number: number): Record<string, Json> {
  const rows = file
    .engine("SELECT key, value FROM tenax_output WHERE run = ? AND type = 'set' ORDER BY seq")
    .all([int(number)])
  return Object.fromEntries(rows.map(([key, value]) => [textIn(key), jsonIn(value) ?? null]))
}

function jsonIn(value: SqlValue | undefined): Json | undefined {
  return typeof value === 'string' ? (JSON.parse(value) as Json) : undefined
}

function errorIn([code, message, data]: readonly SqlValue[]): ShownError | undefined {
  if (typeof code !== 'string') return undefined
  const shown = { code, message: textIn(message) }
  const parsed = jsonIn(data)
  return parsed === undefined ? shown : { ...shown, data: parsed }
}

/** A page of runs, the newest first. `beforeNumber` is the last one of the page before. */
export function readPage(
  file: SqliteFile,
  query: Pick<RunQuery, 'status' | 'workflow'>,
  at: { readonly beforeNumber: number; readonly limit: number },
): { readonly runs: RunPage['runs']; readonly lastNumber: number | undefined } {
  const { status, workflow } = query
  const rows = file
    .engine(
      `SELECT ${COLUMNS} ${FROM} WHERE r.number < ?1 AND (?2 IS NULL OR r.workflow = ?2) ${filterOf(status)} ORDER BY r.number DESC LIMIT ?3`,
    )
    .all([int(at.beforeNumber), orNull(workflow), int(at.limit)])
  const isFull = rows.length === at.limit
  return { runs: rows.map(recordIn), lastNumber: isFull ? numberOrNothing(rows.at(-1)?.[14]) : undefined }
}

/** Statuses that have an index are found through it; the text of the second condition is the index's own. */
function filterOf(status: RunStatus | undefined): string {
  if (status === undefined) return ''
  if (status === 'running' || status === 'completed') return `AND r.status = '${status}'`
  return `AND r.status = '${status}' AND r.status NOT IN ('running', 'completed')`
}

/** The last operations of a run, in order of asking. */
export function readStepRecords(file: SqliteFile, number: number): StepRecord[] {
  return file
    .engine(
      `SELECT seq, identity, kind, status, is_dropped, asked_at_ms, completed_at_ms, attempts, due_at_ms, event, event_key, child,
      result, error_code, error_message, error_data FROM tenax_step WHERE run = ? ORDER BY seq DESC LIMIT ?`,
    )
    .all([int(number), int(STEPS_SHOWN_MAX)])
    .toReversed()
    .map((row) => ({
      seq: numberIn(row[0]),
      identity: textIn(row[1]),
      kind: textIn(row[2]) as StepRecord['kind'],
      status: textIn(row[3]) as StepStatus,
      askedAtMs: numberIn(row[5]),
      completedAtMs: numberOrNothing(row[6]),
      attempts: numberIn(row[7]),
      dueAtMs: numberOrNothing(row[8]),
      event: textOrNothing(row[9]),
      key: textOrNothing(row[10]),
      child: textOrNothing(row[11]),
      result: jsonIn(row[12]),
      error: errorIn(row.slice(13)),
    }))
}

/** What `emit` and `log` left behind `afterSeq`, up to `uptoSeq`. */
export function readOutputs(
  file: SqliteFile,
  number: number,
  { afterSeq, uptoSeq, limit }: { readonly afterSeq: number; readonly uptoSeq: number; readonly limit: number },
): OutputRecord[] {
  return file
    .engine(
      "SELECT seq, type, at_ms, message, value FROM tenax_output WHERE run = ? AND seq > ? AND seq <= ? AND type <> 'set' ORDER BY seq LIMIT ?",
    )
    .all([int(number), int(afterSeq), int(uptoSeq), int(limit)])
    .map((row) => ({
      seq: numberIn(row[0]),
      type: textIn(row[1]) as OutputRecord['type'],
      atMs: numberIn(row[2]),
      message: textOrNothing(row[3]),
      value: jsonIn(row[4]),
    }))
}
