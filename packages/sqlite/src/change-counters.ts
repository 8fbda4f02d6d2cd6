/** What the connection counts: rows that were changed, and the last one inserted, read with the statement that did it; pages. */
import { assert } from '@tenax/kernel'
import type { EngineStatement } from './driver.ts'
import type { FileSizes } from './file-options.ts'

/** Gives a statement of the engine's own. */
export type EngineSql = (sql: string) => EngineStatement

/** What a statement has changed. */
export interface Changes {
  readonly wrote: boolean
  readonly rowsAffected: number
  readonly lastInsertRowid: bigint | undefined
}

/** Of a statement that cannot change anything. */
export const NO_CHANGES: Changes = { wrote: false, rowsAffected: 0, lastInsertRowid: undefined }

/** Rows changed by this connection in its life. */
export function totalChanges(engine: EngineSql): bigint {
  const [total] = engine('SELECT total_changes()').get() ?? []
  assert(typeof total === 'bigint', 'total_changes() is an integer')
  return total
}

/** What was changed since `totalBefore` was read. */
export function changesSince(engine: EngineSql, totalBefore: bigint): Changes {
  const [changes, total, rowid] = engine('SELECT changes(), total_changes(), last_insert_rowid()').get() ?? []
  const wrote = typeof total === 'bigint' && total !== totalBefore
  return {
    wrote,
    rowsAffected: wrote && typeof changes === 'bigint' ? Number(changes) : 0,
    lastInsertRowid: typeof rowid === 'bigint' ? rowid : undefined,
  }
}

/** Pages of the file. */
export function readSizes(engine: EngineSql): Omit<FileSizes, 'walBytes'> {
  const read = (sql: string): number => Number(engine(sql).get()?.[0] ?? 0)
  return {
    pageCount: read('PRAGMA page_count'),
    pageBytes: read('PRAGMA page_size'),
    freePages: read('PRAGMA freelist_count'),
  }
}
