/** Many tenants through few handles: concurrent writes with an oracle in memory, and an eye on what stays open. */
import v8 from 'node:v8'
import { runInNewContext } from 'node:vm'
import { parseTenantId, type TenantId } from '@tenax/kernel'
import { collectClosed, libsqlDriver, zombieCount } from '@tenax/sqlite'
import { SHARD_COUNT, type Tenancy } from '@tenax/tenancy'
import { execute, run } from '../crash/load-tenants.ts'
import { openHost } from '../host.ts'
import { scratchMemory } from '../scratch.ts'
import { Seeded } from '../seeded.ts'
import { descriptorsBelow } from './descriptors.ts'
import { watchedDriver } from './watched-driver.ts'

/** How much churn. */
export interface ChurnOptions {
  readonly seed: number
  readonly tenantCount: number
  readonly handlesMax: number
  readonly connectionCount: number
  /** Writes and reads of all connections together, after the tenants are made. */
  readonly operationCount: number
  /** Descriptors are counted at every so many-th open. */
  readonly opensPerSample: number
}

/** What it came to. */
export interface ChurnResult {
  readonly faults: readonly string[]
  readonly opened: number
  readonly evicted: number
  readonly sampleCount: number
  /** Most descriptors beyond what live handles and zombies account for. */
  readonly descriptorsBeyondMax: number
  readonly zombiesMax: number
  /** Memory after a collection, a third of the way and at the end. */
  readonly rssBytesAtThird: number
  readonly rssBytesAtEnd: number
  readonly lostWrites: number
}

/** Descriptors of one handle: raw, main, WAL, index, and one for a journal or the next connection of the same file. */
const DESCRIPTORS_PER_HANDLE = 5

interface ChurnContext {
  readonly options: ChurnOptions
  readonly tenancy: Tenancy
  readonly ids: readonly TenantId[]
  /** Rows that were acknowledged, by tenant. */
  readonly written: Map<TenantId, number>
  readonly faults: string[]
  readonly samples: Samples
}

/** Samples of what is open, taken whenever a file is opened. */
class Samples {
  count = 0
  opens = 0
  beyondMax = 0
  zombiesMax = 0
  /** Creations under way: each has one descriptor, of the file or the directory that it syncs. */
  creating = 0

  take(dataPath: string, tenancy: Tenancy): void {
    const { idle, stuck, pinned, opening, closing } = tenancy.poolStats()
    const zombies = zombieCount()
    const live = idle + stuck + pinned + opening + closing + 1 // the one that is being opened
    const accounted = (live + zombies) * DESCRIPTORS_PER_HANDLE + this.creating
    this.count += 1
    this.beyondMax = Math.max(this.beyondMax, descriptorsBelow(dataPath) - accounted)
    this.zombiesMax = Math.max(this.zombiesMax, zombies)
  }
}

/** Runs the churn and looks at what is left. */
export async function runChurn(options: ChurnOptions): Promise<ChurnResult> {
  using scratch = scratchMemory()
  const faults: string[] = []
  const samples = new Samples()
  let tenancy: Tenancy | undefined
  const onOpen = () => {
    samples.opens += 1
    if (tenancy !== undefined && samples.opens % options.opensPerSample === 0) samples.take(scratch.path, tenancy)
  }
  const driver = watchedDriver(libsqlDriver, { onOpen, onFault: (fault) => faults.push(fault) })
  const { handlesMax } = options
  tenancy = await openHost({ dataPath: scratch.path, handlesMax, shardCount: SHARD_COUNT, driver })
  await collectScratch(scratch.path)
  const ids = Array.from({ length: options.tenantCount }, (_, index) => parseTenantId(`t-${index}`))
  const context: ChurnContext = { options, tenancy, ids, written: new Map(), faults, samples }
  await createAll(context)
  const rssBytes = await churn(context)
  const lostWrites = await countLost(context)
  const { opened, disposed } = tenancy.poolStats()
  await tenancy.close()
  await collectedRssBytes()
  const left = descriptorsBelow(scratch.path)
  if (left > 0) faults.push(`${left} descriptors are open after close()`)
  return {
    faults,
    opened,
    evicted: disposed.evict,
    sampleCount: samples.count,
    descriptorsBeyondMax: samples.beyondMax,
    zombiesMax: samples.zombiesMax,
    rssBytesAtThird: rssBytes.atThird,
    rssBytesAtEnd: rssBytes.atEnd,
    lostWrites,
  }
}

async function createAll({ tenancy, ids, options, samples }: ChurnContext): Promise<void> {
  const waiting = ids.values()
  const createSome = async () => {
    for (const id of waiting) {
      samples.creating += 1
      await tenancy.create(id)
      samples.creating -= 1
      await run(tenancy, id, 'CREATE TABLE entry (id INTEGER PRIMARY KEY, text TEXT)')
    }
  }
  await Promise.all(Array.from({ length: options.handlesMax }, createSome))
}

async function churn(context: ChurnContext): Promise<{ atThird: number; atEnd: number }> {
  const third = Math.ceil(context.options.operationCount / 3)
  await operate(context, 1, third)
  const atThird = await collectedRssBytes()
  await operate(context, 2, context.options.operationCount - third)
  return { atThird, atEnd: await collectedRssBytes() }
}

/** Lets all connections work until `operationCount` operations are done. */
async function operate(context: ChurnContext, phase: number, operationCount: number): Promise<void> {
  const { options } = context
  let left = operationCount
  const connect = async (_: unknown, index: number) => {
    const seeded = new Seeded(options.seed).branch(`${phase}-${index}`)
    for (; left > 0; left -= 1) await operateOnce(context, seeded)
  }
  await Promise.all(Array.from({ length: options.connectionCount }, connect))
}

async function operateOnce(context: ChurnContext, seeded: Seeded): Promise<void> {
  const { tenancy, ids, written } = context
  const id = seeded.pick(ids)
  const kind = seeded.below(10)
  if (kind < 6) {
    await run(tenancy, id, "INSERT INTO entry (text) VALUES ('some text')")
    written.set(id, (written.get(id) ?? 0) + 1)
  } else if (kind < 8) await transact(context, id)
  else await holdHandle(context, id, seeded)
}

/** An interactive transaction holds the handle over several statements. */
async function transact({ tenancy, written }: ChurnContext, id: TenantId): Promise<void> {
  const { session } = await tenancy.openSession(id)
  for (const sql of ['BEGIN', "INSERT INTO entry (text) VALUES ('a'), ('b')", 'SELECT count(*) FROM entry', 'COMMIT']) {
    await session.run(sql, { positional: [], named: [] })
  }
  await session.close()
  written.set(id, (written.get(id) ?? 0) + 2)
}

/** Keeps one handle through several operations while others crowd the pool: it stays the same, and open. */
async function holdHandle({ tenancy, faults }: ChurnContext, id: TenantId, seeded: Seeded): Promise<void> {
  await tenancy.use(id, async (handle) => {
    for (let turns = seeded.below(6) + 1; turns > 0; turns -= 1) {
      const { rows } = await execute(handle, 'SELECT count(*) FROM entry')
      if (rows.length !== 1) faults.push(`${id}: a read answered ${rows.length} rows`)
      await new Promise((resolve) => setImmediate(resolve))
    }
    if (handle.fencedBy !== undefined) faults.push(`${id}: the handle in use was closed`)
  })
}

/** Reads every tenant once more. A row too many is as wrong as one too few. */
async function countLost({ tenancy, ids, written, options }: ChurnContext): Promise<number> {
  let lost = 0
  const waiting = ids.values()
  const countSome = async () => {
    for (const id of waiting) {
      const { rows } = await run(tenancy, id, 'SELECT count(*) FROM entry')
      lost += Math.abs((written.get(id) ?? 0) - Number(rows[0]?.[0]))
    }
  }
  await Promise.all(Array.from({ length: options.handlesMax }, countSome))
  return lost
}

/** Making the catalogs has left descriptors of removed files, once per data directory; collections take them away. */
async function collectScratch(dataPath: string): Promise<void> {
  for (let rounds = 0; rounds < 20 && descriptorsBelow(`${dataPath}/uploads`) > 0; rounds += 1)
    await collectedRssBytes()
}

async function collectedRssBytes(): Promise<number> {
  await collectClosed()
  v8.setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('gc')
  if (typeof collect === 'function') collect()
  await new Promise((resolve) => setImmediate(resolve))
  return process.memoryUsage.rss()
}
