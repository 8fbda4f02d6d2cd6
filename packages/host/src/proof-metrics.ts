/** Metrics of proofs that snapshots can be restored: what was tried, and how old the oldest proof is. Read when scraped. */
import type { ScrubStats, Tenancy } from '@tenax/tenancy'
import { Counter, Gauge, type Registry } from 'prom-client'

type Row = readonly [name: string, help: string, read: (stats: ScrubStats) => number]

const GAUGES: readonly Row[] = [
  ['tenax_snapshots', 'Tenants that have a snapshot in object storage.', ({ snapshotCount }) => snapshotCount],
  [
    'tenax_snapshots_unproven',
    'Of those, tenants that were never proven restorable.',
    ({ unprovenCount }) => unprovenCount,
  ],
  ['tenax_snapshots_damaged', 'Tenants whose last snapshot was found damaged.', ({ damagedCount }) => damagedCount],
  [
    'tenax_snapshot_oldest_proof_age_seconds',
    'Age of the oldest last proof of a tenant; 0 while nothing was proven.',
    ({ oldestProofAgeMs = 0 }) => oldestProofAgeMs / 1000,
  ],
]

/** Registers them, for a host with a store. */
export function addProofMetrics(tenancy: Tenancy, registry: Registry): void {
  const registers = [registry]
  for (const [name, help, read] of GAUGES) {
    new Gauge({
      ...{ name, help, registers },
      collect() {
        this.set(read(tenancy.scrubber.stats()))
      },
    })
  }
  new Counter({
    name: 'tenax_snapshot_proofs_total',
    help: 'Proofs since the start: proven, damaged, or failed for a reason that says nothing of the snapshot.',
    labelNames: ['outcome'],
    registers,
    collect() {
      const { provenTotal: proven, damagedTotal: damaged, failedTotal: failed } = tenancy.scrubber.stats()
      this.reset()
      for (const [outcome, count] of Object.entries({ proven, damaged, failed })) this.inc({ outcome }, count)
    },
  })
}
