/** The life in which every crash point is tried: small, so that it has few, and of every kind. */
import { parseTenantId, type TenantId } from '@tenax/kernel'
import type { Tenancy } from '@tenax/tenancy'
import { type HostOptions, openHost } from '../host.ts'

/** Written in each life. */
export const POINT_TENANTS: readonly TenantId[] = ['first', 'second', 'third'].map(parseTenantId)

const COMER = parseTenantId('comer')

/** Opens a host whose segments are as small as they may be, so that a life has several. */
export function openPointHost(options: Pick<HostOptions, 'dataPath' | 'driver' | 'ledgerFiles'>): Promise<Tenancy> {
  return openHost({
    ...options,
    handlesMax: 8,
    shardCount: 1,
    migrations: [{ name: '0001-row.sql', sql: 'CREATE TABLE entry (seq INTEGER PRIMARY KEY, body BLOB) STRICT' }],
    ledger: { segmentBytesMax: 64 * 1024, batchBytesMax: 32 * 1024 },
  })
}

/** Makes the tenants. */
export async function beginLife(tenancy: Tenancy): Promise<void> {
  for (const id of POINT_TENANTS) await tenancy.create(id)
  await liveOnce(tenancy, () => undefined)
}

/** Writes to all tenants, checkpoints one, lets a tenant come or go, and says what was acknowledged. */
export async function liveOnce(tenancy: Tenancy, onAcknowledged: (id: string) => void): Promise<void> {
  const add = async (id: TenantId) => {
    await run(tenancy, id, 'INSERT INTO entry (body) VALUES (randomblob(9000))')
    onAcknowledged(id)
  }
  await Promise.all(POINT_TENANTS.map(add))
  const [first] = POINT_TENANTS
  if (first !== undefined) await tenancy.use(first, (handle) => handle.checkpointSoon())
  await (exists(tenancy) ? tenancy.delete(COMER) : tenancy.create(COMER))
  onAcknowledged(COMER)
  await Promise.all(POINT_TENANTS.map(add))
}

/** Whether the tenant that comes and goes is there. */
export function exists(tenancy: Tenancy): boolean {
  return tenancy.list({ limit: 10, afterId: '', prefix: COMER, accepts: () => true }).tenants.length > 0
}

/** Rows of each tenant; they are 1 to n. Opens every tenant: one that nobody opens keeps its redo log. */
export async function rowCounts(tenancy: Tenancy): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  if (exists(tenancy)) await run(tenancy, COMER, 'SELECT 1')
  for (const id of POINT_TENANTS) {
    const { rows } = await run(tenancy, id, 'SELECT count(*), max(seq) FROM entry')
    const [count, last] = rows[0] ?? []
    counts.set(id, count === last ? Number(count) : -1)
  }
  return counts
}

function run(tenancy: Tenancy, id: TenantId, sql: string) {
  return tenancy.use(id, (handle) => handle.execute(sql, { positional: [], named: [] }))
}
