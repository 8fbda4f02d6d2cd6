/** Metrics of the ledger: how much it holds, how far it is behind, and what its disk takes. Read when scraped. */
import type { LedgerStats, Tenancy } from '@tenax/tenancy'
import { Counter, Gauge, type Registry } from 'prom-client'

type Row = readonly [name: string, help: string, read: (stats: LedgerStats) => number]

const GAUGES: readonly Row[] = [
  ['tenax_ledger_disk_bytes', 'Bytes of the ledger on disk.', ({ diskBytes }) => diskBytes],
  ['tenax_ledger_buffered_bytes', 'Bytes that wait for the disk.', ({ bufferedBytes }) => bufferedBytes],
  ['tenax_ledger_lag_records', 'Records that are not fsynced yet.', ({ lagCount }) => lagCount],
  ['tenax_recovery_seconds', 'What recovery took at the start.', ({ recoveryMs }) => recoveryMs / 1000],
]

const COUNTERS: readonly Row[] = [
  ['tenax_ledger_entries_total', 'Commits appended since the start.', ({ entryCount }) => entryCount],
  ['tenax_ledger_fsyncs_total', 'Fsyncs of segments since the start.', ({ syncCount }) => syncCount],
  ['tenax_ledger_fsync_seconds_total', 'Time in them, together.', ({ syncMs }) => syncMs / 1000],
]

/** Registers them. */
export function addLedgerMetrics(tenancy: Tenancy, registry: Registry): void {
  const registers = [registry]
  for (const [name, help, read] of GAUGES) {
    new Gauge({
      ...{ name, help, registers },
      collect() {
        this.set(read(tenancy.ledgerStats()))
      },
    })
  }
  for (const [name, help, read] of COUNTERS) {
    new Counter({
      ...{ name, help, registers },
      collect() {
        this.reset()
        this.inc(read(tenancy.ledgerStats()))
      },
    })
  }
}
