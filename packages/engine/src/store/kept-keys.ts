/** Idempotency keys that outlive their runs, or found another's run (WORKFLOWS 32). */
import type { SqliteFile } from '@tenax/sqlite'
import { KEPT_KEY_MS } from '../limits.ts'
import type { RunRecord } from '../port.ts'
import { readRecord } from './records.ts'
import { findRun, type NewRun } from './runs.ts'
import { keyReused } from './started.ts'
import { int, numberOrNothing, textIn } from './values.ts'

/** What a start has found instead of beginning anew: a run, or what is kept of one that was deleted. */
export type Known =
  | { readonly type: 'run'; readonly number: number }
  | { readonly type: 'kept'; readonly record: RunRecord }

const KEEP = `INSERT OR REPLACE INTO tenax_kept_key (workflow, key, input_hash, run, record, kept_until_ms) VALUES (?, ?, ?, ?, ?, ?)`

/**
 * Keeps the idempotency key of a run that is about to be deleted, for 7 days; nothing when it has none. A start with the key
 * is answered with the run as it is now.
 */
export function keepKey(file: SqliteFile, number: number, nowMs: number): void {
  const row = file
    .engine('SELECT idempotency_key, input_hash FROM tenax_run WHERE number = ? AND idempotency_key IS NOT NULL')
    .get([int(number)])
  const record = row === undefined ? undefined : readRecord(file, number)
  if (row === undefined || record === undefined) return
  writeKey(file, { workflow: record.workflow, key: textIn(row[0]), inputHash: textIn(row[1]), record, nowMs })
}

/** Lets a start with the key of `run`, which found another run, find it again. */
export function keepAlias(
  file: SqliteFile,
  run: NewRun,
  known: { readonly number: number; readonly nowMs: number },
): void {
  const record = run.idempotencyKey === undefined ? undefined : readRecord(file, known.number)
  if (run.idempotencyKey === undefined || record === undefined) return
  const { workflow, idempotencyKey: key, inputHash } = run
  writeKey(file, { workflow, key, inputHash, record, nowMs: known.nowMs })
}

function writeKey(
  file: SqliteFile,
  kept: {
    readonly workflow: string
    readonly key: string
    readonly inputHash: string
    readonly record: RunRecord
    readonly nowMs: number
  },
): void {
  const { workflow, key, inputHash, record, nowMs } = kept
  file.engine(KEEP).get([workflow, key, inputHash, record.id, JSON.stringify(record), int(nowMs + KEPT_KEY_MS)])
}

/** When the time of the next key is over. */
export function nextKeptKeyMs(file: SqliteFile): number | undefined {
  return numberOrNothing(file.engine('SELECT min(kept_until_ms) FROM tenax_kept_key').get()?.[0])
}

/** Deletes at most `limit` keys whose time is over; gives how many. */
export function dropKeptKeys(
  file: SqliteFile,
  { nowMs, limit }: { readonly nowMs: number; readonly limit: number },
): number {
  return file
    .engine(
      `DELETE FROM tenax_kept_key WHERE (workflow, key) IN
      (SELECT workflow, key FROM tenax_kept_key WHERE kept_until_ms <= ? ORDER BY kept_until_ms LIMIT ?) RETURNING 1`,
    )
    .all([int(nowMs), int(limit)]).length
}

/**
 * The run that a kept key stands for, or what is kept of it.
 *
 * @throws TenaxError `idempotency_key_reused`
 */
export function findKept(file: SqliteFile, run: NewRun, nowMs: number): Known | undefined {
  if (run.idempotencyKey === undefined) return undefined
  const row = file
    .engine('SELECT input_hash, run, record FROM tenax_kept_key WHERE workflow = ? AND key = ? AND kept_until_ms > ?')
    .get([run.workflow, run.idempotencyKey, int(nowMs)])
  if (row === undefined) return undefined
  if (row[0] !== run.inputHash) throw keyReused()
  const found = findRun(file, textIn(row[1]))
  if (found !== undefined) return { type: 'run', number: found.number }
  return { type: 'kept', record: JSON.parse(textIn(row[2])) as RunRecord }
}
