/** The settings of a host for which nothing else was said. */
import { CACHE_KIB, PAGE_COUNT_MAX, QUERY_TIMEOUT_MS, REPLY_BYTES_MAX, REPLY_ROWS_MAX } from '@tenax/sqlite'
import {
  HANDLE_BYTES_MAX,
  HANDLE_IDLE_MS,
  HANDLES_MAX,
  IMPORT_BYTES_MAX,
  LEDGER_BYTES_MAX,
  POOL_SWEEP_MS,
  POOL_TURN_MS,
  POOL_WAITERS_MAX,
  SHARD_COUNT,
  WAIT_MS_MAX,
} from './limits.ts'
import type { TenancySettings } from './tenancy-port.ts'

/** Complete settings for the data directory at `dataPath`: every limit as `limits.ts` has it, and class `local`. */
export function standardSettings(dataPath: string): TenancySettings {
  return {
    dataPath,
    shardCount: SHARD_COUNT,
    pool: {
      handlesMax: HANDLES_MAX,
      bytesMax: HANDLE_BYTES_MAX,
      idleMs: HANDLE_IDLE_MS,
      sweepMs: POOL_SWEEP_MS,
      waitersMax: POOL_WAITERS_MAX,
      waitMsMax: WAIT_MS_MAX,
      turnMs: POOL_TURN_MS,
    },
    file: {
      queryTimeoutMs: QUERY_TIMEOUT_MS,
      pageCountMax: PAGE_COUNT_MAX,
      cacheKib: CACHE_KIB,
      reply: { rowsMax: REPLY_ROWS_MAX, bytesMax: REPLY_BYTES_MAX },
    },
    ledger: {},
    ledgerBytesMax: LEDGER_BYTES_MAX,
    importBytesMax: IMPORT_BYTES_MAX,
    migrations: [],
    durability: 'local',
  }
}
