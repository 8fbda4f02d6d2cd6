/** Holds the workflows of a file: nothing of them goes on before they are released (WORKFLOWS 25). */
import type { SqliteFile } from '@tenax/sqlite'
import type { EngineTables } from '../tenant-schema.ts'

/** Inside a transaction, which the caller numbers. A file without the tables has nothing to hold. */
export function holdWorkflows(file: SqliteFile, tables: EngineTables | undefined): void {
  const { definitions = [], onImport = [] } = tables ?? {}
  const known = file.engine('SELECT count(*) FROM sqlite_schema WHERE sql = ?')
  if (!definitions.some((sql) => known.get([sql])?.[0] !== 0n)) return
  for (const sql of onImport) file.engine(sql).get()
}
