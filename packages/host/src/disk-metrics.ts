/** Metrics of the data directory's disk: what is free, what is kept, what was refused for it. Read when scraped. */
import type { DiskStats, Tenancy } from '@tenax/tenancy'
import { Counter, Gauge, type Registry } from 'prom-client'

type Row = readonly [name: string, help: string, read: (stats: DiskStats) => number | undefined]

const GAUGES: readonly Row[] = [
  ['tenax_disk_free_bytes', "Free bytes of the data directory's disk.", ({ freeBytes }) => freeBytes],
  ['tenax_disk_free_min_bytes', "Free bytes below which tenants' writes are refused.", (stats) => stats.freeBytesMin],
  ['tenax_disk_reserve_bytes', 'Bytes that are kept for checkpoints on a full disk.', (stats) => stats.reserveBytes],
]

/** Registers them. What the file system does not say is left out. */
export function addDiskMetrics(tenancy: Tenancy, registry: Registry): void {
  const registers = [registry]
  for (const [name, help, read] of GAUGES) {
    new Gauge({
      ...{ name, help, registers },
      collect() {
        const value = read(tenancy.disk.stats())
        if (value === undefined) this.reset()
        else this.set(value)
      },
    })
  }
  new Counter({
    name: 'tenax_disk_refused_writes_total',
    help: 'Commits and verbs that were refused since the start because the disk was low.',
    registers,
    collect() {
      this.reset()
      this.inc(tenancy.disk.stats().refusedCount)
    },
  })
}
