/** Limits of the ledger. Each has a unit in its name and a reason beside it. */
import { MIB_BYTES } from '@tenax/kernel'

/** Default length of a segment: trim frees whole segments, and each costs a create and two directory syncs. */
export const SEGMENT_BYTES_MAX = 16 * MIB_BYTES

/** Default bound of what waits for the disk: at 100 MiB/s more than half a second of writing, in memory. */
export const BUFFER_BYTES_MAX = 64 * MIB_BYTES

/** Default length of a batch: hashing one on the event loop takes some 0.3 ms. */
export const BATCH_BYTES_MAX = 4 * MIB_BYTES

/**
 * Room beyond the buffer's bound for records that are no entries. Checkpoints and watermarks are what frees a full disk,
 * so a full buffer must not keep them out.
 */
export const CONTROL_BYTES_MAX = MIB_BYTES

/** First pause before a full disk is tried again. */
export const RETRY_MS_MIN = 100

/** Longest pause before a full disk is tried again. */
export const RETRY_MS_MAX = 5_000

/** Buffers of `batchBytesMax` that are kept for reuse: one in flight, one being filled, one to spare. */
export const FREE_BUFFERS_MAX = 3

/** Bytes that the reader asks for at once, and that a spare segment is filled with at once. */
export const CHUNK_BYTES = MIB_BYTES
