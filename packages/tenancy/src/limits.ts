/** Limits of tenancy. Each has its unit in its name and its reason beside it. */
import { MIB_BYTES } from '@tenax/kernel'

/** Shards of a new data directory: enough to spread over a few hosts, few enough to keep all catalogs open. */
export const SHARD_COUNT = 16

/** Open tenant files of a host. Each costs five descriptors at most and some 300 KiB. */
export const HANDLES_MAX = 500

/** Memory of all open handles together, by their own estimate. */
export const HANDLE_BYTES_MAX = 256 * MIB_BYTES

/** A handle that nobody used for so long is closed. */
export const HANDLE_IDLE_MS = 60_000

/** How often the pool looks for idle handles. One timer per pool, none while it is empty. */
export const POOL_SWEEP_MS = 1_000

/** While others wait for a place, a handle that has been in use for so long without a pause is lent to nobody anew. */
export const POOL_TURN_MS = 250

/** A handle that was quiet for so long, with pages in its WAL, is checkpointed. */
export const CHECKPOINT_IDLE_MS = 2_000

/** Requests that may wait for a place in the pool; beyond, they are turned away at once. */
export const POOL_WAITERS_MAX = 10_000

/** Longest wait for a place in the pool, or for one's turn at a handle. */
export const WAIT_MS_MAX = 15_000

/** Operations that may wait for one handle: at 100 µs each, the last of them waits 0.1 s. */
export const HANDLE_QUEUE_MAX = 1_000

/** Length of the ledger at which those who hold its oldest segment are checkpointed: what a restart has to read. */
export const LEDGER_BYTES_MAX = 256 * MIB_BYTES

/** Longest wait of a reply for the fsync of what it has seen: a disk that takes longer is full, or stalled. */
export const GATE_MS_MAX = 10_000

/** Replies that leave the gate in one turn of the event loop: their clients' next commits take some 1 ms of it, as a flush does. */
export const GATE_RELEASE_COUNT = 8

/** Operations of one tenant that commit together at most: what a caller may have to wait for. */
export const DRAIN_OPERATIONS_MAX = 256

/** A group commit takes no further operation after so long, so that others get the event loop. */
export const DRAIN_MS_MAX = 4

/** WAL size at which a handle is checkpointed. */
export const CHECKPOINT_WAL_BYTES = 4 * MIB_BYTES

/** WAL size at which exports of the tenant are given up, so that its writes can go on. */
export const EXPORT_WAL_BYTES_MAX = 64 * MIB_BYTES

/** Bytes read at once from a file that is exported. */
export const EXPORT_CHUNK_BYTES = MIB_BYTES / 4

/** How long exports may go on once the host closes: less than {@link WAIT_MS_MAX}, so that the close goes well. */
export const EXPORT_DRAIN_MS = 10_000

/** Longest pause between two statements of an interactive transaction. */
export const TRANSACTION_IDLE_MS = 5_000

/** Longest life of an interactive transaction: it holds its tenant's one writer. */
export const TRANSACTION_TOTAL_MS = 30_000

/** How long after its timeout a statement may take to hear the interrupt before its caller is answered without it. */
export const INTERRUPT_GRACE_MS = 3_000

/** How often it is looked at during that grace: a busy event loop makes it longer, never shorter. */
export const INTERRUPT_LOOK_MS = 250

/** Statements of one script. */
export const SCRIPT_STATEMENTS_MAX = 10_000

/** Size of an uploaded database file. */
export const IMPORT_BYTES_MAX = 1024 * MIB_BYTES

/** Waits between tries when another process holds a lock on a live file; together some 2 s. */
export const BUSY_WAITS_MS: readonly number[] = [5, 10, 20, 40, 80, 160, 320, 640, 640]

/** Length of the reason kept with a quarantined tenant, in characters. */
export const REASON_CHARS_MAX = 500

/** Sizes of the ledger beside a quarantined tenant: it has one tenant's entries, and reserves two segments of disk at first. */
export const SIDE_LEDGER_SETTINGS = {
  segmentBytesMax: 2 * MIB_BYTES,
  batchBytesMax: MIB_BYTES,
  /** No bound: an entry that the host's ledger has taken is taken. */
  bufferBytesMax: Number.MAX_SAFE_INTEGER,
} as const

/** What may wait for the disk while a side ledger is written, before its writer waits. */
export const SIDE_LEDGER_BUFFER_BYTES = 8 * MIB_BYTES

/** How long the reply to a request with an idempotency key is kept. */
export const IDEMPOTENCY_KEPT_MS = 7 * 24 * 3_600_000

/** Kept replies whose time is over that one commit with a key lets go: twice what it adds is enough, more is slow. */
export const IDEMPOTENCY_PURGE_COUNT = 8

/** Size of a reply that is kept with its key: it is written with each such commit, and read by nobody most of the time. */
export const IDEMPOTENT_REPLY_BYTES_MAX = MIB_BYTES / 16

/** How often a lent tenant's process is looked for that should be gone, when it is ended, and when that is given up. */
export const LENT_LOOK_MS = 50
export const LENT_KILL_MS = 2_000
export const LENT_WAIT_MS_MAX = 10_000

/** Between tries to take a lent tenant back, and how many there are before it waits for the next start. */
export const TAKE_BACK_MS = 1_000
export const TAKE_BACK_TRIES_MAX = 30

/** How often a commit that somebody waits for, and that is not there yet, is looked for. */
export const DURABILITY_LOOK_MS = 20

/** Bytes of a file in one chunk of its snapshot: what a changed page costs to upload, and what a reader holds in memory. */
export const CHUNK_BYTES = MIB_BYTES

/** Largest number of a manifest: its key has eight digits, so that keys sort. */
export const MANIFEST_NUMBER_MAX = 99_999_999

/** Snapshots of a tenant that stay in object storage: the last one, and two to go back to. */
export const SNAPSHOTS_KEPT = 3

/** Chunks of one tenant on their way at a time: each is held twice in memory, packed and plain. */
export const CHUNKS_IN_FLIGHT = 4

/** Tenants that are archived or hydrated at a time, by a host: with {@link CHUNKS_IN_FLIGHT}, some 64 MiB of memory. */
export const TRANSFERS_MAX = 8

/** Tries to archive a tenant that is written to meanwhile, before its next idle time is waited for. */
export const ARCHIVE_TRIES_MAX = 3

/** How long who archives a tenant waits for its last users: meanwhile nobody else is let in. */
export const RETIRE_IDLE_MS = 2_000

/** How long a start waits for the trial of its object storage, which goes on behind it. */
export const STORE_TRIAL_MS = 5_000

/** Longest call of object storage, whatever its driver promises: a chunk at 20 KB/s. */
export const STORE_CALL_MS_MAX = 60_000

/** Tries to put a whole catalog into the ledger between two changes of it. */
export const WHOLE_TRIES_MAX = 20

/** How long the removal of old snapshots waits until what names the new one is stored; else the next snapshot removes them. */
export const STORED_SOON_MS = 1_000

/** Between tries to take snapshots that are owed. */
export const SETTLE_WAIT_MS = 5_000

/** Ledgers that a directory remembers as its own: so many starts while the store is away, and the newest count. */
export const OWN_LEDGERS_MAX = 1_000

/** How long a start waits for the store to say how far the last ledger is stored: some thousand objects, or the time-out of a dead one. */
export const SHIP_APPROACH_MS = 5_000

/** Pauses between tries to begin storing a ledger while object storage is away. */
export const SHIP_RETRY_MS_MIN = 100
export const SHIP_RETRY_MS_MAX = 10_000

/** How long a stop waits until what is left is stored, by a store that has not failed. */
export const SHIP_CLOSE_MS = 5_000

/** Objects between two notes of how far the ledger is stored: each costs two syncs of a small file, and a start reads so many at most. */
export const POSITION_EVERY_COUNT = 64

/** Commits of one file that wait, and whose numbers are remembered one by one: some 16 KiB while object storage is away. */
export const WAITING_COMMITS_MAX = 256

/** How long a reply waits at most until what it has seen is in object storage. */
export const REMOTE_GATE_MS_MAX = 30_000
/** Free space of the disk below which tenants' commits are refused: this, or this share of a small disk. Room for what a busy second writes. */
export const DISK_FREE_BYTES_MIN = 256 * MIB_BYTES
export const DISK_FREE_SHARE_MIN = 0.02

/** How often the free space is looked at, while there are commits. */
export const DISK_LOOK_MS = 1_000

/** Kept for checkpoints on a full disk: those of four files whose logs are at their bound. */
export const DISK_RESERVE_BYTES = 16 * MIB_BYTES

/** Longest proof of one snapshot but for the check inside SQLite, and longest such check: what is slower is found out by nobody. */
export const PROOF_MS_MAX = 1_800_000
export const PROOF_CHECK_MS_MAX = 120_000

/** Looks at a snapshot before a proof is given up: damage counts at the second, and a newer snapshot may come between. */
export const PROOF_TRIES_MAX = 4

/** Proofs that may wait for the one that is made. */
export const PROOFS_WAITING_MAX = 100

/** How often idle tenants are looked for, and how many rows of a catalog are read in one turn of the event loop. */
export const ARCHIVE_LOOK_MS_MAX = 60_000
export const ARCHIVE_LOOK_ROWS = 500

/** Tenants that one look sends to object storage because files are over their budget, at most. */
export const BUDGET_TENANTS_MAX = 1_000

/** Between tries to remove objects of deleted tenants while object storage is away, and how many are removed in one go. */
export const CLEAN_WAIT_MS = 30_000
export const CLEAN_ROWS = 100

/** Files that are open at a time while stored ledgers are laid into files, and pages that are written at once. */
export const RECOVERY_FILES_MAX = 64
export const RECOVERY_WRITE_PAGES = 256

/** Stored objects that are fetched before a recovery comes to them: at 4 MiB each, 64 MiB of memory. */
export const RECOVERY_READS_AHEAD = 15

/** Rows of a catalog that are read or changed in one turn by a recovery. */
export const RECOVERY_ROWS = 500
