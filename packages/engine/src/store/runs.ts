/** Rows of `tenax_run`. Every function runs inside a commit or a read of the tenant's file. */
import { TenaxError } from '@tenax/kernel'
import type { SqliteFile } from '@tenax/sqlite'
import type { StoredError } from '@tenax/workflow/core'
import { ENGINE_TABLES, HELD_REASON } from '../tables.ts'
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
  readonly startedAtMs: number | undefined
  readonly patches: Readonly<Record<string, boolean>>
  readonly completionCount: number
  readonly outputCount: number
  readonly cancelledAfter: number | undefined
  readonly skipped: readonly string[]
  readonly isCancelRequested: boolean
  readonly predecessor: string | undefined
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
  readonly successor?: string
}

const filesWithTables = new WeakSet<SqliteFile>()

/** True when the tenant has the engine's tables. */
export function hasTables(file: SqliteFile): boolean {
  if (filesWithTables.has(file)) return true
  const found = file.engine("SELECT 1 FROM sqlite_schema WHERE name = 'tenax_run'").get() !== undefined
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

const INSERT = `INSERT INTO tenax_run (number, id, workflow, version, status, readiness, priority, wake_at_ms, created_at_ms, start_at_ms,
  started_at_ms, seed, input, input_hash, idempotency_key, event_floor, parent_run, parent_seq, predecessor)
  VALUES ((SELECT coalesce(max(number), 0) + 1 FROM tenax_run), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
  (SELECT coalesce(max(number), 0) FROM tenax_event), ?, ?, ?) RETURNING number`

/** Writes a new run; gives its number. */
export function insertRun(
  file: SqliteFile,
  run: NewRun,
  at: { readonly nowMs: number; readonly startedAtMs?: number | undefined; readonly outlook?: Outlook },
): number {
  const isDue = run.startAtMs <= at.nowMs
  const outlook = at.outlook ?? {
    status: 'queued',
    readiness: isDue ? 1 : 0,
    wakeAtMs: isDue ? undefined : run.startAtMs,
  }
  const row = file
    .engine(INSERT)
    .get([
      run.id,
      run.workflow,
      orNull(run.version),
      outlook.status,
      int(outlook.readiness),
      int(run.priority),
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
    ])
  return numberIn(row?.[0])
}

/**
 * The number of the run that this request has started already, if there is one.
 *
 * @throws TenaxError `idempotency_key_reused`, `run_id_reused`
 */
export function findStarted(file: SqliteFile, run: NewRun): number | undefined {
  if (run.idempotencyKey !== undefined) {
    const [number, hash] =
      file
        .engine('SELECT number, input_hash FROM tenax_run WHERE workflow = ? AND idempotency_key = ?')
        .get([run.workflow, run.idempotencyKey]) ?? []
    if (number !== undefined && hash !== run.inputHash) {
      throw new TenaxError('idempotency_key_reused', 'the idempotency key started a run with another input', {
        hint: 'use a new key for a new run',
      })
    }
    if (number !== undefined) return numberIn(number)
  }
  const [number, workflow, hash] =
    file.engine('SELECT number, workflow, input_hash FROM tenax_run WHERE id = ?').get([run.id]) ?? []
  if (number === undefined) return undefined
  if (workflow !== run.workflow || hash !== run.inputHash) {
    throw new TenaxError('run_id_reused', `a run "${run.id}" was started with another workflow or input`, {
      hint: 'choose another id',
    })
  }
  return numberIn(number)
}

/** Number and end of a run by its id. */
export function findRun(
  file: SqliteFile,
  id: string,
): { readonly number: number; readonly hasEnded: boolean } | undefined {
  const row = file.engine('SELECT number, ended_at_ms IS NOT NULL FROM tenax_run WHERE id = ?').get([id])
  return row === undefined ? undefined : { number: numberIn(row[0]), hasEnded: row[1] === 1n }
}

/** As {@link findRun}. Throws TenaxError `run_not_found`. */
export function requireRun(file: SqliteFile, id: string): { readonly number: number; readonly hasEnded: boolean } {
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

const ROW = `SELECT number, id, workflow, version, priority, input, seed, started_at_ms, patches, completion_count, output_count,
  cancelled_after, skipped, cancel_requested_at_ms, predecessor FROM tenax_run WHERE number = ? AND ended_at_ms IS NULL`

/** What the executor needs of a run that has not ended. */
export function readRun(file: SqliteFile, number: number): RunRow | undefined {
  const row = file.engine(ROW).get([int(number)])
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
    completionCount: numberIn(row[9]),
    outputCount: numberIn(row[10]),
    cancelledAfter: numberOrNothing(row[11]),
    skipped: (parsed(row[12]) as string[] | undefined) ?? [],
    isCancelRequested: typeof row[13] === 'bigint',
    predecessor: textOrNothing(row[14]),
  }
}

/** Counters of a run that every record of it begins with; undefined when it has ended or gone. */
export function readCounters(
  file: SqliteFile,
  number: number,
):
  | { readonly completionCount: number; readonly arrivedCount: number; readonly isCancelRequested: boolean }
  | undefined {
  const row = file
    .engine(
      'SELECT completion_count, arrived_count, cancel_requested_at_ms FROM tenax_run WHERE number = ? AND ended_at_ms IS NULL AND blocked_reason IS NULL',
    )
    .get([int(number)])
  if (row === undefined) return undefined
  return {
    completionCount: numberIn(row[0]),
    arrivedCount: numberIn(row[1]),
    isCancelRequested: typeof row[2] === 'bigint',
  }
}

/** What a turn leaves in its run's row. */
export interface Progress {
  readonly number: number
  readonly outlook: Outlook
  readonly startedAtMs: number
  readonly completionCount: number
  readonly arrivedCount: number
  readonly outputCount: number
}

const PROGRESS = `UPDATE tenax_run SET status = ?, readiness = ?, wake_at_ms = ?, started_at_ms = coalesce(started_at_ms, ?),
  completion_count = ?, arrived_count = ?, output_count = ? WHERE number = ?`

/** Writes what a turn has come to. */
export function writeProgress(file: SqliteFile, { outlook, ...progress }: Progress): void {
  file
    .engine(PROGRESS)
    .get([
      outlook.status,
      int(outlook.readiness),
      int(outlook.wakeAtMs),
      int(progress.startedAtMs),
      int(progress.completionCount),
      int(progress.arrivedCount),
      int(progress.outputCount),
      int(progress.number),
    ])
}

/** What came in meanwhile, and its executor has not seen, keeps the run from resting. */
const OUTLOOK = `UPDATE tenax_run SET status = ?, readiness = max(?, CASE WHEN arrived_count > 0
  OR (cancel_requested_at_ms IS NOT NULL AND cancelled_after IS NULL) THEN 1 ELSE 0 END), wake_at_ms = ?
  WHERE number = ? AND ended_at_ms IS NULL AND blocked_reason IS NULL`

/** Says how a run goes on, when nothing else of it has changed. */
export function writeOutlook(file: SqliteFile, number: number, outlook: Outlook): void {
  file.engine(OUTLOOK).get([outlook.status, int(outlook.readiness), int(outlook.wakeAtMs), int(number)])
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

const FINISH = `UPDATE tenax_run SET status = ?, readiness = 0, wake_at_ms = NULL, ended_at_ms = ?, output = ?, error_code = ?,
  error_message = ?, error_data = ?, successor = ?, blocked_reason = NULL, arrived_count = 0
  WHERE number = ? AND ended_at_ms IS NULL RETURNING parent_run, parent_seq`

/** Ends a run. Gives the operation that waits for it, if it is a child; undefined when it had ended. */
export function writeEnding(
  file: SqliteFile,
  number: number,
  { status, json, error, successor, nowMs }: Ending & { readonly nowMs: number },
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
      orNull(successor),
      int(number),
    ])
  if (row === undefined) return undefined
  const [run, seq] = row.map(numberOrNothing)
  return { parent: run === undefined || seq === undefined ? undefined : { run, seq } }
}

/** Puts a run aside until new code comes, or somebody releases it (WORKFLOWS 24). Its timers are found again when it goes on. */
export function writeBlocked(file: SqliteFile, number: number, reason: string, codeHash: string): void {
  file
    .engine(
      'UPDATE tenax_run SET blocked_reason = ?, blocked_code = ?, readiness = 0, wake_at_ms = NULL WHERE number = ? AND ended_at_ms IS NULL',
    )
    .get([reason, codeHash, int(number)])
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
      'UPDATE tenax_run SET blocked_reason = NULL, blocked_code = NULL, readiness = 1 WHERE blocked_reason IS NOT NULL AND blocked_reason <> ? AND workflow = ? AND blocked_code = ?',
    )
    .get([HELD_REASON, workflow, codeHash])
}
