/** The two ways in which a tenant's text is turned down before the engine sees it. */
import { TenaxError } from '@tenax/kernel'

/** A refusal of the sandbox. */
export function refused(message: string, hint?: string): TenaxError {
  return new TenaxError('sql_refused', message, {
    details: { sqliteCode: 'SQLITE_AUTH' },
    ...(hint === undefined ? {} : { hint }),
  })
}

/** A statement that SQLite would not take either. */
export function sqlError(message: string, hint?: string): TenaxError {
  return new TenaxError('sql_error', message, {
    details: { sqliteCode: 'SQLITE_ERROR' },
    ...(hint === undefined ? {} : { hint }),
  })
}
