/** The client of a Tenax server. */
import { parseTenantId } from '@tenax/kernel'
import { connect, type TenaxClientOptions } from './connection.ts'
import { type JobAdmin, jobAdmin } from './job-admin.ts'
import { type TenantAdmin, tenantAdmin } from './tenant-admin.ts'
import { type TenantDatabase, tenantDatabase } from './tenant-database.ts'

/** A Tenax server, seen from outside. It holds no connection open and needs no closing. */
export interface TenaxClient {
  /** Operating tenants. */
  readonly tenants: TenantAdmin
  /** Long verbs that go on while nobody waits. */
  readonly jobs: JobAdmin
  /**
   * One tenant's database; nothing is sent.
   *
   * @throws TenaxError `tenant_id_invalid`, `tenant_id_reserved`
   */
  tenant(id: string): TenantDatabase
}

/**
 * A client of the server at `options.url`; nothing is sent.
 *
 * @throws TenaxError `argument_invalid` for a URL or a key that cannot be one
 * @example
 * const tenax = createTenaxClient({ url: 'http://127.0.0.1:8787' })
 * await tenax.tenants.create('acme')
 * await tenax.tenant('acme').query('create table users (id integer primary key, name text)')
 */
export function createTenaxClient(options: TenaxClientOptions): TenaxClient {
  const connection = connect(options)
  return {
    tenants: tenantAdmin(connection),
    jobs: jobAdmin(connection),
    tenant: (id) => tenantDatabase(connection, parseTenantId(id)),
  }
}
