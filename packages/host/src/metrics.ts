/** Prometheus metrics of one host. Names follow Prometheus: base units, `_total` on counters. */
import { zombieCount } from '@tenax/sqlite'
import type { Tenancy } from '@tenax/tenancy'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { addDiskMetrics } from './disk-metrics.ts'
import { addLedgerMetrics } from './ledger-metrics.ts'
import { addProofMetrics } from './proof-metrics.ts'
import type { MeteredStore } from './store-metrics.ts'
import type { Streams } from './streams.ts'

/** What the app counts. */
export interface Metrics {
  observeRequest(route: string, status: number, durationMs: number): void
  /** The text that a scrape answers. */
  text(): Promise<string>
}

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** A registry of its own, so that several hosts of one process do not mix. Gauges are read when scraped. */
export function createMetrics(tenancy: Tenancy, streams: Streams, store: MeteredStore | undefined): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const requests = new Counter({
    name: 'tenax_http_requests_total',
    help: 'Requests by route and status.',
    labelNames: ['route', 'status'],
    registers,
  })
  const durations = new Histogram({
    name: 'tenax_http_request_duration_seconds',
    help: 'Time from the request to the response head, by route.',
    labelNames: ['route'],
    buckets: SECONDS,
    registers,
  })
  addGauges({ tenancy, streams, registry })
  addLedgerMetrics(tenancy, registry)
  addDiskMetrics(tenancy, registry)
  if (store !== undefined) {
    store.showOn(registry)
    addProofMetrics(tenancy, registry)
  }
  return {
    observeRequest(route, status, durationMs) {
      requests.inc({ route, status })
      durations.observe({ route }, durationMs / 1000)
    },
    text: () => registry.metrics(),
  }
}

function addGauges({ tenancy, streams, registry }: { tenancy: Tenancy; streams: Streams; registry: Registry }): void {
  const registers = [registry]
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read())
      },
    })
  gauge('tenax_tenants', 'Tenants in the catalog.', () => tenancy.count())
  gauge('tenax_streams', 'Open Hrana streams.', () => streams.size)
  gauge('tenax_zombie_files', 'Closed connections whose descriptors are not free yet.', zombieCount)
  gauge('tenax_pool_waiting', 'Requests that wait for a place in the pool.', () => tenancy.poolStats().waiting)
  new Gauge({
    name: 'tenax_handles',
    help: 'Handles by state.',
    labelNames: ['state'],
    registers,
    collect() {
      const { idle, stuck, pinned, opening, closing } = tenancy.poolStats()
      for (const [state, count] of Object.entries({ idle, stuck, pinned, opening, closing })) this.set({ state }, count)
    },
  })
  addPoolCounters(tenancy, registers)
}

/** Counted by the pool itself, so they are set to its figures when scraped. */
function addPoolCounters(tenancy: Tenancy, registers: Registry[]): void {
  new Counter({
    name: 'tenax_handles_opened_total',
    help: 'Handles opened since the start.',
    registers,
    collect() {
      this.reset()
      this.inc(tenancy.poolStats().opened)
    },
  })
  new Counter({
    name: 'tenax_handles_disposed_total',
    help: 'Handles closed since the start, by reason.',
    labelNames: ['reason'],
    registers,
    collect() {
      this.reset()
      for (const [reason, count] of Object.entries(tenancy.poolStats().disposed)) this.inc({ reason }, count)
    },
  })
}
