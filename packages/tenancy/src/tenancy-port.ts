/** What tenancy is made of, what it tells, and what its lifecycle verbs work with. */
import type { BlobStore } from '@tenax/blobstore'
import type { Clock, DurabilityClass, RandomId, TenantId } from '@tenax/kernel'
import type { LedgerSettings, SegmentFiles } from '@tenax/ledger'
import type { EngineDriver, SqliteFileSettings } from '@tenax/sqlite'
import type { ArchiveEvent } from './archive/archive-event.ts'
import type { StoredTenant } from './archive/keys.ts'
import type { ScrubEvent } from './archive/scrubber.ts'
import type { ClosedFile } from './archive/snapshot.ts'
import type { HostLedger } from './durability/host-ledger.ts'
import type { DataDirectory } from './files/data-directory.ts'
import type { Directory } from './files/directory.ts'
import type { DiskEvent, DiskGuard, DiskSpace } from './files/disk-guard.ts'
import type { StoreRecovery } from './files/recover/recover-from-store.ts'
import type { ScratchFiles } from './files/scratch-files.ts'
import type { Handle } from './handle.ts'
import type { Migration } from './migrations.ts'
import type { HandlePool } from './pool.ts'
import type { PoolSettings } from './pool-port.ts'
import type { QuarantineEvent } from './quarantine.ts'
import type { ShippingEvent } from './remote/shipping.ts'
import type { EngineTables } from './tenant-schema.ts'
import type { Transfers } from './transfers.ts'

/** Settings of tenancy: data, not components. */
export interface TenancySettings {
  readonly dataPath: string
  readonly shardCount: number
  readonly pool: PoolSettings
  readonly file: SqliteFileSettings
  readonly importBytesMax: number
  readonly ledger: Partial<LedgerSettings>
  /** Length of the ledger on disk above which those who hold its oldest segment are checkpointed. */
  readonly ledgerBytesMax: number
  readonly migrations: readonly Migration[]
  /** What others keep in tenants' files. Default: nothing. */
  readonly tables?: EngineTables
  /** Class of tenants that have none of their own. Default `local`. */
  readonly durability?: DurabilityClass
  /** A tenant that was not used for so long goes to object storage, in milliseconds. Default: only who is told to. */
  readonly archiveAfterMs?: number
  /** Bytes of the files of tenants above which the longest idle are archived. Default: no bound. */
  readonly diskBudgetBytes?: number
  /** Between proofs that a random tenant's snapshot can be restored, in milliseconds. Default: only who is told to. */
  readonly scrubEveryMs?: number
  /** Bytes of the disk that stay free of tenants' commits; 0: none, and nothing is kept for checkpoints. Default: 256 MiB, or 2 % if that is less. */
  readonly diskFreeBytesMin?: number
}

/** The parts that tests and other hosts may replace. `onEvent` hears what an operator would want to read. */
export interface TenancyComponents {
  readonly driver: EngineDriver
  readonly clock: Clock
  readonly randomId: RandomId
  readonly pid: number
  readonly onEvent: (event: TenancyEvent) => void
  /** Hears when a verb on a tenant has ended, or it was stopped: it may serve now, or not any more, or be another. */
  readonly onTenant?: (tenant: TenantId) => void
  /** The ledger has failed: nothing may be acknowledged, and no file closed, from now on (LEDGER F2). */
  readonly onFatal: (error: unknown) => void
  /** Object storage: archived tenants go there, and the ledger; without it neither does. The caller closes it after the tenancy. */
  readonly store?: BlobStore
  /** The disk under the ledger, when it is not the file system. */
  readonly ledgerFiles?: SegmentFiles
  /** What the disk of the data directory has, when it is not the file system that says so. */
  readonly diskSpace?: (root: string) => DiskSpace
}

/** Something that an operator should know. */
export type TenancyEvent =
  | { readonly type: 'recovered'; readonly finished: number; readonly undone: number; readonly filesRemoved: number }
  | { readonly type: 'redone'; readonly fileCount: number }
  /** The data directory was empty, and was made anew from object storage. */
  | ({ readonly type: 'recovered_from_store' } & StoreRecovery)
  /** The file of a lent tenant could not be taken back; nobody is served of it until a start does. */
  | { readonly type: 'take_back_failed'; readonly tenantId: TenantId; readonly reason: string }
  | ShippingEvent
  | QuarantineEvent
  | ArchiveEvent
  | ScrubEvent
  | DiskEvent

/** Sizes and position of one tenant. */
export interface TenantStats {
  readonly pageCount: number
  readonly pageBytes: number
  readonly freePages: number
  readonly walBytes: number
  readonly pageCountMax: number
  readonly lineage: string
  readonly lsn: bigint
  readonly wasOpen: boolean
}

/** What the lifecycle verbs work with. */
export interface VerbContext {
  readonly data: DataDirectory
  readonly directory: Directory
  readonly pool: HandlePool<TenantId, Handle>
  readonly settings: TenancySettings
  readonly components: TenancyComponents
  readonly template: Uint8Array
  readonly ledger: HostLedger
  /**
   * Puts a file that is about to become a tenant's into object storage: it was in no ledger (LEDGER D3). Undefined without a store.
   *
   * @throws TenaxError `unavailable` when the store is away; nothing has changed then
   */
  readonly storeBase?: ((tenant: StoredTenant, file: ClosedFile) => Promise<void> | undefined) | undefined
  readonly transfers: Transfers
  readonly files: ScratchFiles
  readonly disk: DiskGuard
}
