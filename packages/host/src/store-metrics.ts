/** Metrics of object storage: its calls by verb and outcome, what they carried, and how long they took. Keys are never told. */
import { type BlobStore, observeStore, type StoreCall, StoreCounts, type StoreVerb } from '@tenax/blobstore'
import type { Clock } from '@tenax/kernel'
import { Counter, Histogram, type Registry } from 'prom-client'

const VERBS: readonly StoreVerb[] = ['get', 'create', 'put', 'list', 'delete']

/** From a disk beside the host to the longest call that the host waits for. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

/** A store whose calls are counted from now on. */
export interface MeteredStore {
  readonly store: BlobStore
  /** Shows on `registry` what was counted, also before this. */
  readonly showOn: (registry: Registry) => void
}

/** What counting needs. `onCall` hears of each call behind the count; what it throws is the caller's to avoid. */
export interface MeterOptions {
  readonly clock: Clock
  readonly onCall: ((call: StoreCall) => void) | undefined
}

/** `store`, with its calls counted: of a host without a store there are no such metrics. */
export function meterStore(store: BlobStore, { clock, onCall }: MeterOptions): MeteredStore {
  const counts = new StoreCounts()
  const durations = new Histogram({
    name: 'tenax_store_call_duration_seconds',
    help: 'Time of a call of object storage, failed ones included; of a list, to the end of its reader.',
    labelNames: ['verb'],
    buckets: SECONDS,
    registers: [],
  })
  const observed = observeStore(store, {
    clock,
    onCall(call) {
      counts.add(call)
      durations.observe({ verb: call.verb }, call.durationMs / 1000)
      onCall?.(call)
    },
  })
  return {
    store: observed,
    showOn(registry) {
      registry.registerMetric(durations)
      showCounts(counts, registry)
    },
  }
}

function showCounts(counts: StoreCounts, registry: Registry): void {
  const registers = [registry]
  new Counter({
    name: 'tenax_store_calls_total',
    help: 'Calls of object storage that have ended, by verb and outcome: ok, aborted, or the code of the failure.',
    labelNames: ['verb', 'outcome'],
    registers,
    collect() {
      this.reset()
      for (const verb of VERBS) {
        for (const [outcome, count] of counts.of(verb).byOutcome) this.inc({ verb, outcome }, count)
      }
    },
  })
  new Counter({
    name: 'tenax_store_bytes_total',
    help: 'Bytes that calls of object storage brought (get) or took (create, put); of those that succeeded.',
    labelNames: ['verb'],
    registers,
    collect() {
      this.reset()
      for (const verb of ['get', 'create', 'put'] as const) this.inc({ verb }, counts.of(verb).lengthBytes)
    },
  })
}
