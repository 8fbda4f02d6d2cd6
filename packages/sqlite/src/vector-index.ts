/**
 * What libSQL 0.6.0-pre.41 gets wrong about its vector indexes, and how it is put right (decision 0006).
 *
 * - VACUUM, also VACUUM INTO, leaves each index's row in `libsql_vector_meta_shadow` twice; `integrity_check` then calls
 *   the file damaged. The second row is taken out again, after each VACUUM and, since a crash may come between, on open.
 * - The bytes in an index's shadow table are trusted so far that changed ones end the process. Tenants cannot write them;
 *   in a stranger's file they are thrown away and made anew from the table.
 */
import type { SqlValue } from '@tenax/kernel'
import { sqlError } from './core/refusal.ts'
import { parseStatement } from './core/statement.ts'
import type { EngineConnection } from './driver.ts'

const META_TABLE = 'libsql_vector_meta_shadow'

/** Takes out the rows that VACUUM doubled. Outside any transaction; does nothing to a file without vector indexes. */
export function mendVectorMetadata(connection: EngineConnection): void {
  if (!hasVectorIndexes(connection)) return
  const [doubled] = connection.prepare(`SELECT count(*) > count(DISTINCT name) FROM ${META_TABLE}`).get() ?? []
  if (doubled !== 1n) return
  // Read as blobs: the name of an index in a stranger's file may be anything.
  const rows = connection.prepare(`SELECT CAST(name AS BLOB), metadata FROM ${META_TABLE}`).all()
  const byName = new Map(rows.map((row) => [nameKey(row[0]), row]))
  connection.script('BEGIN IMMEDIATE')
  try {
    connection.script(`DELETE FROM ${META_TABLE}`)
    const insert = connection.prepare(`INSERT INTO ${META_TABLE} (name, metadata) VALUES (CAST(? AS TEXT), ?)`)
    for (const row of byName.values()) insert.get(row)
    connection.script('COMMIT')
  } finally {
    if (connection.inTransaction()) connection.script('ROLLBACK')
  }
}

function nameKey(name: SqlValue | undefined): string {
  return name instanceof Uint8Array ? Buffer.from(name).toString('hex') : ''
}

function hasVectorIndexes(connection: EngineConnection): boolean {
  return (
    connection.prepare(`SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = '${META_TABLE}'`).get() !==
    undefined
  )
}

/** One vector index of a file: its name, and the statement that makes it. */
export interface VectorIndex {
  readonly name: string
  readonly sql: string
}

/** The vector indexes of a file whose schema was checked to be proper text. */
export function vectorIndexes(connection: EngineConnection): VectorIndex[] {
  const rows = connection
    .prepare("SELECT CAST(name AS BLOB), CAST(sql AS BLOB) FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL")
    .all()
  return rows
    .map(([name, sql]) => ({ name: textOf(name), sql: textOf(sql) }))
    .filter(({ sql }) => sql.toLowerCase().includes('libsql_vector_idx'))
}

function textOf(value: SqlValue | undefined): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : ''
}

/** True for a name that libSQL gives to the tables and indexes behind one of `indexes`. */
export function isVectorShadow(name: string, indexes: readonly VectorIndex[]): boolean {
  if (indexes.length === 0) return false
  return (
    name === META_TABLE ||
    indexes.some((index) => name === `${index.name}_shadow` || name === `${index.name}_shadow_idx`)
  )
}

/** Makes every vector index of a stranger's file anew from its table. Outside any transaction. */
export function rebuildVectorIndexes(connection: EngineConnection): void {
  const indexes = vectorIndexes(connection)
  for (const { name, sql } of indexes) {
    if (parseStatement(sql).kind !== 'schema') throw sqlError(`the index "${name}" has no proper definition`)
    connection.prepare(`DROP INDEX "${name.replaceAll('"', '""')}"`).get()
  }
  if (indexes.length > 0) connection.prepare(`DELETE FROM ${META_TABLE}`).get()
  for (const { sql } of indexes) connection.prepare(sql).get()
}
