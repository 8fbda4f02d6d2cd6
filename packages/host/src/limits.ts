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

/** How long a run may be tried alone before it is stopped without blame: so long its tenant answers nobody. */
export const PROBATION_MS_MAX = 60_000

/** How long a process that was asked to stop may take, a checkpoint included, before it is killed. */
export const CHILD_STOP_MS = 15_000

/** A run that was stopped, or could not be tried, leaves its tenant to others for so long. */
export const PROBATION_REST_MS = 10_000

/** How long a tenant's other runs may take to come to rest before one of them is tried alone. */
export const VACATE_MS = 5_000

/** An event loop that stood still for so long ends the process of a run that is tried alone, if the host says nothing else. */
export const STALL_KILL_MS = 30_000

/** JavaScript heap of a process in which a run is tried alone, in MiB: beside the host's own. */
export const PROBATION_MEMORY_MIB = 512

/** How often a stream of outputs says that it is there: proxies cut silent ones off after a minute. */
export const HEARTBEAT_MS = 15_000

/** Jobs that run at a time: as many as a host archives or hydrates at once. */
export const JOBS_RUNNING_MAX = 8

/** Jobs that wait for that; beyond, requests for one are turned away. */
export const JOBS_QUEUED_MAX = 1_000

/** Ended jobs that are kept, and how long: each is some 1 KiB, without its file. */
export const JOBS_KEPT_MAX = 1_000
export const JOB_KEPT_MS = 30 * 60_000

/** Disk that files of jobs may take together: exports that wait to be fetched, and imports that wait for their turn. */
export const JOB_FILES_BYTES_MAX = 4 * 1024 * MIB_BYTES

/** Least time between two events of a job's progress: what a person sees. */
export const JOB_EVENT_MS = 250

/** How long a host that closes waits for its jobs, before it ends what they do: as long as it waits for exports. */
export const JOB_DRAIN_MS = 10_000
