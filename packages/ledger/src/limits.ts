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

/** How long what nobody waits for may be fsynced and not stored: one PUT a second is some 13 dollars a month by S3's list. */
export const SHIP_EVERY_MS = 1_000

/** Records of one stored object: packing them takes a thread some 25 ms, and one is in memory twice. */
export const OBJECT_BYTES_MAX = 4 * MIB_BYTES

/** Bodies up to this length are packed on the event loop, in some 0.5 ms: a thread's turn takes about as long. */
export const PACK_INLINE_BYTES_MAX = MIB_BYTES / 16

/** Objects under way at once: at 50 ms each, 80 a second, and four of 4 MiB are in memory. */
export const PUTS_MAX = 4

/** Batches that wait in memory for object storage; what is beyond is read back from the disk. */
export const SHIP_MEMORY_BYTES_MAX = 16 * MIB_BYTES

/** Fsynced and not stored: at 1 MiB/s some 17 minutes without the store. The disk keeps it beside the files. */
export const SHIP_BACKLOG_BYTES_MAX = 1024 * MIB_BYTES

/** First and longest pause before a call of the store is repeated: a store that was away for minutes is found in seconds. */
export const PUT_RETRY_MS_MIN = 50
export const PUT_RETRY_MS_MAX = 10_000

/** How exactly the lag is known, and how many times are kept for it: beyond them, every other one. */
export const LAG_MARK_MS = 250
export const LAG_MARKS_MAX = 4_096

/** Bytes that the reader asks for at once, and that a spare segment is filled with at once. */
export const CHUNK_BYTES = MIB_BYTES
