/** The two ways in which a ledger cannot be read, as errors that name file and offset. */
import { TenaxError } from '@tenax/kernel'
import type { LedgerPlace } from './core/batch-header.ts'
import { segmentName } from './segment-files.ts'

/** `ledger_damaged`: bytes that were fsynced are wrong or missing. Reading stops; nothing is repaired by itself. */
export function damaged(place: LedgerPlace, reason: string): TenaxError {
  const segment = segmentName(place.segmentId)
  return new TenaxError('ledger_damaged', `${segment} is damaged at offset ${place.offset}: ${reason}`, {
    hint: `acknowledged commits from there on are in danger: stop, copy the directory, and restore ${segment} from a copy`,
    details: { segment, segmentId: place.segmentId, offset: place.offset, reason },
  })
}

/** `data_format_newer`: a newer version wrote this. */
export function newerFormat(place: LedgerPlace, reason: string): TenaxError {
  const segment = segmentName(place.segmentId)
  return new TenaxError('data_format_newer', `${segment} was written by a newer Tenax: ${reason}`, {
    hint: 'start the version that wrote it',
    details: { segment, segmentId: place.segmentId, offset: place.offset, reason },
  })
}
