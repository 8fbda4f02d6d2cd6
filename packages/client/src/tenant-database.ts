/** One tenant's own database: `/t/:id`. */
import { type Client, createClient, type IntMode } from '@libsql/client/http'
import type { TenantId } from '@tenax/kernel'
import { type QueryReply, queryReplySchema } from '@tenax/protocol'
import { type Connection, callJson } from './connection.ts'
import { encodeQueryArgs, type QueryArgs } from './query-args.ts'
import { openSession, type TenantSession } from './session.ts'

/** Options of {@link TenantDatabase.db}. */
export interface DatabaseOptions {
  /** How an INTEGER comes back. Default `number`, which fails for one beyond 2^53. */
  readonly intMode?: IntMode | undefined
}

/** What one tenant can be asked. */
export interface TenantDatabase {
  readonly id: TenantId
  /**
   * A libSQL client of this tenant, for `execute`, `batch`, `transaction`, and for Drizzle or Kysely. Its failures are
   * its own `LibsqlError`, not TenaxError.
   *
   * @example
   * const rows = await tenax.tenant('acme').db().execute('select 1')
   */
  db(options?: DatabaseOptions): Client
  /**
   * One statement in plain JSON: an INTEGER beyond 2^53 comes back as a string, a BLOB as `{ base64 }`.
   *
   * @throws TenaxError `sql_error` with `details.sqliteCode`, `sql_refused`, `query_timeout`, `reply_too_large`,
   * `tenant_not_found`, `argument_invalid`
   * @example
   * const { rows } = await tenax.tenant('acme').query('select name from users where id = ?', [1])
   */
  query(sql: string, args?: QueryArgs): Promise<QueryReply>
  /** Statements one by one with exact values, a transaction across them included: what a shell needs. */
  session(): TenantSession
}

/** The database of the tenant `id`; nothing is sent. */
export function tenantDatabase(connection: Connection, id: TenantId): TenantDatabase {
  const path = `t/${id}`
  return {
    id,
    db: (options) => libsqlClient(connection, path, options),
    async query(sql, args) {
      const json = args === undefined ? { sql } : { sql, args: encodeQueryArgs(args) }
      return callJson(connection, { method: 'POST', path: `${path}/query`, json }, queryReplySchema)
    },
    session: () => openSession(connection, path),
  }
}

/** The final slash matters: without it libSQL clients post to `/t/v2/…`. */
function libsqlClient(connection: Connection, path: string, options: DatabaseOptions = {}): Client {
  return createClient({
    url: `${connection.baseUrl}${path}/`,
    fetch: connection.fetch,
    ...(connection.adminKey === undefined ? {} : { authToken: connection.adminKey }),
    ...(options.intMode === undefined ? {} : { intMode: options.intMode }),
  })
}
