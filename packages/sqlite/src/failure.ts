/** From what an engine reports to what a caller can act on. */
import { TenaxError } from '@tenax/kernel'
import { EngineError } from './driver.ts'

/** The typed error for a failed statement of a tenant. What is no engine error is passed on untouched. */
export function sqlFailure(error: unknown): unknown {
  if (!(error instanceof EngineError)) return error
  const details = { sqliteCode: error.sqliteCode }
  const code = error.sqliteCode
  if (code === 'SQLITE_AUTH') return new TenaxError('sql_refused', error.message, { cause: error, details })
  if (code === 'SQLITE_INTERRUPT') {
    const hint = 'make the statement cheaper, or raise queryTimeoutMs'
    return new TenaxError('query_timeout', 'the statement ran longer than the query timeout', {
      cause: error,
      hint,
      details,
    })
  }
  if (code === 'SQLITE_FULL') {
    const hint = 'delete rows and VACUUM, or raise the page quota'
    return new TenaxError('storage_full', 'the database has reached its page quota, or the disk is full', {
      cause: error,
      hint,
      details,
    })
  }
  if (code === 'SQLITE_IOERR_SHMSIZE') return diskFull(error, details) // a cold file needs 32 KiB more to be read
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) {
    return new TenaxError('unavailable', 'another process holds a lock on the database file', { cause: error, details })
  }
  if (code === 'SQLITE_NOMEM') {
    const hint = 'retry; statements of other tenants share the memory'
    return new TenaxError('overloaded', 'the engine has no memory left for the statement', {
      cause: error,
      hint,
      details,
    })
  }
  if (isDamage(error) || code.startsWith('SQLITE_IOERR') || code === 'SQLITE_CANTOPEN') {
    return new TenaxError('internal', 'the database file cannot be read or written', { cause: error, details })
  }
  return new TenaxError('sql_error', error.message, { cause: error, details })
}

function diskFull(cause: unknown, details: Readonly<Record<string, unknown>> = {}): TenaxError {
  return new TenaxError('storage_full', 'the disk is full', {
    cause,
    hint: 'free space on the disk of the data directory',
    details,
  })
}

/**
 * The typed error for a failure of the host's own work: a catalog's statement, a file that is made. There is no quota then:
 * a storage that is full is the disk, and what the process or the machine is short of says nothing about any file.
 */
export function hostFailure(error: unknown): unknown {
  if (error instanceof EngineError && error.sqliteCode === 'SQLITE_FULL') {
    return diskFull(error, { sqliteCode: error.sqliteCode })
  }
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOSPC' || code === 'EDQUOT') return diskFull(error)
  if (code === 'EMFILE' || code === 'ENFILE') {
    return new TenaxError('unavailable', `the host is short of file descriptors (${code})`, {
      cause: error,
      hint: 'raise the limit of open files, or lower handlesMax',
    })
  }
  return sqlFailure(error)
}

/** True when the engine says that the file itself is damaged (a damaged virtual table is the tenant's own doing). */
export function isDamage(error: unknown): boolean {
  const code = sqliteCodeOf(error)
  return code === 'SQLITE_CORRUPT' || code === 'SQLITE_NOTADB'
}

/** True when a lock of another process was in the way. */
export function isBusy(error: unknown): boolean {
  const code = sqliteCodeOf(error)
  return code !== undefined && (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED'))
}

/** SQLite's symbolic code behind an error of this package, if there is one. */
export function sqliteCodeOf(error: unknown): string | undefined {
  if (error instanceof EngineError) return error.sqliteCode
  if (!(error instanceof TenaxError)) return undefined
  const code = error.details['sqliteCode']
  return typeof code === 'string' ? code : undefined
}
