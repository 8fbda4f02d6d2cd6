/** Failures of the file system in the words of the port. */
import { isTenaxError, type TenaxError } from '@tenax/kernel'
import { outcomeUnknown, storageFull, unavailable } from '../blob-errors.ts'
import { hasCode } from './directory-syncs.ts'

/** A failure before anything was changed. What is no failure of the system goes on as it is. */
export function notDone(error: unknown): unknown {
  if (!isOfSystem(error)) return error
  if (hasCode(error, 'ENOSPC') || hasCode(error, 'EDQUOT')) return storageFull(error)
  return unavailable('the directory of object storage failed', error)
}

/** A failure when the change is seen, but perhaps not durable. */
export function perhapsDone(key: string, error: unknown): TenaxError {
  return outcomeUnknown(key, error)
}

function isOfSystem(error: unknown): boolean {
  return error instanceof Error && !isTenaxError(error) && 'code' in error && 'syscall' in error
}

/** Codes with which the system says that it did not even begin. */
const REFUSALS =
  'ENOSPC EDQUOT EPERM EACCES EROFS EXDEV EMLINK ENOSYS ENOTSUP EOPNOTSUPP EMFILE ENFILE ENAMETOOLONG'.split(' ')

/** Whether a change of a name that failed has surely changed nothing. */
export function isRefusal(error: unknown): boolean {
  return REFUSALS.some((code) => hasCode(error, code))
}
