/** Numbers that an owner may choose, checked once. */
import { TenaxError } from '@tenax/kernel'
import { partPagesMax } from './core/entry-part.ts'
import { BATCH_HEADER_BYTES, BODY_BYTES_MAX, SEGMENT_HEADER_BYTES } from './core/layout.ts'
import { BATCH_BYTES_MAX, BUFFER_BYTES_MAX, RETRY_MS_MAX, RETRY_MS_MIN, SEGMENT_BYTES_MAX } from './limits.ts'

/** Sizes and pauses of a ledger. */
export interface LedgerSettings {
  /** A segment that has this many bytes is followed by a new one. Default 16 MiB. */
  readonly segmentBytesMax: number
  /** Entries that wait for the disk take at most this much memory. Default 64 MiB. */
  readonly bufferBytesMax: number
  /** Longest batch, its header included. Default 4 MiB. */
  readonly batchBytesMax: number
  /** First pause before a full disk is tried again. Default 100 ms. */
  readonly retryMsMin: number
  /** Longest such pause. Default 5 s. */
  readonly retryMsMax: number
}

const DEFAULTS: LedgerSettings = {
  segmentBytesMax: SEGMENT_BYTES_MAX,
  bufferBytesMax: BUFFER_BYTES_MAX,
  batchBytesMax: BATCH_BYTES_MAX,
  retryMsMin: RETRY_MS_MIN,
  retryMsMax: RETRY_MS_MAX,
}

/**
 * The settings with defaults for what `given` leaves out.
 *
 * @throws TenaxError `config_invalid` when they contradict one another
 */
export function parseLedgerSettings(given: Partial<LedgerSettings> = {}): LedgerSettings {
  const settings = { ...DEFAULTS, ...given }
  const { segmentBytesMax, batchBytesMax } = settings
  const checks: readonly (readonly [holds: boolean, message: string])[] = [
    [
      Object.values(settings).every((value) => Number.isSafeInteger(value) && value > 0),
      'each is a whole number over 0',
    ],
    [partPagesMax(batchBytesMax - BATCH_HEADER_BYTES) >= 1, 'batchBytesMax holds at least one page with its head'],
    [batchBytesMax <= BODY_BYTES_MAX, `batchBytesMax is at most ${BODY_BYTES_MAX}`],
    [segmentBytesMax >= SEGMENT_HEADER_BYTES + batchBytesMax, 'segmentBytesMax holds at least one whole batch'],
    [settings.retryMsMax >= settings.retryMsMin, 'retryMsMax is not less than retryMsMin'],
  ]
  for (const [holds, message] of checks) {
    if (!holds) throw new TenaxError('config_invalid', `settings of the ledger: ${message}`)
  }
  return settings
}
