/** A host's tenancy as `createTenax` opens it, and the statements that its tenants run here. */
import { parseTenantId, type SqlValue, systemClock, type TenantId } from '@tenax/kernel'
import { libsqlDriver, type SqliteFileSettings } from '@tenax/sqlite'
import { type EngineTables, type Handle, standardSettings, systemRandomId, Tenancy } from '@tenax/tenancy'
import { tenantIdsOf } from '../bench/fixture.ts'

/** Settings of a tenant's file. */
export const FILE_SETTINGS: SqliteFileSettings = standardSettings('').file

/** A commit changes three pages: the table's last, one of its index, and that of `tenax_meta`. */
const SETUP_SQL: readonly string[] = [
  'create table item (id integer primary key, name text not null, amount integer not null)',
  'create index item_by_amount on item (amount)',
]
const INSERT_SQL = 'insert into item (name, amount) values (?, ?)'

/** Recovers and serves the data directory; resolves when it would serve. */
export function openTenancy(dataPath: string, handlesMax: number, tables?: EngineTables): Promise<Tenancy> {
  const standard = standardSettings(dataPath)
  return Tenancy.open(
    { ...standard, pool: { ...standard.pool, handlesMax }, ...(tables === undefined ? {} : { tables }) },
    {
      driver: libsqlDriver,
      clock: systemClock,
      randomId: systemRandomId,
      pid: process.pid,
      onEvent: () => undefined,
      onFatal: () => void process.kill(process.pid, 'SIGKILL'),
    },
  )
}

/** Ids of the bench's tenants. */
export function tenantIds(count: number): TenantId[] {
  return tenantIdsOf('bench', count).map(parseTenantId)
}

/** Handles that are in use until `release`: nobody closes or checkpoints them for being idle. */
export interface HeldHandles {
  readonly handles: readonly Handle[]
  release(): Promise<void>
}

/** Makes tenants and holds the handle of each. */
export async function holdTenants(tenancy: Tenancy, count: number): Promise<HeldHandles> {
  const released = Promise.withResolvers<void>()
  const uses: Promise<void>[] = []
  const handles: Handle[] = []
  for (const id of tenantIds(count)) {
    await tenancy.create(id)
    const { promise, resolve } = Promise.withResolvers<void>()
    const use = tenancy.use(id, (handle) => {
      handles.push(handle)
      resolve()
      return released.promise
    })
    uses.push(use)
    await Promise.race([promise, use])
  }
  await prepareAll(handles)
  const release = async () => {
    released.resolve()
    await Promise.all(uses)
  }
  return { handles, release }
}

/** Gives each tenant its table. */
export async function prepareAll(handles: readonly Handle[]): Promise<void> {
  for (const sql of SETUP_SQL) await Promise.all(handles.map((handle) => handle.execute(sql, bindings([]))))
}

/** One small commit; resolves when it is acknowledged. */
export async function insert(handle: Handle, amount: number): Promise<void> {
  await handle.execute(INSERT_SQL, bindings([`item ${amount}`, BigInt((amount * 7919) % 1000)]))
}

/** One commit of `byteCount` bytes, all of them in pages of their own. */
export async function insertLarge(handle: Handle, byteCount: number): Promise<void> {
  await handle.execute(INSERT_SQL, bindings(['x'.repeat(byteCount), 0n]))
}

function bindings(positional: SqlValue[]) {
  return { positional, named: [] }
}
