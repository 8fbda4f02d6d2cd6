/** Archives and hydrates tenants of a few sizes over one store, in process, and counts what the store was asked for. */
import { join } from 'node:path'
import { type BlobStore, observeStore, type StoreCall } from '@tenax/blobstore'
import { MIB_BYTES, parseTenantId, systemClock, type TenantId } from '@tenax/kernel'
import { libsqlDriver } from '@tenax/sqlite'
import { standardSettings, systemRandomId, Tenancy } from '@tenax/tenancy'
import { scratchDirectory } from '../bench/fixture.ts'
import { type LatencySummary, summarise } from '../statistics.ts'

/** What to measure: tenants of `bytes`, each archived and hydrated `roundCount` times, one at a time. */
export interface ArchiveSize {
  readonly name: string
  readonly bytes: number
  readonly roundCount: number
}

/** What one size came to. */
export interface ArchiveFigures {
  readonly size: ArchiveSize
  /** Every page is new to the store. */
  readonly first: LatencySummary
  /** One row was changed since the last snapshot. */
  readonly changed: LatencySummary
  /** Until the first query is answered. */
  readonly hydrate: LatencySummary
  /** A put and a get of one chunk of 1 MiB that does not get smaller, beside it in the same run. */
  readonly rawPut: LatencySummary
  readonly rawGet: LatencySummary
  /** Calls of the store for one archive behind a small change, by verb. */
  readonly callsPerArchive: Readonly<Record<string, number>>
}

/** Measures one size over `store`. */
export async function measureArchive(store: BlobStore, size: ArchiveSize): Promise<ArchiveFigures> {
  using scratch = scratchDirectory()
  const counts = new Map<string, number>()
  const onCall = ({ verb }: StoreCall) => void counts.set(verb, (counts.get(verb) ?? 0) + 1)
  const observed = observeStore(store, { onCall, clock: systemClock })
  const tenancy = await Tenancy.open(
    { ...standardSettings(join(scratch.path, 'data')), shardCount: 1 },
    {
      ...{ driver: libsqlDriver, clock: systemClock, randomId: systemRandomId, pid: process.pid, store: observed },
      onEvent: () => undefined,
      onFatal(error) {
        throw error
      },
    },
  )
  try {
    return await measureOn({ tenancy, store, counts, size })
  } finally {
    await tenancy.close()
  }
}

interface Bed {
  readonly tenancy: Tenancy
  readonly store: BlobStore
  readonly counts: ReadonlyMap<string, number>
  readonly size: ArchiveSize
}

type Samples = [number[], number[], number[], number[], number[]]

async function measureOn({ tenancy, store, counts, size }: Bed): Promise<ArchiveFigures> {
  const [first, changed, hydrate, rawPut, rawGet]: Samples = [[], [], [], [], []]
  let calls: Record<string, number> = {}
  for (let round = 0; round < size.roundCount; round += 1) {
    const id = parseTenantId(`t${round}`)
    await fill(tenancy, id, size.bytes)
    first.push(await timed(() => tenancy.archive(id)))
    hydrate.push(await timed(() => run(tenancy, id, 'SELECT count(*) FROM note')))
    await run(tenancy, id, "UPDATE note SET text = 'changed' WHERE id = 1")
    const before = new Map(counts)
    changed.push(await timed(() => tenancy.archive(id)))
    calls = difference(counts, before)
    const key = `bench/${systemRandomId()}`
    const bytes = crypto.getRandomValues(new Uint8Array(65_536))
    const chunk = new Uint8Array(MIB_BYTES)
    for (let at = 0; at < chunk.length; at += bytes.length) chunk.set(bytes, at)
    rawPut.push(await timed(() => store.put(key, chunk)))
    rawGet.push(await timed(() => store.get(key)))
    await store.delete(key)
  }
  return {
    ...{ size, first: summarise(first), changed: summarise(changed), hydrate: summarise(hydrate) },
    ...{ rawPut: summarise(rawPut), rawGet: summarise(rawGet), callsPerArchive: calls },
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startMs = systemClock.monotonicMs()
  await work()
  return systemClock.monotonicMs() - startMs
}

function run(tenancy: Tenancy, id: TenantId, sql: string) {
  return tenancy.use(id, (handle) => handle.execute(sql, { positional: [], named: [] }))
}

/** Rows of random text, which compresses to half: neither the best nor the worst that there is. */
async function fill(tenancy: Tenancy, id: TenantId, bytes: number): Promise<void> {
  await tenancy.create(id)
  await run(tenancy, id, 'CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT)')
  const rows = Math.ceil(bytes / 1_050)
  for (let done = 0; done < rows; done += 10_000) {
    const count = Math.min(10_000, rows - done)
    const numbers = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})`
    await run(tenancy, id, `${numbers} INSERT INTO note (text) SELECT hex(randomblob(500)) FROM n`)
  }
}

function difference(now: ReadonlyMap<string, number>, before: ReadonlyMap<string, number>): Record<string, number> {
  return Object.fromEntries([...now].map(([verb, count]) => [verb, count - (before.get(verb) ?? 0)]))
}
