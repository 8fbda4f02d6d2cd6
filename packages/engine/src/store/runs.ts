/** Rows of `tenax_run`. Every function runs inside a commit or a read of the tenant's file. */
import { type SqlValue, TenaxError } from '@tenax/kernel'
import type { SqliteFile } from '@tenax/sqlite'
import type { RunLimits } from '@tenax/workflow'
import type { StoredError } from '@tenax/workflow/core'
import { PRIORITY_STEP_MS } from '../limits.ts'
import { ENGINE_TABLES, HELD_REASON } from '../tables.ts'
import { assertOwnTables } from './own-tables.ts'
import { writeLimits } from './slots.ts'
import { MAY_GO } from './standing.ts'
import { int, numberIn, numberOrNothing, orNull, textIn, textOrNothing } from './values.ts'

/** A run as it is accepted. */
export interface NewRun {
  readonly id: string
  readonly workflow: string
  readonly version: string | undefined
  readonly priority: number
  readonly startAtMs: number
  readonly inputJson: string | undefined
  readonly inputHash: string
  readonly idempotencyKey: string | undefined
  readonly seed: string
  readonly parent?: { readonly run: number; readonly seq: number } | undefined
  readonly predecessor?: string
  /** Undefined: its workflow has none. */
  readonly limits?: RunLimits | undefined
  /** True when its id was made for it: no other run has it. */
  readonly isFresh?: boolean
  /** How long it may take from its start on. */
  readonly deadlineMs?: number | undefined
}

/** What the executor needs of a run's row. */
export interface RunRow {
  readonly number: number
  readonly id: string
  readonly workflow: string
  readonly version: string | undefined
  readonly priority: number
  readonly inputJson: string | undefined
  readonly seed: string
  readonly createdAtMs: number
  readonly startedAtMs: number | undefined
  readonly patches: Readonly<Record<string, boolean>>
  readonly outputCount: number
  readonly outputOffset: number
  readonly cancelledAfter: number | undefined
  readonly skipped: readonly string[]
  readonly isCancelRequested: boolean
  readonly predecessor: string | undefined
  /** True when it needs a slot to be at work, and gives it back at rest. */
  readonly isSlotted: boolean
  readonly deaths: number
  /** The run that it is a rerun of. */
  readonly origin: string | undefined
  /** What its body is told as its beginning, if that was another's. */
  readonly beginsAtMs: number | undefined
}

/** How a run goes on: what its row says for claims and timers. */
export interface Outlook {
  readonly status: 'queued' | 'running' | 'waiting' | 'compensating'
  readonly readiness: 0 | 1 | 2
  readonly wakeAtMs: number | undefined
}

/** How a run ends. */
export interface Ending {
  readonly status: 'completed' | 'failed' | 'cancelled' | 'terminated' | 'continued'
  readonly json?: string | undefined
  readonly error?: StoredError
  /** The operation whose failure ended it. */
  readonly failedSeq?: number | undefined
  readonly successor?: string
  /** False when it is known that no operation is open; unsaid, they are looked for. */
  readonly hasOpen?: boolean
}

const filesWithTables = new WeakSet<SqliteFile>()

/** True when the tenant has the engine's tables. Throws TenaxError `engine_tables_unknown` when they are another release's. */
export function hasTables(file: SqliteFile): boolean {
  if (filesWithTables.has(file)) return true
  const found = file.engine("SELECT 1 FROM sqlite_schema WHERE name = 'tenax_run'").get() !== undefined
  if (found) assertOwnTables(file)
  // Inside the transaction that makes them they may still go again.
  if (found && !file.inTransaction) filesWithTables.add(file)
  return found
}

/** Makes the engine's tables in a file that has none. */
export function makeTables(file: SqliteFile): void {
  if (hasTables(file)) return
  file.script(ENGINE_TABLES.definitions)
  file.dropTenantStatements()
}

/** The place of a run that is ready since `readyAtMs` in the order of claims: all age alike, so it never changes. */
export function claimAtMs(priority: number, readyAtMs: number): number {
  return readyAtMs - priority * PRIORITY_STEP_MS
}

const INSERT = `INSERT INTO tenax_run (number, id, workflow, version, status, readiness, priority, claim_at_ms, wake_at_ms, created_at_ms, start_at_ms,
  started_at_ms, seed, input, input_hash, idempotency_key, event_floor, parent_run, parent_seq, predecessor, deadline_at_ms)
  VALUES ((SELECT coalesce(max(number), 0) + 1 FROM tenax_run), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
  (SELECT coalesce(max(number), 0) FROM tenax_event), ?, ?, ?, ?) RETURNING number`

/** Writes a new run; gives its number. */
export function insertRun(
  file: SqliteFile,
  run: NewRun,
  at: {
    readonly nowMs: number
    readonly startedAtMs?: number | undefined
    readonly outlook?: Outlook
    readonly times?: number[]
  },
): number {
  const isDue = run.startAtMs <= at.nowMs
  const outlook = at.outlook ?? {
    status: 'queued',
    readiness: isDue ? 1 : 0,
    wakeAtMs: isDue ? undefined : run.startAtMs,
  }
  const deadlineAtMs = run.deadlineMs === undefined ? undefined : Math.max(run.startAtMs, at.nowMs) + run.deadlineMs
  if (deadlineAtMs !== undefined) at.times?.push(deadlineAtMs)
  const row = file
    .engine(INSERT)
    .get([
      run.id,
      run.workflow,
      orNull(run.version),
      outlook.status,
      int(outlook.readiness),
      int(run.priority),
      int(claimAtMs(run.priority, Math.max(run.startAtMs, at.nowMs))),
      int(outlook.wakeAtMs),
      int(at.nowMs),
      int(run.startAtMs),
      int(at.startedAtMs),
      run.seed,
      orNull(run.inputJson),
      run.inputHash,
      orNull(run.idempotencyKey),
      int(run.parent?.run),
      int(run.parent?.seq),
      orNull(run.predecessor),
      int(deadlineAtMs),
    ])
  const number = numberIn(row?.[0])
  if (run.limits !== undefined) writeLimits(file, number, run.limits)
  return number
}

/** A run that was found by its id. */
export interface FoundRun {
  readonly number: number
  readonly id: string
  readonly hasEnded: boolean
}

/** Number and end of a run by its id. */
export function findRun(file: SqliteFile, id: string): FoundRun | undefined {
  const row = file.engine('SELECT number, ended_at_ms IS NOT NULL FROM tenax_run WHERE id = ?').get([id])
  return row === undefined ? undefined : { number: numberIn(row[0]), id, hasEnded: row[1] === 1n }
}

/** As {@link findRun}. Throws TenaxError `run_not_found`. */
export function requireRun(file: SqliteFile, id: string): FoundRun {
  const found = hasTables(file) ? findRun(file, id) : undefined
  if (found === undefined) throw runNotFound(id)
  return found
}

/** The error for a run that is not there. */
export function runNotFound(id: string): TenaxError {
  return new TenaxError('run_not_found', `the tenant has no run "${id}"`)
}

/** The error for what an ended run refuses. */
export function runEnded(id: string): TenaxError {
  return new TenaxError('run_ended', `the run "${id}" has ended`, { hint: 'look at its status' })
}

const RECORDED_ROW = `SELECT number, id, workflow, version, priority, input, seed, started_at_ms, patches, output_count,
  cancelled_after, skipped, cancel_requested_at_ms, predecessor, created_at_ms, origin, begins_at_ms, output_offset, deaths,
  slot_holds FROM tenax_run WHERE number = ?`

const ROW = `${RECORDED_ROW} AND ended_at_ms IS NULL AND paused_at_ms IS NULL`

/** What the executor needs of a run that has not ended, and is not paused. */
export function readRun(file: SqliteFile, number: number): RunRow | undefined {
  return rowOf(file.engine(ROW).get([int(number)]))
}

/** As {@link readRun}, of any run. */
export function readRecordedRun(file: SqliteFile, number: number): RunRow | undefined {
  return rowOf(file.engine(RECORDED_ROW).get([int(number)]))
}

function rowOf(row: readonly SqlValue[] | undefined): RunRow | undefined {
  if (row === undefined) return undefined
  const parsed = (value: unknown): unknown => (typeof value === 'string' ? JSON.parse(value) : undefined)
  return {
    number: numberIn(row[0]),
    id: textIn(row[1]),
    workflow: textIn(row[2]),
    version: textOrNothing(row[3]),
    priority: numberIn(row[4]),
    inputJson: textOrNothing(row[5]),
    seed: textIn(row[6]),
    startedAtMs: numberOrNothing(row[7]),
    patches: (parsed(row[8]) as Record<string, boolean> | undefined) ?? {},
    outputCount: numberIn(row[9]),
    cancelledAfter: numberOrNothing(row[10]),
    skipped: (parsed(row[11]) as string[] | undefined) ?? [],
    isCancelRequested: typeof row[12] === 'bigint',
    predecessor: textOrNothing(row[13]),
    createdAtMs: numberIn(row[14]),
    origin: textOrNothing(row[15]),
    beginsAtMs: numberOrNothing(row[16]),
    outputOffset: numberIn(row[17]),
    deaths: numberIn(row[18]),
    isSlotted: row[19] === 'active',
  }
}

/** What came in meanwhile, and its executor has not seen, keeps the run from resting. */
const OUTLOOK = `UPDATE tenax_run SET status = ?, readiness = max(?, CASE WHEN arrived_count > 0
  OR (cancel_requested_at_ms IS NOT NULL AND cancelled_after IS NULL) THEN 1 ELSE 0 END), wake_at_ms = ?, deaths = 0
  WHERE number = ? AND ended_at_ms IS NULL AND ${MAY_GO}`

/** Says how a run goes on behind an attempt that failed. */
export function writeOutlook(file: SqliteFile, number: number, outlook: Outlook): void {
  file.engine(OUTLOOK).get([outlook.status, int(outlook.readiness), int(outlook.wakeAtMs), int(number)])
}

const FINISH = `UPDATE tenax_run SET status = ?, readiness = 0, wake_at_ms = NULL, ended_at_ms = ?, output = ?, error_code = ?,
  error_message = ?, error_data = ?, failed_seq = ?, successor = ?, blocked_reason = NULL, paused_at_ms = NULL, closing = NULL, arrived_count = 0,
  deadline_at_ms = NULL WHERE number = ? AND ended_at_ms IS NULL RETURNING parent_run, parent_seq`

/** Ends a run. Gives the operation that waits for it, if it is a child; undefined when it had ended. */
export function writeEnding(
  file: SqliteFile,
  number: number,
  { status, json, error, failedSeq, successor, nowMs }: Ending & { readonly nowMs: number },
): { readonly parent: NewRun['parent'] } | undefined {
  const row = file
    .engine(FINISH)
    .get([
      status,
      int(nowMs),
      orNull(json),
      orNull(error?.code),
      orNull(error?.message),
      orNull(error?.data),
      int(failedSeq),
      orNull(successor),
      int(number),
    ])
  if (row === undefined) return undefined
  const [run, seq] = row.map(numberOrNothing)
  return { parent: run === undefined || seq === undefined ? undefined : { run, seq } }
}

/**
 * Puts a run aside until new code comes, or somebody releases it (WORKFLOWS 24). Its timers are found again when it goes on.
 * False when it had ended, or was put aside already.
 */
export function writeBlocked(file: SqliteFile, number: number, reason: string, codeHash: string): boolean {
  const written = file.engine(
    `UPDATE tenax_run SET blocked_reason = ?, blocked_code = ?, readiness = 0, wake_at_ms = NULL
    WHERE number = ? AND ended_at_ms IS NULL AND blocked_reason IS NULL RETURNING 1`,
  )
  return written.get([reason, codeHash, int(number)]) !== undefined
}

/** Which code runs are put aside for, each once: whoever has other code for that workflow lets them go on. */
export function blockedCodes(file: SqliteFile): { readonly workflow: string; readonly codeHash: string }[] {
  return file
    .engine(
      'SELECT DISTINCT workflow, blocked_code FROM tenax_run WHERE blocked_reason IS NOT NULL AND blocked_reason <> ?',
    )
    .all([HELD_REASON])
    .map(([workflow, codeHash]) => ({ workflow: textIn(workflow), codeHash: textOrNothing(codeHash) ?? '' }))
}

/** True when a run is put aside for its code. */
export function hasBlocked(file: SqliteFile): boolean {
  const found = file.engine('SELECT 1 FROM tenax_run WHERE blocked_reason IS NOT NULL AND blocked_reason <> ? LIMIT 1')
  return found.get([HELD_REASON]) !== undefined
}

/** Lets the runs be claimed again that are put aside for this code. */
export function unblockRuns(file: SqliteFile, { workflow, codeHash }: { workflow: string; codeHash: string }): void {
  file
    .engine(
      'UPDATE tenax_run SET blocked_reason = NULL, blocked_code = NULL, readiness = CASE WHEN paused_at_ms IS NULL AND closing IS NULL THEN 1 ELSE 0 END WHERE blocked_reason IS NOT NULL AND blocked_reason <> ? AND workflow = ? AND blocked_code = ?',
    )
    .get([HELD_REASON, workflow, codeHash])
}
