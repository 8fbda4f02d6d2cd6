/** The requests of the bench, as the bytes that go over the wire. ASCII only. */

const READ_SQL = 'select name, amount from item where id = ?'
const INSERT_SQL = 'insert into item (name, amount) values (?, ?)'

/** Rows that every tenant of the bench begins with. */
export const ROWS_PER_TENANT = 100

/** Makes the table and its first rows; each is one request. */
export const SETUP_SQL: readonly string[] = [
  'create table item (id integer primary key, name text not null, amount real not null)',
  `insert into item (name, amount) with recursive n(x) as (select 1 union all select x + 1 from n where x < ${ROWS_PER_TENANT}) select 'item ' || x, x * 1.5 from n`,
]

/** A statement that only the query timeout ends. */
export const ENDLESS_SQL =
  'with recursive n(x) as (select 1 union all select x + 1 from n) select count(*) from n where x < 0'

/** What the bench asks for. `hello` and `echo` go to bare Hono. */
export const WORKLOADS = ['hello', 'echo', 'read-query', 'read-hrana', 'insert-query', 'insert-hrana'] as const

/** One of {@link WORKLOADS}. */
export type Workload = (typeof WORKLOADS)[number]

/** The requests of `workload`, one for each tenant in turn and each with another row. */
export function requestsOf(workload: Workload, tenantIds: readonly string[]): string[] {
  if (workload === 'hello') return [httpRequest('GET', '/')]
  if (workload === 'echo') return tenantIds.map((_, index) => httpRequest('POST', '/echo', queryBody('read', index)))
  const operation = workload.startsWith('read') ? 'read' : 'insert'
  return tenantIds.map((id, index) =>
    workload.endsWith('query')
      ? httpRequest('POST', `/t/${id}/query`, queryBody(operation, index))
      : httpRequest('POST', `/t/${id}/v2/pipeline`, hranaBody(operation, index)),
  )
}

/** One statement over `/query`. */
export function queryRequest(tenantId: string, sql: string): string {
  return httpRequest('POST', `/t/${tenantId}/query`, { sql })
}

/** A request to make the tenant `id`. */
export function createTenantRequest(id: string): string {
  return httpRequest('POST', '/v1/tenants', { id })
}

/** A whole HTTP/1.1 request. */
export function httpRequest(method: 'GET' | 'POST', path: string, json?: unknown): string {
  const head = `${method} ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n`
  if (json === undefined) return `${head}\r\n`
  const body = JSON.stringify(json)
  return `${head}content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
}

function queryBody(operation: 'read' | 'insert', index: number): unknown {
  return operation === 'read'
    ? { sql: READ_SQL, args: [rowIdOf(index)] }
    : { sql: INSERT_SQL, args: [`new item ${index}`, index * 1.5] }
}

/** What `@libsql/client` sends for one `execute`. */
function hranaBody(operation: 'read' | 'insert', index: number): unknown {
  const stmt =
    operation === 'read'
      ? { sql: READ_SQL, args: [{ type: 'integer', value: String(rowIdOf(index)) }], want_rows: true }
      : {
          sql: INSERT_SQL,
          args: [
            { type: 'text', value: `new item ${index}` },
            { type: 'float', value: index * 1.5 },
          ],
          want_rows: true,
        }
  return { requests: [{ type: 'execute', stmt }, { type: 'close' }] }
}

function rowIdOf(index: number): number {
  return 1 + ((index * 37) % ROWS_PER_TENANT)
}
