/**
 * The mixed workload that the Node driver (`src/load.ts`) and the k6 script (`mixed.js`) share: which tenant, which
 * operation, which request, and whether a reply is right. Plain JavaScript without imports, because k6 has its own runtime.
 */

/** Of a hundred operations, this many read. */
export const READ_PERCENT = 80

/** Of a hundred operations, this many go over Hrana and the others over /query. */
export const HRANA_PERCENT = 50

/** Rows that each tenant begins with: ids 1 to this. */
export const FIRST_ROWS = 50

/** Statements that prepare a new tenant. */
export const SETUP_SQL = [
  'create table entry (id integer primary key, writer text not null, amount real not null)',
  `insert into entry (writer, amount) with recursive n(x) as (select 1 union all select x + 1 from n where x < ${FIRST_ROWS}) select 'setup', x * 1.5 from n`,
]

export const READ_SQL = 'select id, writer, amount from entry where id = ?'
export const INSERT_SQL = 'insert into entry (writer, amount) values (?, ?)'
export const COUNT_SQL = "select count(*) from entry where writer <> 'setup'"

/** A seeded generator of numbers in [0, 1): mulberry32. The same seed gives the same series on every runtime. */
export function createRandom(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

/**
 * A picker of indexes 0 to count - 1 where index i comes up in proportion to 1 / (i + 1) ^ exponent: few tenants are busy,
 * most are quiet. One binary search for each pick.
 */
export function createZipf(count, exponent = 1) {
  const sums = []
  let total = 0
  for (let index = 0; index < count; index++) {
    total += 1 / (index + 1) ** exponent
    sums.push(total)
  }
  return (fraction) => {
    const wanted = fraction * total
    let low = 0
    let high = count - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if (sums[middle] > wanted) high = middle
      else low = middle + 1
    }
    return low
  }
}

/** The next operation: which tenant by index, what, over which protocol, on which row. */
export function nextOperation(random, pickTenant) {
  return {
    tenant: pickTenant(random()),
    verb: random() * 100 < READ_PERCENT ? 'read' : 'insert',
    protocol: random() * 100 < HRANA_PERCENT ? 'hrana' : 'query',
    row: 1 + Math.floor(random() * FIRST_ROWS),
  }
}

/** `load-0000` and on. */
export function tenantIdOf(index) {
  return `load-${String(index).padStart(4, '0')}`
}

/** The HTTP request of an operation: a path below the server's URL, and a JSON body. */
export function requestOf(operation, writer) {
  const id = tenantIdOf(operation.tenant)
  return operation.protocol === 'query'
    ? { path: `/t/${id}/query`, body: queryBody(operation, writer) }
    : { path: `/t/${id}/v2/pipeline`, body: hranaBody(operation, writer) }
}

function queryBody({ verb, row }, writer) {
  return verb === 'read' ? { sql: READ_SQL, args: [row] } : { sql: INSERT_SQL, args: [writer, row * 1.5] }
}

function hranaBody({ verb, row }, writer) {
  const stmt =
    verb === 'read'
      ? { sql: READ_SQL, args: [{ type: 'integer', value: String(row) }], want_rows: true }
      : {
          sql: INSERT_SQL,
          args: [
            { type: 'text', value: writer },
            { type: 'float', value: row * 1.5 },
          ],
          want_rows: true,
        }
  return { requests: [{ type: 'execute', stmt }, { type: 'close' }] }
}

/**
 * What is wrong with a reply, or undefined. `reply` is the parsed body. A read must bring the row that was asked for, an
 * insert must have changed one row; anything else is no acknowledgement.
 */
export function faultOf(operation, status, reply) {
  if (status !== 200) return reply && typeof reply.code === 'string' ? reply.code : `http_${status}`
  if (operation.protocol === 'query') return faultOfResult(operation, reply?.rows?.[0]?.[0], reply?.rowsAffected)
  const first = reply?.results?.[0]
  if (first?.type !== 'ok') return first?.error?.code ?? 'malformed_reply'
  const result = first.response?.result
  const id = result?.rows?.[0]?.[0]?.value
  return faultOfResult(operation, id === undefined ? undefined : Number(id), result?.affected_row_count)
}

function faultOfResult({ verb, row }, id, rowsAffected) {
  if (verb === 'read') return id === row ? undefined : 'wrong_row'
  return rowsAffected === 1 ? undefined : 'wrong_count'
}

/**
 * What the count at the end says. Every acknowledged insert must be there; one whose reply never came may be. `stored` is
 * undefined when nothing was counted.
 */
export function verdictOf({ acknowledged, uncertain, stored }) {
  if (stored === undefined) return 'not counted'
  if (stored < acknowledged) return `LOST ${acknowledged - stored} of ${acknowledged} acknowledged inserts`
  const surplus = stored - acknowledged
  if (surplus > uncertain) return `${surplus - uncertain} inserts are there that nobody sent`
  return `all ${acknowledged} acknowledged inserts are there`
}
