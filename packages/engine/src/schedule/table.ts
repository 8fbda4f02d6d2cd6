/** `tenax_schedule` and its index. Times are milliseconds since 1970 UTC. */

/**
 * One row per schedule. `next_at_ms` is the nominal time of its next firing, `due_at_ms` the moment of it; both are null while it
 * is paused or held, and when nothing more comes. `last_at_ms` is the nominal time that was seen to last: fired, skipped or
 * failed. `version` is one more with each change by somebody.
 */
const SCHEDULE_SQL = `CREATE TABLE tenax_schedule (
  id TEXT NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 100),
  workflow TEXT NOT NULL CHECK (length(workflow) BETWEEN 1 AND 255),
  input TEXT CHECK (json_valid(input)),
  cron TEXT,
  time_zone TEXT,
  every_ms INTEGER CHECK (every_ms >= 1000),
  anchor_at_ms INTEGER NOT NULL,
  overlap TEXT NOT NULL CHECK (overlap IN ('skip', 'allow')),
  catch_up INTEGER NOT NULL CHECK (catch_up BETWEEN 0 AND 100),
  spread_ms INTEGER NOT NULL CHECK (spread_ms >= 0),
  version INTEGER NOT NULL CHECK (version >= 1),
  created_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL,
  paused_at_ms INTEGER,
  blocked_reason TEXT,
  next_at_ms INTEGER,
  due_at_ms INTEGER,
  last_at_ms INTEGER,
  last_run TEXT,
  skipped_at_ms INTEGER,
  missed_at_ms INTEGER,
  error_code TEXT,
  error_message TEXT,
  error_data TEXT CHECK (json_valid(error_data)),
  CHECK ((cron IS NULL) = (time_zone IS NULL)),
  CHECK ((cron IS NULL) <> (every_ms IS NULL)),
  CHECK ((next_at_ms IS NULL) = (due_at_ms IS NULL)),
  CHECK (next_at_ms IS NULL OR (paused_at_ms IS NULL AND blocked_reason IS NULL))
) STRICT, WITHOUT ROWID`

/** What the engine's tables have for schedules. */
export const SCHEDULE_DEFINITIONS: readonly string[] = [
  SCHEDULE_SQL,
  'CREATE INDEX tenax_schedule_due ON tenax_schedule (due_at_ms) WHERE due_at_ms IS NOT NULL',
]

/** Schedules of an imported tenant wait until they are released (WORKFLOWS 25). */
export const HOLD_SCHEDULES = "UPDATE tenax_schedule SET blocked_reason = 'held', next_at_ms = NULL, due_at_ms = NULL"
