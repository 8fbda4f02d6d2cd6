/** What a store answers when it does not do as it was told. */
import { TenaxError } from '@tenax/kernel'

/** There is no blob under this key. */
export function blobNotFound(key: string): TenaxError {
  return new TenaxError('blob_not_found', `there is no blob ${key}`, { details: { key } })
}

/** The key is taken: nothing was stored. */
export function blobExists(key: string): TenaxError {
  const hint = 'read it back to learn whose it is'
  return new TenaxError('blob_exists', `there is a blob ${key} already`, { hint, details: { key } })
}

/** A key that goes on behind a blob's, or stops before some. */
export function keyCrossed(key: string): TenaxError {
  const hint = 'choose keys none of which continues another one'
  return new TenaxError('argument_invalid', `the key ${key} and that of a blob continue each other`, { hint })
}

/** Not done, and it will not be. */
export function unavailable(message: string, cause?: unknown): TenaxError {
  return new TenaxError('unavailable', message, { cause, hint: 'try again later' })
}

/** Perhaps done, perhaps done later. */
export function outcomeUnknown(key: string, cause: unknown): TenaxError {
  return new TenaxError('outcome_unknown', `it is not known what became of the blob ${key}`, {
    cause,
    hint: 'read back whether it is there, or repeat',
    details: { key },
  })
}

/** Not done: there is no room. */
export function storageFull(cause: unknown): TenaxError {
  return new TenaxError('storage_full', 'object storage is full', { cause, hint: 'make room, then try again' })
}
