/**
 * The engine's tables in every tenant file. Tenants read them; only the engine writes them. Times are milliseconds since
 * 1970 UTC, payloads JSON text. No rowids, because an insert here must not become what a tenant's `last_insert_rowid()`
 * answers; numbers are given by the engine.
 */
import { RUN_STATUSES } from '@tenax/kernel'
import type { EngineTables } from '@tenax/tenancy'
import { HOLD_SCHEDULES, SCHEDULE_DEFINITIONS } from './schedule/table.ts'

/**
 * The condition that a column has one of these texts, the likely ones first. Written out, because SQLite builds a table of the
 * list for each statement that looks into an `IN` of more than two.
 */
function oneOf(column: string, texts: readonly string[]): string {
  return texts.map((text) => `${column} = '${text}'`).join(' OR ')
}

/**
 * `tenax_run`: one row per run. `number` is the order of creation. `readiness`: 0 nothing to do now, 1 waits for a claim,
 * 2 claimed by a live host (or by one that died), 3 waits for a slot of its key. `claim_at_ms` is the order of claims: when
 * it became ready, earlier by its priority. `wake_at_ms` is the earliest time that something of it is due: what wakes it while
 * it is at 0. `slot_key`: whose slots it needs, of its workflow (WORKFLOWS 30); `singleton_key`: whose only run it is. NULL: no
 * such limit. `deaths` counts the processes that died with it since anything of it was recorded (WORKFLOWS 28).
 * A run that is paused or blocked never waits for a claim: `store/standing.ts`.
 * `failed_seq` is the operation whose failure ended it, `is_undone` says that it has begun to undo what it did, `stuck` and
 * `stuck_seq` name what is undone and cannot be, and the operation that failed. `origin` is the run that it is a rerun of, and
 * `begins_at_ms` what its body is told as its beginning, where it keeps results of that. `output_offset` counts outputs that are
 * not those of the body as it is replayed.
 * `deadline_at_ms` is when it is asked to end, until that has been done or it has ended; `is_overdue`: that is why it was.
 * `closing` is its end, as JSON, once its body has come to it and while its children have not ended.
 * `arrived_count` counts settled operations that the body has not seen. `event_floor` is the last event before its creation.
 */
const RUN_SQL = `CREATE TABLE tenax_run (
  number INTEGER NOT NULL PRIMARY KEY CHECK (number >= 1),
  id TEXT NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  workflow TEXT NOT NULL CHECK (length(workflow) BETWEEN 1 AND 255),
  version TEXT,
  status TEXT NOT NULL CHECK (${oneOf('status', RUN_STATUSES)}),
  readiness INTEGER NOT NULL CHECK (readiness BETWEEN 0 AND 3),
  priority INTEGER NOT NULL CHECK (priority BETWEEN -100 AND 100),
  claim_at_ms INTEGER NOT NULL,
  wake_at_ms INTEGER,
  slot_key TEXT CHECK (length(slot_key) <= 255),
  slot_holds TEXT CHECK (slot_holds IN ('active', 'run')),
  has_slot INTEGER NOT NULL DEFAULT 0 CHECK (has_slot IN (0, 1)),
  singleton_key TEXT CHECK (length(singleton_key) <= 255),
  created_at_ms INTEGER NOT NULL,
  start_at_ms INTEGER NOT NULL,
  started_at_ms INTEGER,
  ended_at_ms INTEGER,
  cancel_requested_at_ms INTEGER,
  paused_at_ms INTEGER,
  blocked_reason TEXT,
  blocked_code TEXT,
  seed TEXT NOT NULL,
  input TEXT CHECK (json_valid(input)),
  input_hash TEXT NOT NULL,
  idempotency_key TEXT CHECK (length(idempotency_key) BETWEEN 1 AND 255),
  output TEXT CHECK (json_valid(output)),
  error_code TEXT,
  error_message TEXT,
  error_data TEXT CHECK (json_valid(error_data)),
  patches TEXT CHECK (json_valid(patches)),
  cancelled_after INTEGER,
  skipped TEXT CHECK (json_valid(skipped)),
  stuck TEXT,
  stuck_seq INTEGER,
  failed_seq INTEGER,
  is_undone INTEGER NOT NULL DEFAULT 0 CHECK (is_undone IN (0, 1)),
  arrived_count INTEGER NOT NULL DEFAULT 0 CHECK (arrived_count >= 0),
  output_count INTEGER NOT NULL DEFAULT 0 CHECK (output_count >= 0),
  output_offset INTEGER NOT NULL DEFAULT 0 CHECK (output_offset >= 0),
  event_floor INTEGER NOT NULL,
  parent_run INTEGER,
  parent_seq INTEGER,
  predecessor TEXT,
  successor TEXT,
  deaths INTEGER NOT NULL DEFAULT 0 CHECK (deaths >= 0),
  origin TEXT,
  begins_at_ms INTEGER,
  closing TEXT CHECK (json_valid(closing)),
  deadline_at_ms INTEGER,
  is_overdue INTEGER NOT NULL DEFAULT 0 CHECK (is_overdue IN (0, 1)),
  CHECK ((ended_at_ms IS NULL) = (${oneOf('status', ['running', 'waiting', 'queued', 'compensating'])})),
  CHECK (ended_at_ms IS NULL OR (readiness = 0 AND wake_at_ms IS NULL AND paused_at_ms IS NULL))
) STRICT, WITHOUT ROWID`

/**
 * `tenax_step`: one row per operation of a run, in the order of asking. `completion` is the place of its outcome among what
 * the body has seen; a settled operation without one has yet to be shown to it. `asked_after` and `undone_after` are the last place that it
 * had seen when the operation was asked for, and began to be undone. `is_again`: nobody has performed it since its run was tried
 * again, and the first replay says whether it is waited for. `performed_by` is the run that it was taken over from.
 */
const STEP_SQL = `CREATE TABLE tenax_step (
  run INTEGER NOT NULL,
  seq INTEGER NOT NULL CHECK (seq >= 1),
  identity TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (${oneOf('kind', ['step', 'tx', 'sql', 'sleep', 'wait', 'child', 'send'])}),
  hash TEXT NOT NULL,
  status TEXT NOT NULL CHECK (${oneOf('status', ['open', 'completed', 'failed', 'cancelled', 'dropped'])}),
  is_dropped INTEGER NOT NULL DEFAULT 0 CHECK (is_dropped IN (0, 1)),
  is_again INTEGER NOT NULL DEFAULT 0 CHECK (is_again IN (0, 1)),
  completion INTEGER CHECK (completion >= 1),
  completed_at_ms INTEGER,
  asked_at_ms INTEGER NOT NULL,
  asked_after INTEGER NOT NULL CHECK (asked_after >= 0),
  undone_after INTEGER,
  performed_by TEXT,
  attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  due_at_ms INTEGER,
  event TEXT,
  event_key TEXT,
  wait_number INTEGER,
  child TEXT,
  child_policy TEXT CHECK (child_policy IN ('cancel', 'abandon')),
  result TEXT CHECK (json_valid(result)),
  error_code TEXT,
  error_message TEXT,
  error_data TEXT CHECK (json_valid(error_data)),
  progress TEXT CHECK (json_valid(progress)),
  deaths INTEGER NOT NULL DEFAULT 0 CHECK (deaths >= 0),
  uses TEXT,
  PRIMARY KEY (run, seq),
  CHECK ((status = 'open') = (completed_at_ms IS NULL)),
  CHECK (completion IS NULL OR status <> 'open')
) STRICT, WITHOUT ROWID`

/** `tenax_event`: events by order of their commits. `run` is the only run that may take it, if it names one.
 * Nobody takes an expired one. */
const EVENT_SQL = `CREATE TABLE tenax_event (
  number INTEGER NOT NULL PRIMARY KEY CHECK (number >= 1),
  id TEXT NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
  key TEXT,
  run TEXT,
  payload TEXT CHECK (json_valid(payload)),
  received_at_ms INTEGER NOT NULL,
  is_taken INTEGER NOT NULL DEFAULT 0 CHECK (is_taken IN (0, 1)),
  taken_by TEXT,
  expired_at_ms INTEGER,
  CHECK (expired_at_ms IS NULL OR is_taken = 1)
) STRICT, WITHOUT ROWID`

/** `tenax_output`: what `set`, `emit` and `log` left, in order. `put_after` is null for what no replay puts out again. */
const OUTPUT_SQL = `CREATE TABLE tenax_output (
  run INTEGER NOT NULL,
  seq INTEGER NOT NULL CHECK (seq >= 1),
  type TEXT NOT NULL CHECK (type IN ('set', 'emit', 'log')),
  at_ms INTEGER NOT NULL,
  key TEXT,
  message TEXT,
  value TEXT CHECK (json_valid(value)),
  put_after INTEGER,
  PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID`

/**
 * `tenax_kept_key`: idempotency keys that their run does not carry itself: it was deleted, or it was another's start that the
 * key found. `record` is the run as it was then, for when it is there no more (WORKFLOWS 32).
 */
const KEPT_KEY_SQL = `CREATE TABLE tenax_kept_key (
  workflow TEXT NOT NULL,
  key TEXT NOT NULL,
  input_hash TEXT NOT NULL,
  run TEXT NOT NULL,
  record TEXT NOT NULL CHECK (json_valid(record)),
  kept_until_ms INTEGER NOT NULL,
  PRIMARY KEY (workflow, key)
) STRICT, WITHOUT ROWID`

/** Which runs are in the index of slots: those that hold one, and those that wait for one. */
export const IN_SLOT_INDEX = 'slot_key IS NOT NULL AND (has_slot = 1 OR readiness = 3)'

/** Runs that a commit has brought out of order with their slots, until its end: ready without one, or at rest with one. */
export const SLOT_UNSETTLED = `slot_key IS NOT NULL AND CASE has_slot WHEN 0 THEN readiness BETWEEN 1 AND 2
  ELSE readiness = 0 AND (slot_holds = 'active' OR started_at_ms IS NULL OR ended_at_ms IS NOT NULL) END`

/** `tenax_upkeep`: one row, when somebody has to look for what is kept no longer. */
const UPKEEP_SQL = `CREATE TABLE tenax_upkeep (
  id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
  due_at_ms INTEGER
) STRICT, WITHOUT ROWID`

const DEFINITIONS: readonly string[] = [
  RUN_SQL,
  'CREATE UNIQUE INDEX tenax_run_id ON tenax_run (id)',
  'CREATE INDEX tenax_run_child ON tenax_run (parent_run) WHERE parent_run IS NOT NULL AND ended_at_ms IS NULL',
  // A query finds its way through one of these only when it says the condition in the index's own words.
  'CREATE INDEX tenax_run_ready ON tenax_run (readiness, claim_at_ms, number) WHERE readiness > 0',
  'CREATE INDEX tenax_run_wake ON tenax_run (wake_at_ms) WHERE readiness = 0 AND wake_at_ms IS NOT NULL',
  'CREATE INDEX tenax_run_blocked ON tenax_run (number) WHERE blocked_reason IS NOT NULL',
  // What there is most of, and what changes most, is found by other ways.
  "CREATE INDEX tenax_run_status ON tenax_run (status, number) WHERE status NOT IN ('running', 'completed')",
  'CREATE UNIQUE INDEX tenax_run_key ON tenax_run (workflow, idempotency_key) WHERE idempotency_key IS NOT NULL',
  `CREATE INDEX tenax_run_slot ON tenax_run (workflow, slot_key, has_slot, claim_at_ms, number) WHERE ${IN_SLOT_INDEX}`,
  `CREATE INDEX tenax_run_unsettled ON tenax_run (number) WHERE ${SLOT_UNSETTLED}`,
  'CREATE INDEX tenax_run_singleton ON tenax_run (workflow, singleton_key, number) WHERE singleton_key IS NOT NULL AND ended_at_ms IS NULL',
  KEPT_KEY_SQL,
  'CREATE INDEX tenax_kept_key_until ON tenax_kept_key (kept_until_ms)',
  "CREATE INDEX tenax_run_deadline ON tenax_run (deadline_at_ms) WHERE deadline_at_ms IS NOT NULL AND blocked_reason IS NOT 'held'",
  STEP_SQL,
  "CREATE INDEX tenax_step_wait ON tenax_step (event, event_key, wait_number) WHERE status = 'open' AND event IS NOT NULL",
  EVENT_SQL,
  'CREATE UNIQUE INDEX tenax_event_id ON tenax_event (id)',
  'CREATE INDEX tenax_event_open ON tenax_event (name, key, number) WHERE is_taken = 0 AND run IS NULL',
  'CREATE INDEX tenax_event_run ON tenax_event (run, name, number) WHERE is_taken = 0 AND run IS NOT NULL',
  'CREATE INDEX tenax_event_expiry ON tenax_event (expired_at_ms) WHERE expired_at_ms IS NOT NULL',
  'CREATE VIEW tenax_event_expired AS SELECT number, id, name, key, run, payload, received_at_ms, expired_at_ms FROM tenax_event WHERE expired_at_ms IS NOT NULL',
  OUTPUT_SQL,
  UPKEEP_SQL,
  ...SCHEDULE_DEFINITIONS,
]

/** Why a run of an imported tenant does not go on. */
export const HELD_REASON = 'held'

/** Why a run does not go on that is to be tried alone. */
export const PROBATION_REASON = 'probation: several processes died with it under way; it is tried alone'

/** The engine's tables, for the settings of a tenancy. Runs of an import come up held (WORKFLOWS 25). */
export const ENGINE_TABLES: EngineTables = {
  definitions: DEFINITIONS,
  onImport: [
    `UPDATE tenax_run SET readiness = 0, wake_at_ms = NULL, blocked_reason = '${HELD_REASON}' WHERE ended_at_ms IS NULL`,
    HOLD_SCHEDULES,
  ],
}
