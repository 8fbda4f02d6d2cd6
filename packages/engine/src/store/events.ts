/**
 * Events and who waits for them (WORKFLOWS 15, 16). An event is given to the oldest open wait when it is received; a wait
 * takes the oldest event that is left when it is asked for. Both in the commit that makes the one who came last, so neither
 * ever waits for the other.
 */
import type { SqliteFile } from '@tenax/sqlite'
import type { Outcome } from '@tenax/workflow/core'
import { EVENT_KEPT_MS, EVENTS_LOOK_COUNT, UPKEEP_SLACK_MS } from '../limits.ts'
import type { Effects } from './announcement.ts'
import { findRun, runEnded, runNotFound } from './runs.ts'
import { settle } from './steps.ts'
import { int, numberIn, numberOrNothing, orNull, textOrNothing } from './values.ts'

/** An event as it is received. */
export interface NewEvent {
  readonly id: string
  readonly name: string
  /** Undefined: of no key; with `run`, of any. */
  readonly key: string | undefined
  readonly run: string | undefined
  readonly payloadJson: string | undefined
  /** For all who wait now, and for nobody later. */
  readonly isBroadcast: boolean
}

/** A wait's place. */
interface Waiter {
  readonly run: number
  readonly seq: number
  readonly runId: string
}

/**
 * Receives an event once per id, and gives it to who waits for it.
 *
 * @throws TenaxError `run_not_found`, `run_ended`
 */
export function receiveEvent(
  file: SqliteFile,
  event: NewEvent,
  effects: Effects,
): { readonly isNew: boolean; readonly receivedAtMs: number } {
  const [known] = file.engine('SELECT received_at_ms FROM tenax_event WHERE id = ?').get([event.id]) ?? []
  if (known !== undefined) return { isNew: false, receivedAtMs: numberIn(known) }
  const waiters = waitersFor(file, event, effects.nowMs)
  const [number] =
    file
      .engine(
        'INSERT INTO tenax_event VALUES ((SELECT coalesce(max(number), 0) + 1 FROM tenax_event), ?, ?, ?, ?, ?, ?, ?, ?, NULL) RETURNING number',
      )
      .get([
        event.id,
        event.name,
        event.run === undefined ? (event.key ?? '') : orNull(event.key),
        orNull(event.run),
        orNull(event.payloadJson),
        int(effects.nowMs),
        waiters.length > 0 || event.isBroadcast ? 1n : 0n,
        orNull(waiters[0]?.runId),
      ]) ?? []
  const isMany = numberIn(number) % EVENTS_LOOK_COUNT === 0
  effects.upkeepTimes.push(isMany ? effects.nowMs : effects.nowMs + EVENT_KEPT_MS + UPKEEP_SLACK_MS)
  const outcome: Outcome = { type: 'ok', json: event.payloadJson }
  for (const { run, seq } of waiters) settle(file, { run, seq, outcome }, effects)
  return { isNew: true, receivedAtMs: effects.nowMs }
}

const WAITERS = `SELECT s.run, s.seq, r.id FROM tenax_step s JOIN tenax_run r ON r.number = s.run
  WHERE s.status = 'open' AND s.event IS NOT NULL AND s.event = ? AND s.event_key = ?
  AND (s.due_at_ms IS NULL OR s.due_at_ms >= ?) ORDER BY s.wait_number LIMIT ?`
const WAITERS_OF_RUN = `SELECT run, seq FROM tenax_step WHERE run = ? AND status = 'open' AND event = ?
  AND (?3 IS NULL OR event_key = ?3) AND (due_at_ms IS NULL OR due_at_ms >= ?4) ORDER BY seq LIMIT 1`

/** A wait whose deadline is over gets nothing any more, though its timeout may not be recorded yet. */
function waitersFor(file: SqliteFile, event: NewEvent, nowMs: number): Waiter[] {
  if (event.run === undefined) {
    return file
      .engine(WAITERS)
      .all([event.name, event.key ?? '', int(nowMs), event.isBroadcast ? -1n : 1n])
      .map(([run, seq, id]) => ({ run: numberIn(run), seq: numberIn(seq), runId: textOrNothing(id) ?? '' }))
  }
  const runId = event.run
  const run = findRun(file, runId)
  if (run === undefined) throw runNotFound(runId)
  if (run.hasEnded) throw runEnded(runId)
  return file
    .engine(WAITERS_OF_RUN)
    .all([int(run.number), event.name, orNull(event.key), int(nowMs)])
    .map(([number, seq]) => ({ run: numberIn(number), seq: numberIn(seq), runId }))
}

/** What a wait asks for. */
export interface Wanted {
  readonly run: { readonly number: number; readonly id: string }
  readonly event: string
  readonly key: string
  readonly lookbackMs: number
}

const FOR_ANYBODY = `SELECT number, payload FROM tenax_event WHERE is_taken = 0 AND run IS NULL AND name = ?1 AND key = ?2
  AND number > ?3 ORDER BY number LIMIT 1`
const FOR_ANYBODY_BACK = `SELECT number, payload FROM tenax_event WHERE is_taken = 0 AND run IS NULL AND name = ?1 AND key = ?2
  AND (number > ?3 OR received_at_ms >= ?4) ORDER BY number LIMIT 1`
const FOR_RUN = `SELECT number, payload FROM tenax_event WHERE is_taken = 0 AND run = ? AND name = ? AND (key IS NULL OR key = ?)
  ORDER BY number LIMIT 1`

/** Takes the oldest event that a new wait may have. */
export function takeEvent(file: SqliteFile, wanted: Wanted): Outcome | undefined {
  const [floor, createdAtMs] =
    file.engine('SELECT event_floor, created_at_ms FROM tenax_run WHERE number = ?').get([int(wanted.run.number)]) ?? []
  const { event, key, lookbackMs } = wanted
  const anybody =
    lookbackMs === 0
      ? file.engine(FOR_ANYBODY).get([event, key, floor ?? 0n])
      : file
          .engine(FOR_ANYBODY_BACK)
          .get([event, key, floor ?? 0n, int((numberOrNothing(createdAtMs) ?? 0) - lookbackMs)])
  const own = file.engine(FOR_RUN).get([wanted.run.id, event, key])
  const found = [anybody, own].filter((row) => row !== undefined).sort((a, b) => Number(a[0]) - Number(b[0]))[0]
  if (found === undefined) return undefined
  file
    .engine('UPDATE tenax_event SET is_taken = 1, taken_by = ? WHERE number = ?')
    .get([wanted.run.id, found[0] ?? null])
  return { type: 'ok', json: textOrNothing(found[1]) }
}
