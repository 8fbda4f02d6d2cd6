/**
 * The engine's tables in every tenant file. Tenants read them; only the engine writes them. Times are milliseconds since
 * 1970 UTC, payloads JSON text. No rowids, because an insert here must not become what a tenant's `last_insert_rowid()`
 * answers; numbers are given by the engine.
 */
import type { EngineTables } from '@tenax/tenancy'

/**
 * `tenax_run`: one row per run. `number` is the order of creation. `readiness`: 0 nothing to do now, 1 waits for a claim,
 * 2 claimed by a live host (or by one that died). `wake_at_ms` is the earliest time that something of it is due: what
 * wakes it while it is at 0.
 * `arrived_count` counts settled operations that the body has not seen. `event_floor` is the last event before its creation.
 */
const RUN_SQL = `CREATE TABLE tenax_run (
  number INTEGER NOT NULL PRIMARY KEY CHECK (number >= 1),
  id TEXT NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  workflow TEXT NOT NULL CHECK (length(workflow) BETWEEN 1 AND 255),
  version TEXT,
  status TEXT NOT NULL CHECK (status IN ('queued', 'running', 'waiting', 'compensating', 'completed', 'failed', 'cancelled', 'terminated', 'continued')),
  readiness INTEGER NOT NULL CHECK (readiness BETWEEN 0 AND 2),
  priority INTEGER NOT NULL CHECK (priority BETWEEN -100 AND 100),
  wake_at_ms INTEGER,
  created_at_ms INTEGER NOT NULL,
  start_at_ms INTEGER NOT NULL,
  started_at_ms INTEGER,
  ended_at_ms INTEGER,
  cancel_requested_at_ms INTEGER,
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
  completion_count INTEGER NOT NULL DEFAULT 0 CHECK (completion_count >= 0),
  arrived_count INTEGER NOT NULL DEFAULT 0 CHECK (arrived_count >= 0),
  output_count INTEGER NOT NULL DEFAULT 0 CHECK (output_count >= 0),
  event_floor INTEGER NOT NULL,
  parent_run INTEGER,
  parent_seq INTEGER,
  predecessor TEXT,
  successor TEXT,
  CHECK ((ended_at_ms IS NULL) = (status IN ('queued', 'running', 'waiting', 'compensating'))),
  CHECK (ended_at_ms IS NULL OR (readiness = 0 AND wake_at_ms IS NULL))
) STRICT, WITHOUT ROWID`

/**
 * `tenax_step`: one row per operation of a run, in the order of asking. `completion` is the place of its outcome among what
 * the body has seen; a settled operation without one has yet to be shown to it.
 */
const STEP_SQL = `CREATE TABLE tenax_step (
  run INTEGER NOT NULL,
  seq INTEGER NOT NULL CHECK (seq >= 1),
  identity TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('step', 'tx', 'sql', 'sleep', 'wait', 'child', 'send')),
  hash TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('open', 'completed', 'failed', 'cancelled', 'dropped')),
  is_dropped INTEGER NOT NULL DEFAULT 0 CHECK (is_dropped IN (0, 1)),
  completion INTEGER CHECK (completion >= 1),
  completed_at_ms INTEGER,
  asked_at_ms INTEGER NOT NULL,
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
  PRIMARY KEY (run, seq),
  CHECK ((status = 'open') = (completed_at_ms IS NULL)),
  CHECK (completion IS NULL OR status <> 'open')
) STRICT, WITHOUT ROWID`

/** `tenax_event`: events by order of their commits. `run` is the only run that may take it, if it names one. */
const EVENT_SQL = `CREATE TABLE tenax_event (
  number INTEGER NOT NULL PRIMARY KEY CHECK (number >= 1),
  id TEXT NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
  key TEXT,
  run TEXT,
  payload TEXT CHECK (json_valid(payload)),
  received_at_ms INTEGER NOT NULL,
  is_taken INTEGER NOT NULL DEFAULT 0 CHECK (is_taken IN (0, 1)),
  taken_by TEXT
) STRICT, WITHOUT ROWID`

/** `tenax_output`: what `set`, `emit` and `log` left, in order. */
const OUTPUT_SQL = `CREATE TABLE tenax_output (
  run INTEGER NOT NULL,
  seq INTEGER NOT NULL CHECK (seq >= 1),
  type TEXT NOT NULL CHECK (type IN ('set', 'emit', 'log')),
  at_ms INTEGER NOT NULL,
  key TEXT,
  message TEXT,
  value TEXT CHECK (json_valid(value)),
  PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID`

const DEFINITIONS: readonly string[] = [
  RUN_SQL,
  'CREATE UNIQUE INDEX tenax_run_id ON tenax_run (id)',
  'CREATE INDEX tenax_run_ready ON tenax_run (readiness, priority DESC, number) WHERE readiness > 0',
  'CREATE INDEX tenax_run_wake ON tenax_run (wake_at_ms) WHERE readiness = 0 AND wake_at_ms IS NOT NULL',
  'CREATE INDEX tenax_run_blocked ON tenax_run (number) WHERE blocked_reason IS NOT NULL',
  // What there is most of, and what changes most, is found by other ways.
  "CREATE INDEX tenax_run_status ON tenax_run (status, number) WHERE status NOT IN ('running', 'completed')",
  'CREATE UNIQUE INDEX tenax_run_key ON tenax_run (workflow, idempotency_key) WHERE idempotency_key IS NOT NULL',
  STEP_SQL,
  "CREATE INDEX tenax_step_wait ON tenax_step (event, event_key, wait_number) WHERE status = 'open' AND event IS NOT NULL",
  EVENT_SQL,
  'CREATE UNIQUE INDEX tenax_event_id ON tenax_event (id)',
  'CREATE INDEX tenax_event_open ON tenax_event (name, key, number) WHERE is_taken = 0 AND run IS NULL',
  'CREATE INDEX tenax_event_run ON tenax_event (run, name, number) WHERE is_taken = 0 AND run IS NOT NULL',
  OUTPUT_SQL,
]

/** Why a run of an imported tenant does not go on. */
export const HELD_REASON = 'held'

/** The engine's tables, for the settings of a tenancy. Runs of an import come up held (WORKFLOWS 25). */
export const ENGINE_TABLES: EngineTables = {
  definitions: DEFINITIONS,
  onImport: [
    `UPDATE tenax_run SET readiness = 0, wake_at_ms = NULL, blocked_reason = '${HELD_REASON}' WHERE ended_at_ms IS NULL`,
  ],
}
