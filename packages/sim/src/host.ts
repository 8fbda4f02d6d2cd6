/** Opens tenancy as `createTenax` does, with what a test wants to be different. */
import { systemClock } from '@tenax/kernel'
import type { LedgerSettings, SegmentFiles } from '@tenax/ledger'
import {
  CACHE_KIB,
  type EngineDriver,
  libsqlDriver,
  PAGE_COUNT_MAX,
  QUERY_TIMEOUT_MS,
  REPLY_BYTES_MAX,
  REPLY_ROWS_MAX,
} from '@tenax/sqlite'
import {
  HANDLE_BYTES_MAX,
  HANDLE_IDLE_MS,
  IMPORT_BYTES_MAX,
  type Migration,
  POOL_SWEEP_MS,
  POOL_TURN_MS,
  POOL_WAITERS_MAX,
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
  readonly driver?: EngineDriver
  /** Longest wait for a place in the pool. */
  readonly waitMsMax?: number
  readonly onEvent?: (event: TenancyEvent) => void
  readonly ledger?: Partial<LedgerSettings>
  /** The disk under the ledger. */
  readonly ledgerFiles?: SegmentFiles
  /** Default: this process ends itself with SIGKILL, as a host does. */
  readonly onFatal?: (error: unknown) => void
}

/** Recovers and serves the data directory of `options`. */
export function openHost(options: HostOptions): Promise<Tenancy> {
  const { dataPath, handlesMax, shardCount, migrations = [], driver = libsqlDriver, waitMsMax = 60_000 } = options
  return Tenancy.open(
    {
      dataPath,
      shardCount,
      pool: {
        handlesMax,
        bytesMax: HANDLE_BYTES_MAX,
        idleMs: HANDLE_IDLE_MS,
        sweepMs: POOL_SWEEP_MS,
        waitersMax: POOL_WAITERS_MAX,
        waitMsMax,
        turnMs: POOL_TURN_MS,
      },
      file: {
        queryTimeoutMs: QUERY_TIMEOUT_MS,
        pageCountMax: PAGE_COUNT_MAX,
        cacheKib: CACHE_KIB,
        reply: { rowsMax: REPLY_ROWS_MAX, bytesMax: REPLY_BYTES_MAX },
      },
      ledger: options.ledger ?? {},
      importBytesMax: IMPORT_BYTES_MAX,
      migrations,
    },
    {
      driver,
      clock: systemClock,
      randomId: systemRandomId,
      pid: process.pid,
      onFatal: options.onFatal ?? (() => void process.kill(process.pid, 'SIGKILL')),
      ...(options.ledgerFiles === undefined ? {} : { ledgerFiles: options.ledgerFiles }),
      onEvent: options.onEvent ?? (() => undefined),
    },
  )
}
