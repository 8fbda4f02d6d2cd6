/** What a ledger answers when it cannot do as it was told. */
import { TenaxError } from '@tenax/kernel'

/** Nothing was appended: the buffer is full (LEDGER F5). */
export function overloaded(): TenaxError {
  return new TenaxError('overloaded', 'too many commits wait for the disk', { hint: 'wait and repeat' })
}

/** What is buffered finds no room, so the ledger stays as it is. */
export function noRoomToClose(): TenaxError {
  return new TenaxError('storage_full', 'the ledger cannot be closed on a full disk', { hint: 'make room, repeat' })
}

/** Appended, and perhaps lost: the ledger failed before the fsync (F3). */
export function outcomeUnknown(cause: TenaxError): TenaxError {
  return new TenaxError('outcome_unknown', 'committed, but perhaps not durable', {
    cause,
    hint: 'repeat with the same idempotency key, or read back whether it is there',
  })
}
