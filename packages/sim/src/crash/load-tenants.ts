/** The tenants of the crash load, and the tables that each of them has. */
import { parseTenantId, type SqlResult, type SqlValue, type TenantId } from '@tenax/kernel'
import type { Handle, Migration, Tenancy } from '@tenax/tenancy'

/** Written without an end by several connections each. */
export const STEADY_TENANTS: readonly TenantId[] = names('steady', 30)

/** Created, imported, suspended and deleted, again and again. */
export const MORTAL_TENANTS: readonly TenantId[] = names('mortal', 14)

/** Open files at a time: fewer than tenants, so that handles are evicted under load. */
export const LOAD_HANDLES_MAX = 28

/** Shards of the data directory under load. */
export const LOAD_SHARD_COUNT = 4

/** What every account of a tenant begins with, and how many there are. */
export const ACCOUNT_COUNT = 8
export const ACCOUNT_BALANCE = 100

/** Each row of `entry` and `transfer` notes the LSN of the commit that wrote it. */
export const LOAD_MIGRATIONS: readonly Migration[] = [
  {
    name: '0001-load.sql',
    sql: `
      CREATE TABLE entry (lane TEXT NOT NULL, seq INTEGER NOT NULL, lsn INTEGER NOT NULL, filler BLOB,
        PRIMARY KEY (lane, seq)) STRICT;
      CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL) STRICT;
      CREATE TABLE transfer (seq INTEGER PRIMARY KEY, source INTEGER NOT NULL, target INTEGER NOT NULL,
        amount INTEGER NOT NULL, lsn INTEGER NOT NULL) STRICT;
      INSERT INTO account SELECT value, ${ACCOUNT_BALANCE} FROM json_each('[0,1,2,3,4,5,6,7]');`,
  },
]

/** Commits of a tenant before its first own one: its identity, the migration. */
export const COMMITS_BEFORE_LOAD = 2

/** Runs one statement of a tenant as a transaction of its own. */
export function run(tenancy: Tenancy, id: TenantId, sql: string, args: readonly SqlValue[] = []) {
  return tenancy.use(id, (handle) => execute(handle, sql, args))
}

/** Runs one statement on a handle that is held already. */
export function execute(handle: Handle, sql: string, args: readonly SqlValue[] = []): Promise<SqlResult> {
  return handle.execute(sql, { positional: args, named: [] })
}

function names(kind: string, count: number): TenantId[] {
  return Array.from({ length: count }, (_, index) => parseTenantId(`${kind}-${String(index).padStart(2, '0')}`))
}
