/**
 * Tenants that go to object storage and come back while they are written to, over a store that fails and a host that is killed, with
 * an oracle in memory: what was acknowledged is there, what was never asked for is not, nobody is stopped, and nothing is left over.
 */
import { join } from 'node:path'
import { type BlobStore, FaultyStore, MemoryStore } from '@tenax/blobstore'
import { isTenaxError, parseTenantId, systemClock, type TenantId } from '@tenax/kernel'
import type { Tenancy } from '@tenax/tenancy'
import { run } from '../crash/load-tenants.ts'
import { scratchMemory } from '../scratch.ts'
import { Seeded } from '../seeded.ts'
import { beginLife, type Life, type LifeOptions } from './lives.ts'

/** How much of it. */
export interface ArchiveOptions {
  readonly seed: number
  readonly tenantCount: number
  readonly lifeCount: number
}

/** What it came to. */
export interface ArchiveResult {
  readonly faults: readonly string[]
  /** Events by type: that it did what it is to test. */
  readonly counts: ReadonlyMap<string, number>
  /** Lives that were killed inside a call of the store. */
  readonly killCount: number
}

/** Rows of a tenant: at least those that were acknowledged, at most those that were asked for. */
interface Rows {
  acknowledged: number
  asked: number
}

interface ArchiveContext {
  readonly options: ArchiveOptions
  readonly seeded: Seeded
  readonly rows: Map<TenantId, Rows>
  readonly faults: string[]
  readonly counts: Map<string, number>
}

/** What the store does to its callers. It is rarely well for long. */
const CHANCES = { refused: 0.02, lostBefore: 0.02, lostAfter: 0.03, late: 0.03, takenByOneself: 0.03, staleEntry: 0.01 }

/** Operations that a life has at most: the calls of the store that they come to end it before, most of the time. */
const OPERATIONS_MAX = 60
const LANES = 3

/** Runs the lives, looks at every tenant, then deletes all of them. */
export async function runArchive(options: ArchiveOptions): Promise<ArchiveResult> {
  using scratch = scratchMemory()
  const seeded = new Seeded(options.seed)
  const plain = new MemoryStore(systemClock)
  const store = new FaultyStore(plain, { chances: CHANCES, clock: systemClock, random: () => seeded.next() })
  const ids = Array.from({ length: options.tenantCount }, (_, index) => parseTenantId(`t${index}`))
  const rows = new Map(ids.map((id) => [id, { acknowledged: 0, asked: 0 }]))
  const context: ArchiveContext = { options, seeded, rows, faults: [], counts: new Map() }
  const pathOf = (life: number) => join(scratch.path, `life-${life}`)
  let path = pathOf(0)
  let killCount = 0
  for (let number = 0; number < options.lifeCount; number += 1) {
    const nextPath = pathOf(number + 1)
    const callsMax = number === 0 ? Number.POSITIVE_INFINITY : 20 + seeded.below(120)
    const life = await begin(context, { dataPath: path, nextPath, store, calm: plain, callsMax })
    if (number === 0) await createAll(life.tenancy, ids)
    else await live(context, life)
    await life.bury().catch((error: unknown) => note(context, 'close', error))
    if (life.isKilled()) {
      killCount += 1
      path = nextPath
    }
  }
  await store.settle()
  await lookAtAll(context, { dataPath: path, store: plain })
  return { faults: context.faults, counts: context.counts, killCount }
}

function begin({ counts, faults }: ArchiveContext, options: Omit<LifeOptions, 'onEvent'>): Promise<Life> {
  return beginLife({
    ...options,
    onEvent(event) {
      counts.set(event.type, (counts.get(event.type) ?? 0) + 1)
      if (event.type === 'quarantined') faults.push(`${event.tenantId} was stopped: ${event.reason}`)
    },
  })
}

async function createAll(tenancy: Tenancy, ids: readonly TenantId[]): Promise<void> {
  for (const id of ids) {
    await tenancy.create(id)
    await run(tenancy, id, 'CREATE TABLE entry (id INTEGER PRIMARY KEY, text TEXT)')
  }
}

/** Works on the tenants until the life is over, or has done enough. */
async function live(context: ArchiveContext, life: Life): Promise<void> {
  const lane = async () => {
    for (let count = 0; count < OPERATIONS_MAX / LANES && !life.isKilled(); count += 1) await operate(context, life)
  }
  await Promise.all(Array.from({ length: LANES }, lane))
}

async function operate(context: ArchiveContext, life: Life): Promise<void> {
  const { seeded, rows } = context
  const id = seeded.pick([...rows.keys()])
  const kind = seeded.below(10)
  try {
    if (kind < 4) await life.tenancy.archive(id)
    else if (kind < 8) await write(context, life, id)
    else await read(context, life, id)
  } catch (error) {
    if (!life.isKilled()) note(context, `operation ${kind} on ${id}`, error)
  }
}

async function write({ rows }: ArchiveContext, life: Life, id: TenantId): Promise<void> {
  const of = rows.get(id) ?? { acknowledged: 0, asked: 0 }
  of.asked += 1
  await run(life.tenancy, id, 'INSERT INTO entry (text) SELECT hex(randomblob(1000))')
  if (!life.isKilled()) of.acknowledged += 1
}

async function read({ rows, faults }: ArchiveContext, { tenancy, isKilled }: Life, id: TenantId): Promise<void> {
  const least = rows.get(id)?.acknowledged ?? 0
  const found = Number((await run(tenancy, id, 'SELECT count(*) FROM entry')).rows[0]?.[0])
  const most = rows.get(id)?.asked ?? 0
  if (!isKilled() && (found < least || found > most)) faults.push(`${id} has ${found} rows, not ${least} to ${most}`)
}

/** What a store that fails, or another operation on the tenant, may come to. */
const EXPECTED: ReadonlySet<string> = new Set(
  'unavailable outcome_unknown overloaded storage_full tenant_in_transition tenant_busy'.split(' '),
)

function note({ faults }: ArchiveContext, what: string, error: unknown): void {
  if (isTenaxError(error) && EXPECTED.has(error.code)) return
  faults.push(
    `${what}: ${isTenaxError(error) ? error.code : ''} ${error instanceof Error ? error.stack : String(error)}`,
  )
}

/** With a store that is well again: every tenant has its rows, and after its next snapshots the store has nothing that it does not name. */
async function lookAtAll(
  context: ArchiveContext,
  { dataPath, store }: { dataPath: string; store: BlobStore },
): Promise<void> {
  const { faults, rows } = context
  const life = await begin(context, { dataPath, nextPath: '', store, calm: store, callsMax: Number.POSITIVE_INFINITY })
  const { tenancy } = life
  for (const id of rows.keys()) {
    await read(context, life, id)
    for (let round = 0; round < 2; round += 1) {
      await write(context, life, id)
      await tenancy.archive(id)
    }
    await read(context, life, id)
  }
  faults.push(...(await unnamed(store)))
  for (const id of rows.keys()) await tenancy.delete(id)
  while ((await keysOf(store)).length > 0) await new Promise((resolve) => setImmediate(resolve))
  await life.bury()
}

/** Blobs that no manifest names. */
async function unnamed(store: BlobStore): Promise<string[]> {
  const keys = await keysOf(store)
  const named = new Set<string>()
  for (const key of keys.filter((one) => one.endsWith('.json'))) {
    const { chunks } = JSON.parse(new TextDecoder().decode(await store.get(key))) as {
      chunks: { origin: string; hash: string }[]
    }
    const base = key.slice(0, key.indexOf('manifests/'))
    for (const { origin, hash } of chunks) named.add(`${base}chunks/${origin}/${hash}`)
  }
  const missing = [...named].filter((key) => !keys.includes(key)).map((key) => `${key} is named, and is not there`)
  const waste = keys
    .filter((key) => !key.endsWith('.json') && !named.has(key))
    .map((key) => `${key} is named by nobody`)
  return [...missing, ...waste]
}

async function keysOf(store: BlobStore): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of store.list('tenants/')) keys.push(key)
  return keys
}
