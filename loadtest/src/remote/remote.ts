/** Commits of class `remote` over one store, in process, with so many in flight; and what the store was asked for meanwhile. */
import { join } from 'node:path'
import { type BlobStore, observeStore, type StoreCall } from '@tenax/blobstore'
import { type DurabilityClass, parseTenantId, systemClock, type TenantId } from '@tenax/kernel'
import { libsqlDriver } from '@tenax/sqlite'
import { Gate, standardSettings, systemRandomId, Tenancy } from '@tenax/tenancy'
import { scratchDirectory } from '../bench/fixture.ts'
import { type LatencySummary, summarise } from '../statistics.ts'

/** What to measure: `inFlight` clients over as many tenants, each with one row at a time, for `durationMs`. */
export interface RemoteLoad {
  readonly durability: DurabilityClass
  readonly inFlight: number
  readonly durationMs: number
}

/** What one load came to. */
export interface RemoteFigures {
  readonly load: RemoteLoad
  readonly commitsPerSecond: number
  readonly latency: LatencySummary
  /** One object on its way, in the same run. */
  readonly put: LatencySummary
  readonly putsPerThousand: number
  readonly bytesPerCommit: number
}

/** Measures one load over `store`. */
export async function measureRemote(store: BlobStore, load: RemoteLoad): Promise<RemoteFigures> {
  using scratch = scratchDirectory()
  const puts: StoreCall[] = []
  const onCall = (call: StoreCall) => void (call.verb === 'create' && puts.push(call))
  const observed = observeStore(store, { onCall, clock: systemClock })
  const settings = standardSettings(join(scratch.path, 'data'))
  const tenancy = await Tenancy.open(
    { ...settings, pool: { ...settings.pool, handlesMax: load.inFlight + 8 }, shardCount: 1 },
    {
      ...{ driver: libsqlDriver, clock: systemClock, randomId: systemRandomId, pid: process.pid, store: observed },
      onEvent: () => undefined,
      onFatal(error) {
        throw error
      },
    },
  )
  try {
    const ids = Array.from({ length: load.inFlight }, (_, index) => parseTenantId(`t${index}`))
    for (const id of ids) {
      await tenancy.create(id)
      await run(tenancy, id, { sql: 'CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT)', durability: 'remote' })
    }
    const shippedBefore = tenancy.ledgerStats().shipping?.putBytes ?? 0
    puts.length = 0
    const { samples, seconds } = await drive(tenancy, ids, load)
    const shippedBytes = (tenancy.ledgerStats().shipping?.putBytes ?? 0) - shippedBefore
    return {
      load,
      commitsPerSecond: samples.length / seconds,
      latency: summarise(samples),
      put: summarise(puts.map(({ durationMs }) => durationMs)),
      putsPerThousand: (puts.length / samples.length) * 1_000,
      bytesPerCommit: shippedBytes / samples.length,
    }
  } finally {
    await tenancy.close()
  }
}

async function drive(tenancy: Tenancy, ids: readonly TenantId[], { durability, durationMs }: RemoteLoad) {
  const samples: number[] = []
  const startMs = systemClock.monotonicMs()
  const client = async (id: TenantId) => {
    while (systemClock.monotonicMs() - startMs < durationMs) {
      const sentMs = systemClock.monotonicMs()
      await run(tenancy, id, { sql: 'INSERT INTO note (text) SELECT hex(randomblob(50))', durability })
      samples.push(systemClock.monotonicMs() - sentMs)
    }
  }
  await Promise.all(ids.map(client))
  return { samples, seconds: (systemClock.monotonicMs() - startMs) / 1_000 }
}

function run(tenancy: Tenancy, id: TenantId, { sql, durability }: { sql: string; durability: DurabilityClass }) {
  return tenancy.use(id, (handle) => handle.execute(sql, { positional: [], named: [] }, new Gate(durability)))
}
