/** Limits of object storage. Each has a unit in its name and a reason beside it. */
import { MIB_BYTES } from '@tenax/kernel'

/**
 * Largest blob. Everything is one request and stands whole in memory: chunks have 1 MiB, segments some, and a manifest of
 * this length names the chunks of more than 300 GiB.
 */
export const BLOB_BYTES_MAX = 64 * MIB_BYTES

/** Longest key: S3 takes 1,024 bytes, of which the store's own prefix may have the rest. */
export const KEY_BYTES_MAX = 512

/** Longest part of a key: file systems take 255 bytes for a name. */
export const KEY_PART_BYTES_MAX = 128

/** Most parts of a key: each is a directory, and each create syncs all of them. */
export const KEY_PARTS_MAX = 16

/** Calls that wait for a slot: whoever waits holds the bytes to be written, so the line ends somewhere. */
export const WAITING_CALLS_MAX = 1_000

/** Calls of the fs driver at work at a time: libuv has 4 threads, and each call holds a descriptor. */
export const FS_CALLS_MAX = 16

/**
 * How often a write of the fs driver begins again: its temporary file or its directory may be taken away by the start, or
 * by a delete, of another process. Each time somebody else has got something done.
 */
export const FS_TRIES_MAX = 8

/** Longest prefix of the s3 driver: with a `/` and the longest key it fills the 1,024 bytes that S3 takes. */
export const S3_PREFIX_BYTES_MAX = 1_024 - 1 - KEY_BYTES_MAX

/** Calls of the s3 driver at work at a time, each on a connection of its own: a burst must not open hundreds. */
export const S3_CALLS_MAX = 32

/** How often the s3 driver asks for one thing, and how long it waits in between: about a second in all. */
export const S3_TRIES_MAX = 4
export const S3_PAUSES_MS: readonly number[] = [50, 200, 800]

/** Longest wait for a connection. Even across an ocean one takes less than a second. */
export const S3_CONNECT_MS_MAX = 5_000

/** Longest silence on a connection that is at work: a store that syncs 64 MiB to slow disks has answered by then. */
export const S3_SILENT_MS_MAX = 20_000

/** How long an idle connection is kept. Servers close them after 15 s or more, and whoever writes just then learns nothing. */
export const S3_IDLE_MS = 5_000

/** Longest time of one try: a start, and a link of 1 MiB a second. A call that has taken the start's time is not tried again. */
export const S3_TRY_MS = 20_000
export const S3_MS_PER_MIB = 1_000

/** Entries of a page of a list: the most that S3 gives. */
export const S3_PAGE_COUNT = 1_000

/** Writers that race for one key in the trial of a store: a store that checks and then writes lets several of them win. */
export const PROBE_RACERS = 16
