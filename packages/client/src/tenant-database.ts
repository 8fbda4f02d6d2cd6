/** One tenant's own database: `/t/:id`. */
import { type Client, createClient, type IntMode } from '@libsql/client/http'
import { type DurabilityClass, parseDurabilityClass, type TenantId } from '@tenax/kernel'
import { type QueryReply, queryReplySchema, type TenantDurability, tenantDurabilitySchema } from '@tenax/protocol'
import { type Connection, callJson, callWithHeaders, type FetchFunction } from './connection.ts'
import { encodeQueryArgs, type QueryArgs } from './query-args.ts'
import { openSession, type TenantSession } from './session.ts'
import { type TenantEvents, type TenantRuns, tenantEvents, tenantRuns } from './tenant-runs.ts'
import { type TenantSchedules, tenantSchedules } from './tenant-schedules.ts'

/** Asks for a class of its replies. */
export interface DurabilityOptions {
  /** Raises the tenant's class; a lower one is ignored. */
  readonly durability?: DurabilityClass | undefined
}

/** Options of {@link TenantDatabase.query}. */
export interface QueryOptions extends DurabilityOptions {
  /** 1 to 255 characters, new for each write: sent again with it, the write is done once (for 7 days). */
  readonly idempotencyKey?: string | undefined
}

/** A reply, and what the server promises for it. */
export interface QueryAnswer extends QueryReply {
  /** `<lineage>.<lsn>`: the position that the reply saw. */
  readonly lsn: string | undefined
  /** The class used. */
  readonly durability: DurabilityClass | undefined
  /** True for the kept reply of an earlier request with the same key. */
  readonly isReplay: boolean
}

/** Options of {@link TenantDatabase.durability}. */
export interface DurabilityWaitOptions {
  /** Wait for this commit: `lsn` of a {@link QueryAnswer}. */
  readonly waitLsn?: string | undefined
  /** The class that it shall have. Default `local`. */
  readonly durability?: DurabilityClass | undefined
  /** Longest wait in milliseconds, at most 30,000. Default 5,000. */
  readonly timeoutMs?: number | undefined
}

/** Options of {@link TenantDatabase.db}. */
export interface DatabaseOptions extends DurabilityOptions {
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
   * `tenant_not_found`, `argument_invalid`, `idempotency_key_reused`, `remote_not_configured`
   * @example
   * const { rows } = await tenax.tenant('acme').query('select name from users where id = ?', [1])
   */
  query(sql: string, args?: QueryArgs, options?: QueryOptions): Promise<QueryAnswer>
  /**
   * How far the tenant's commits are; with `waitLsn`, once that one has its class, or the time is over.
   *
   * @throws TenaxError `tenant_not_found`, `argument_invalid`, `remote_not_configured`
   */
  durability(options?: DurabilityWaitOptions): Promise<TenantDurability>
  /** Statements one by one with exact values, a transaction across them included: what a shell needs. */
  session(options?: DurabilityOptions): TenantSession
  /** Its workflow runs. */
  readonly runs: TenantRuns
  /** What its runs wait for. */
  readonly events: TenantEvents
  /** Runs that start by the clock. */
  readonly schedules: TenantSchedules
}

/** The database of the tenant `id`; nothing is sent. */
export function tenantDatabase(connection: Connection, id: TenantId): TenantDatabase {
  const path = `t/${id}`
  return {
    id,
    db: (options) => libsqlClient(connection, path, options),
    async query(sql, args, options = {}) {
      const json = args === undefined ? { sql } : { sql, args: encodeQueryArgs(args) }
      const call = { method: 'POST', path: `${path}/query`, json, headers: headersOf(options) } as const
      const { reply, headers } = await callWithHeaders(connection, call, queryReplySchema)
      return { ...reply, ...promiseOf(headers) }
    },
    durability: ({ waitLsn, durability, timeoutMs } = {}) => {
      const query = { wait_lsn: waitLsn, class: durability, timeout_ms: timeoutMs }
      return callJson(connection, { method: 'GET', path: `v1/tenants/${id}/durability`, query }, tenantDurabilitySchema)
    },
    session: (options = {}) => openSession(connection, path, headersOf(options)),
    runs: tenantRuns(connection, id),
    events: tenantEvents(connection, id),
    schedules: tenantSchedules(connection, id),
  }
}

function headersOf({ durability, idempotencyKey }: QueryOptions): Record<string, string> {
  return {
    ...(durability === undefined ? {} : { 'tenax-durability': durability }),
    ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
  }
}

function promiseOf(headers: Headers) {
  return {
    lsn: headers.get('tenax-lsn') ?? undefined,
    durability: parseDurabilityClass(headers.get('tenax-durability')),
    isReplay: headers.get('idempotency-replayed') === 'true',
  }
}

/** The final slash matters: without it libSQL clients post to `/t/v2/…`. */
function libsqlClient(connection: Connection, path: string, options: DatabaseOptions = {}): Client {
  const { durability } = options
  return createClient({
    url: `${connection.baseUrl}${path}/`,
    fetch: durability === undefined ? connection.fetch : raising(connection, durability),
    ...(connection.adminKey === undefined ? {} : { authToken: connection.adminKey }),
    ...(options.intMode === undefined ? {} : { intMode: options.intMode }),
  })
}

/** A `fetch` that asks for a class; the stock client knows no header of its own. */
function raising({ fetch }: Connection, durability: DurabilityClass): FetchFunction {
  return (request) => {
    const raised = new Request(request)
    raised.headers.set('tenax-durability', durability)
    return fetch(raised)
  }
}
