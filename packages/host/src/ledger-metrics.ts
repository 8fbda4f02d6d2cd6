/** Metrics of the ledger: how much it holds, how far it is behind, and what its disk takes. Read when scraped. */
import type { LedgerStats, Tenancy } from '@tenax/tenancy'
import { Counter, Gauge, type Registry } from 'prom-client'

const SHIP_LAG_HELP =
  'Age of the oldest commit that is fsynced and not in object storage: what the loss of the disk would take of class local.'

type Row = readonly [name: string, help: string, read: (stats: LedgerStats) => number]

const GAUGES: readonly Row[] = [
  ['tenax_ledger_disk_bytes', 'Bytes of the ledger on disk.', ({ diskBytes }) => diskBytes],
  ['tenax_ledger_buffered_bytes', 'Bytes that wait for the disk.', ({ bufferedBytes }) => bufferedBytes],
  ['tenax_ledger_lag_records', 'Records that are not fsynced yet.', ({ lagCount }) => lagCount],
  ['tenax_recovery_seconds', 'What recovery took at the start.', ({ recoveryMs }) => recoveryMs / 1000],
]

const SHIP_GAUGES: readonly Row[] = [
  ['tenax_ship_lag_seconds', SHIP_LAG_HELP, ({ shipping }) => (shipping?.lagMs ?? 0) / 1000],
  [
    'tenax_ship_backlog_bytes',
    'Fsynced, and not in object storage yet.',
    ({ shipping }) => shipping?.backlogBytes ?? 0,
  ],
  ['tenax_ship_owed_tenants', 'Tenants that owe a snapshot.', ({ shipping }) => shipping?.owedCount ?? 0],
  ['tenax_ship_memory_bytes', 'What of it is in memory.', ({ shipping }) => shipping?.memoryBytes ?? 0],
  [
    'tenax_ship_active',
    '1 when commits go to object storage.',
    ({ shipping }) => Number(shipping?.state === 'shipping'),
  ],
]

const SHIP_COUNTERS: readonly Row[] = [
  ['tenax_ship_objects_total', 'Objects of the ledger stored.', ({ shipping }) => shipping?.putCount ?? 0],
  ['tenax_ship_bytes_total', 'Bytes of them.', ({ shipping }) => shipping?.putBytes ?? 0],
  [
    'tenax_ship_failures_total',
    'Calls for them that failed or had no answer.',
    ({ shipping }) => shipping?.failureCount ?? 0,
  ],
]

const COUNTERS: readonly Row[] = [
  ['tenax_ledger_entries_total', 'Commits appended since the start.', ({ entryCount }) => entryCount],
  ['tenax_ledger_fsyncs_total', 'Fsyncs of segments since the start.', ({ syncCount }) => syncCount],
  ['tenax_ledger_fsync_seconds_total', 'Time in them, together.', ({ syncMs }) => syncMs / 1000],
]

/** Registers them. */
export function addLedgerMetrics(tenancy: Tenancy, registry: Registry): void {
  const registers = [registry]
  const [gauges, counters] = tenancy.isStored
    ? [
        [...GAUGES, ...SHIP_GAUGES],
        [...COUNTERS, ...SHIP_COUNTERS],
      ]
    : [GAUGES, COUNTERS]
  for (const [name, help, read] of gauges) {
    new Gauge({
      ...{ name, help, registers },
      collect() {
        this.set(read(tenancy.ledgerStats()))
      },
    })
  }
  for (const [name, help, read] of counters) {
    new Counter({
      ...{ name, help, registers },
      collect() {
        this.reset()
        this.inc(read(tenancy.ledgerStats()))
      },
    })
  }
}
