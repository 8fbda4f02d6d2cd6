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

/** Writers that race for one key in the trial of a store: a store that checks and then writes lets several of them win. */
export const PROBE_RACERS = 16
