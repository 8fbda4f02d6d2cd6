/** Files that nobody may use or close any more: a close would move a log that the ledger may not have (LEDGER K4). */
import type { SqliteFile } from './file.ts'

const abandoned = new Set<SqliteFile>()

/**
 * Keeps a file's connection as it is until the process ends. Letting go of it would not do: the engine closes a connection
 * that is collected. What it costs is bounded by who calls it: catalogs, when a start or a close has failed.
 */
export function abandonFile(file: SqliteFile): void {
  abandoned.add(file)
}
