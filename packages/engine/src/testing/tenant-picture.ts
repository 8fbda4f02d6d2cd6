/** What a tenant holds and what it has done outside, without times: what must be the same whatever was crashed. */
import type { SqlValue } from '@tenax/kernel'
import type { SqliteFile } from '@tenax/sqlite'
import { hasTables } from '../store/runs.ts'
import { textIn } from '../store/values.ts'
import type { TenantInMemory } from './test-tenant.ts'

/** Sorted lists of lines, by what they are of. */
export type TenantPicture = Readonly<Record<'runs' | 'steps' | 'stream' | 'rows' | 'effects', readonly string[]>>

/** Runs that count: children that lost a race do not, nor theirs. How far they came until then is a matter of the moment. */
const COUNTED = `WITH RECURSIVE lost(number) AS (
    SELECT c.number FROM tenax_step s JOIN tenax_run c ON c.id = s.child WHERE s.is_dropped = 1
    UNION SELECT r.number FROM tenax_run r JOIN lost ON lost.number = r.parent_run),
  counted AS (SELECT * FROM tenax_run WHERE number NOT IN (SELECT number FROM lost))`
const RUNS = `${COUNTED} SELECT id, workflow, status, input, output, error_code, error_message, error_data, blocked_reason,
  predecessor, successor FROM counted`
/** Of other operations that lost one, only that they did. */
const STEPS = `${COUNTED} SELECT r.id, s.identity, s.kind, CASE s.is_dropped WHEN 1 THEN 'dropped' ELSE s.status END,
  CASE s.is_dropped WHEN 0 THEN s.result END, CASE s.is_dropped WHEN 0 THEN s.error_code END,
  CASE s.is_dropped WHEN 0 THEN s.error_message END
  FROM tenax_step s JOIN counted r ON r.number = s.run`
const EFFECTS = `${COUNTED} SELECT r.id, s.identity FROM tenax_step s JOIN counted r ON r.number = s.run WHERE s.is_dropped = 0`
/** In the order of each run, which counts. */
const STREAM = `${COUNTED} SELECT r.id, o.seq, o.type, o.key, o.message, o.value
  FROM tenax_output o JOIN counted r ON r.number = o.run`
const TABLES = `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'tenax\\_%' ESCAPE '\\'
  AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'`

/**
 * Draws a tenant at rest. An effect is a step that was begun, by its idempotency key; how often does not show, nor what lost a
 * race: whether that had begun by then is a matter of the moment.
 */
export function pictureOf(tenant: TenantInMemory): Promise<TenantPicture> {
  return tenant.read((file) => {
    const list = (sql: string) => (hasTables(file) ? linesOf(file, sql) : [])
    const counted = new Set(list(EFFECTS))
    const effects = tenant
      .calls()
      .filter(({ run, identity }) => counted.has([run, identity].map(shown).join(', ')))
      .map(({ run, identity, idempotencyKey }) => `${identity} of run ${run}, key ${idempotencyKey}`)
    return {
      ...{ runs: list(RUNS), steps: list(STEPS), stream: list(STREAM), rows: rowsOf(file) },
      effects: [...new Set(effects)].sort(),
    }
  })
}

function rowsOf(file: SqliteFile): string[] {
  const tables = file.engine(TABLES).all()
  return tables.flatMap(([name]) => {
    const table = textIn(name)
    return linesOf(file, `SELECT * FROM "${table.replaceAll('"', '""')}"`).map((line) => `${table}: ${line}`)
  })
}

function linesOf(file: SqliteFile, sql: string): string[] {
  return file
    .engine(sql)
    .all()
    .map((row) => row.map(shown).join(', '))
    .sort()
}

function shown(value: SqlValue): string {
  return value instanceof Uint8Array ? `x'${Buffer.from(value).toString('hex')}'` : JSON.stringify(value, bigints)
}

function bigints(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value
}
