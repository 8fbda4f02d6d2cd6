/** Rows of `tenax_step`. Every function runs inside a commit or a read of the tenant's file. */
import { assert, type SqlValue } from '@tenax/kernel'
import type { SqliteFile } from '@tenax/sqlite'
import type {
  AskedOperation,
  Completion,
  OperationKind,
  Outcome,
  RecordedOperation,
  StoredError,
  UndoneOperation,
} from '@tenax/workflow/core'
import type { Announcement, Effects } from './announcement.ts'
import { GET_IN_LINE, GET_READY } from './standing.ts'
import { int, numberIn, numberOrNothing, orNull, textIn, textOrNothing } from './values.ts'

/** What the record says of an operation beyond what the replay core asks for. */
export interface OpenRow {
  readonly seq: number
  readonly attempts: number
  readonly dueAtMs: number | undefined
  readonly progressJson: string | undefined
}

/** The operations of a run as recorded. */
export interface RecordedSteps {
  readonly operations: readonly RecordedOperation[]
  /** Settled while the run was not in memory, in the order of their ends. */
  readonly arrived: readonly Announcement[]
  readonly open: ReadonlyMap<number, OpenRow>
  /** Of these and of `arrived`, those that nobody has performed or seen since the run was tried again. */
  readonly again: ReadonlySet<number>
  readonly lastAtMs: number
  /** Most deaths of an open one (WORKFLOWS 28). */
  readonly deaths: number
  /** How many of them the body has seen. */
  readonly completionCount: number
}

const OUTCOME = 'status, result, error_code, error_message, error_data, attempts'

/** All operations of a run, in order of `seq`. */
export function readSteps(file: SqliteFile, run: number): RecordedSteps {
  const rows = file
    .engine(
      `SELECT ${OUTCOME}, seq, identity, kind, hash, completion, completed_at_ms, is_dropped, due_at_ms, progress, is_again,
      undone_after IS NOT NULL, performed_by, deaths FROM tenax_step WHERE run = ? ORDER BY seq`,
    )
    .all([int(run)])
  const operations: RecordedOperation[] = []
  const arrived: { readonly atMs: number; readonly announcement: Announcement }[] = []
  const open = new Map<number, OpenRow>()
  const again = new Set<number>()
  let lastAtMs = 0
  let deaths = 0
  let completionCount = 0
  for (const row of rows) {
    const seq = numberIn(row[6])
    const outcome = outcomeIn(row)
    const number = numberOrNothing(row[10])
    const atMs = numberOrNothing(row[11]) ?? 0
    const isAgain = row[15] === 1n
    const isDropped = row[12] === 1n && !isAgain
    const performedBy = textOrNothing(row[17])
    if (isAgain) again.add(seq)
    if (number !== undefined) {
      lastAtMs = Math.max(lastAtMs, atMs)
      completionCount += 1
    }
    if (outcome === undefined && !isDropped) {
      const dueAtMs = numberOrNothing(row[13])
      deaths = Math.max(deaths, numberIn(row[18]))
      open.set(seq, { seq, attempts: numberIn(row[5]), dueAtMs, progressJson: textOrNothing(row[14]) })
    }
    if (outcome !== undefined && number === undefined && !isDropped) {
      arrived.push({ atMs, announcement: { run, seq, outcome } })
    }
    operations.push({
      seq,
      identity: textIn(row[7]),
      kind: textIn(row[8]) as OperationKind,
      hash: textIn(row[9]),
      isDropped,
      isUndone: row[16] === 1n,
      ...(performedBy === undefined ? {} : { performedBy }),
      ...(outcome === undefined || number === undefined ? {} : { completion: { number, atMs, outcome } }),
    })
  }
  arrived.sort((a, b) => a.atMs - b.atMs || a.announcement.seq - b.announcement.seq)
  return {
    operations,
    arrived: arrived.map(({ announcement }) => announcement),
    open,
    again,
    lastAtMs,
    completionCount,
    deaths,
  }
}

/** The outcome in a row that begins with {@link OUTCOME}; undefined while it is open, or when it was dropped open. */
function outcomeIn(row: readonly SqlValue[]): Outcome | undefined {
  const status = textIn(row[0])
  if (status === 'completed') return { type: 'ok', json: textOrNothing(row[1]) }
  if (status === 'cancelled') return { type: 'cancelled' }
  if (status !== 'failed') return undefined
  const data = textOrNothing(row[4])
  const error: StoredError = {
    code: textIn(row[2]),
    message: textIn(row[3]),
    attempts: numberIn(row[5]),
    ...(data === undefined ? {} : { data }),
  }
  return { type: 'error', error }
}

const INSERT = `INSERT INTO tenax_step (run, seq, identity, kind, hash, status, asked_at_ms, asked_after, due_at_ms, event, event_key, wait_number, child, child_policy, attempts, uses)
  VALUES (?, ?, ?, ?, ?, 'open', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

/** Records that a run asked for an operation. */
export function insertStep(file: SqliteFile, run: number, asked: AskedOperation, nowMs: number): void {
  const { spec } = asked
  const wait = spec.kind === 'wait' ? { event: spec.event, key: spec.key } : undefined
  file.engine(INSERT).get([
    int(run),
    int(asked.seq),
    asked.identity,
    spec.kind,
    asked.hash,
    int(nowMs),
    int(asked.askedAfter),
    int(dueAtMsOf(asked)),
    orNull(wait?.event),
    orNull(wait?.key),
    wait === undefined ? null : nextWaitNumber(file, wait),
    spec.kind === 'child' ? spec.childId : null,
    spec.kind === 'child' ? spec.onParentClose : null,
    // The mark that it was begun is durable before it begins (WORKFLOWS 12).
    spec.kind === 'step' && spec.atMostOnce ? 1n : 0n,
    spec.kind === 'step' ? orNull(spec.uses) : null,
  ])
}

/** When an operation is due by itself: the end of a sleep, the deadline of a wait. */
export function dueAtMsOf({ spec }: AskedOperation): number | undefined {
  if (spec.kind === 'sleep') return spec.dueAtMs
  return spec.kind === 'wait' ? spec.deadlineMs : undefined
}

/** A place behind all who wait for the same. */
export function nextWaitNumber(file: SqliteFile, { event, key }: { event: string; key: string }): bigint {
  const [number] =
    file
      .engine(
        "SELECT coalesce(max(wait_number), 0) + 1 FROM tenax_step WHERE event = ? AND event_key = ? AND status = 'open' AND event IS NOT NULL",
      )
      .get([event, key]) ?? []
  return BigInt(numberIn(number))
}

const SETTLE = `UPDATE tenax_step SET status = ?, result = ?, error_code = ?, error_message = ?, error_data = ?, attempts = max(attempts, ?),
  completion = ?, completed_at_ms = ?, progress = NULL WHERE run = ? AND seq = ?`

const PLACE = `${SETTLE} AND completion IS NULL RETURNING 1`

/** Records a completion in its place, which it keeps: a second one would leave a gap. `attempts` is how many a step took. */
export function writeCompletion(file: SqliteFile, run: number, completion: Completion, attempts = 0): void {
  const { seq, number, atMs, outcome } = completion
  const placed = file
    .engine(PLACE)
    .get([...outcomeValues(outcome, attempts), int(number), int(atMs), int(run), int(seq)])
  assert(placed !== undefined, 'an operation gets its place once')
}

function outcomeValues(outcome: Outcome, attempts = 0): SqlValue[] {
  if (outcome.type === 'ok') return ['completed', orNull(outcome.json), null, null, null, int(attempts)]
  if (outcome.type === 'cancelled') return ['cancelled', null, null, null, null, 0n]
  const { code, message, data } = outcome.error
  return ['failed', null, code, message, orNull(data), int(Math.max(attempts, outcome.error.attempts))]
}

const ARRIVE = `${SETTLE} AND status = 'open' RETURNING 1`
const WAKE = `UPDATE tenax_run SET arrived_count = arrived_count + 1,
  ${GET_IN_LINE}, ${GET_READY}
  WHERE number = ? AND ended_at_ms IS NULL RETURNING 1`

/**
 * Settles an open operation from outside its run: its body sees it when the run's executor gives it a place. False when it
 * was not open any more.
 */
export function settle(
  file: SqliteFile,
  { run, seq, outcome, attempts = 0 }: Announcement & { readonly attempts?: number },
  effects: Effects,
): boolean {
  const found = file
    .engine(ARRIVE)
    .get([...outcomeValues(outcome, attempts), null, int(effects.nowMs), int(run), int(seq)])
  if (found === undefined) return false
  file.engine(WAKE).get([int(effects.nowMs), int(run)])
  effects.announcements.push({ run, seq, outcome })
  return true
}

/** Drops an operation. Gives true when it was settled and its body had not seen that. */
export function dropStep(file: SqliteFile, run: number, seq: number, nowMs: number): boolean {
  const [status, completion, isDropped] =
    file
      .engine('SELECT status, completion, is_dropped FROM tenax_step WHERE run = ? AND seq = ?')
      .get([int(run), int(seq)]) ?? []
  if (status === undefined) return false
  file
    .engine(
      "UPDATE tenax_step SET is_dropped = 1, is_again = 0, completed_at_ms = coalesce(completed_at_ms, ?), status = CASE status WHEN 'open' THEN 'dropped' ELSE status END WHERE run = ? AND seq = ?",
    )
    .get([int(nowMs), int(run), int(seq)])
  return status !== 'open' && completion === null && isDropped === 0n
}

/** True when an operation is settled, and its body has not seen that. */
export function isUnseen(file: SqliteFile, run: number, seq: number): boolean {
  const found = file.engine(
    "SELECT 1 FROM tenax_step WHERE run = ? AND seq = ? AND status NOT IN ('open', 'dropped') AND completion IS NULL AND is_dropped = 0",
  )
  return found.get([int(run), int(seq)]) !== undefined
}

/** True when an operation has no outcome. */
export function isOpenStep(file: SqliteFile, run: number, seq: number): boolean {
  const found = file.engine("SELECT 1 FROM tenax_step WHERE run = ? AND seq = ? AND status = 'open'")
  return found.get([int(run), int(seq)]) !== undefined
}

/** Drops whatever is open of a run. Gives the children among it that go with their parent. */
export function dropOpenSteps(file: SqliteFile, run: number, nowMs: number): string[] {
  return file
    .engine(
      "UPDATE tenax_step SET is_dropped = 1, completed_at_ms = ?, status = 'dropped' WHERE run = ? AND status = 'open' RETURNING CASE child_policy WHEN 'cancel' THEN child END",
    )
    .all([int(nowMs), int(run)])
    .flatMap(([child]) => textOrNothing(child) ?? [])
}

/** Records a failed attempt and when the next one is due: one commit, so that a crash counts nothing twice. */
export function writeAttempt(
  file: SqliteFile,
  run: number,
  attempt: {
    readonly seq: number
    readonly error: StoredError
    readonly nextAtMs: number
    readonly progressJson: string | undefined
  },
): boolean {
  const { seq, error, nextAtMs, progressJson } = attempt
  return (
    file
      .engine(
        "UPDATE tenax_step SET attempts = ?, due_at_ms = ?, error_code = ?, error_message = ?, error_data = ?, progress = coalesce(?, progress), deaths = 0 WHERE run = ? AND seq = ? AND status = 'open' RETURNING 1",
      )
      .get([
        int(error.attempts),
        int(nextAtMs),
        error.code,
        error.message,
        orNull(error.data),
        orNull(progressJson),
        int(run),
        int(seq),
      ]) !== undefined
  )
}

/** The child of an operation, if it goes with its parent. */
export function childOf(file: SqliteFile, run: number, seq: number): string | undefined {
  const [child] =
    file
      .engine("SELECT CASE child_policy WHEN 'cancel' THEN child END FROM tenax_step WHERE run = ? AND seq = ?")
      .get([int(run), int(seq)]) ?? []
  return textOrNothing(child)
}

const TAKE_UP = `UPDATE tenax_step SET is_again = 0, is_dropped = 0, attempts = max(attempts, ?),
  completed_at_ms = CASE status WHEN 'dropped' THEN NULL ELSE completed_at_ms END,
  status = CASE status WHEN 'dropped' THEN 'open' ELSE status END WHERE run = ? AND seq = ? RETURNING status`

/** The first replay behind a retry or a rerun waits for this operation. True when it is open: nobody has performed it. */
export function takeUp(file: SqliteFile, run: number, { seq, spec }: AskedOperation): boolean {
  // As in `insertStep`: the mark is durable before it begins.
  const mark = spec.kind === 'step' && spec.atMostOnce ? 1n : 0n
  return file.engine(TAKE_UP).get([mark, int(run), int(seq)])?.[0] === 'open'
}

/** Keeps that an operation begins to be undone. */
export function writeUndone(file: SqliteFile, run: number, { seq, after }: UndoneOperation): void {
  file
    .engine('UPDATE tenax_step SET undone_after = ? WHERE run = ? AND seq = ? AND undone_after IS NULL')
    .get([int(after), int(run), int(seq)])
}
