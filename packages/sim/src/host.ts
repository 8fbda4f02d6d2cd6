/** Opens tenancy as `createTenax` does, with what a test wants to be different. */
import type { BlobStore } from '@tenax/blobstore'
import { systemClock } from '@tenax/kernel'
import type { LedgerSettings, SegmentFiles } from '@tenax/ledger'
import { type EngineDriver, libsqlDriver } from '@tenax/sqlite'
import {
  type EngineTables,
  type Migration,
  standardSettings,
  systemRandomId,
  Tenancy,
  type TenancyEvent,
} from '@tenax/tenancy'

/** What differs from test to test. */
export interface HostOptions {
  readonly dataPath: string
  readonly handlesMax: number
  readonly shardCount: number
  readonly migrations?: readonly Migration[]
  /** What others keep in tenants' files. */
  readonly tables?: EngineTables
  readonly driver?: EngineDriver
  /** Longest wait for a place in the pool. */
  readonly waitMsMax?: number
  readonly onEvent?: (event: TenancyEvent) => void
  readonly ledger?: Partial<LedgerSettings>
  /** Object storage. */
  readonly store?: BlobStore
  /** The disk under the ledger. */
  readonly ledgerFiles?: SegmentFiles
  /** Default: this process ends itself with SIGKILL, as a host does. */
  readonly onFatal?: (error: unknown) => void
}

/** Recovers and serves the data directory of `options`. */
export function openHost(options: HostOptions): Promise<Tenancy> {
  const { dataPath, handlesMax, shardCount, migrations = [], driver = libsqlDriver, waitMsMax = 60_000 } = options
  const standard = standardSettings(dataPath)
  return Tenancy.open(
    {
      ...standard,
      shardCount,
      pool: { ...standard.pool, handlesMax, waitMsMax },
      ledger: options.ledger ?? {},
      migrations,
      ...(options.tables === undefined ? {} : { tables: options.tables }),
    },
    {
      driver,
      clock: systemClock,
      randomId: systemRandomId,
      pid: process.pid,
      onFatal: options.onFatal ?? (() => void process.kill(process.pid, 'SIGKILL')),
      ...(options.store === undefined ? {} : { store: options.store }),
      ...(options.ledgerFiles === undefined ? {} : { ledgerFiles: options.ledgerFiles }),
      onEvent: options.onEvent ?? (() => undefined),
    },
  )
}
