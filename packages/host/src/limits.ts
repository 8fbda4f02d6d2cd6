/** Limits of a host's HTTP face. Each has its unit in its name and its reason beside it. */
import { MIB_BYTES } from '@tenax/kernel'

/** Body of a JSON request: parsing more holds up the event loop; larger data goes through import. */
export const JSON_BODY_BYTES_MAX = 4 * MIB_BYTES

/** JSON bodies of all requests that are being read or run, together: slow senders must not fill the memory. */
export const JSON_BODIES_BYTES_MAX = 256 * MIB_BYTES

/** SQL texts stored on one stream, in bytes. */
export const STORED_SQL_BYTES_MAX = MIB_BYTES

/** SQL texts stored on all streams of a host, in bytes. */
export const ALL_STORED_SQL_BYTES_MAX = 128 * MIB_BYTES

/** Open Hrana streams of a host: each is some 2 KiB. */
export const STREAMS_MAX = 20_000

/** Open Hrana streams of one tenant, so that one cannot take them all. */
export const STREAMS_PER_TENANT_MAX = 256

/** A stream that was not used for so long is forgotten: clients close theirs, this is for those that died. */
export const STREAM_IDLE_MS = 60_000

/** How often forgotten streams are looked for; no timer runs while there is none. */
export const STREAM_SWEEP_MS = 5_000

/** Characters of an idempotency key: a UUID has 36, and nothing needs more than a hash and a prefix. */
export const IDEMPOTENCY_KEY_CHARS_MAX = 255

/** Requests that wait for the end of a run, all tenants together: each holds a socket and some 4 KiB. */
export const RESULT_WAITS_MAX = 10_000
