/** A little work on many tenants: what the killed process does, and what it says. */
import { parseTenantId, type SqlValue, type TenantId } from '@tenax/kernel'
import type { Migration, Tenancy } from '@tenax/tenancy'
import { sayLine } from '../child.ts'
import type { Seeded } from '../seeded.ts'

/** Tenants of the load. */
export const WIDE_TENANTS: readonly TenantId[] = Array.from({ length: 200 }, (_, index) =>
  parseTenantId(`wide-${String(index).padStart(3, '0')}`),
)

/** Open files at a time: fewer than tenants, so that some are checkpointed and closed while others write. */
export const WIDE_HANDLES_MAX = 120

/** Shards of the data directory. */
export const WIDE_SHARD_COUNT = 4

/** Each row notes the LSN of the commit that wrote it. */
export const WIDE_MIGRATIONS: readonly Migration[] = [
  {
    name: '0001-wide.sql',
    sql: 'CREATE TABLE entry (seq INTEGER PRIMARY KEY, lsn INTEGER NOT NULL, body BLOB) STRICT',
  },
]

/** What the process says, one line each. `wrong` counts rows whose LSN does not rise with their number. */
export type WideLine =
  | { readonly type: 'starting' | 'opened' | 'looked' }
  | { readonly type: 'ack'; readonly id: string }
  | {
      readonly type: 'found'
      readonly id: string
      readonly count: number
      readonly last: number
      readonly wrong: number
    }
  | { readonly type: 'violation'; readonly text: string }

/** Says one line. */
export function sayWide(line: WideLine): void {
  sayLine(JSON.stringify(line))
}

/** A line as it was said. Only for the output of our own worker. */
export function parseWide(line: string): WideLine {
  const value: unknown = JSON.parse(line)
  if (typeof value === 'object' && value !== null && 'type' in value) return value as WideLine
  throw new Error(`not a line of the worker: ${line}`)
}

const WRITERS = 32

/** What the process does with every tenant. */
export type WideMode = 'create' | 'load' | 'look'

/** Goes to all tenants, in an order that the seed chooses: creates them, or looks at them, and then writes a few rows. */
export async function workWidely(tenancy: Tenancy, seeded: Seeded, mode: WideMode): Promise<void> {
  const waiting = WIDE_TENANTS.map((id) => ({ id, rank: seeded.next() })).sort((a, b) => a.rank - b.rank)
  const work = async () => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (mode === 'create') await tenancy.create(next.id)
      else {
        const last = await look(tenancy, next.id)
        if (mode === 'load') await write(tenancy, next.id, { from: last + 1, seeded: seeded.branch(next.id) })
      }
    }
  }
  await Promise.all(Array.from({ length: WRITERS }, work))
}

/** Says what is there of the tenant, and answers its last row. */
async function look(tenancy: Tenancy, id: TenantId): Promise<number> {
  const [count, last, wrong] = (await run(tenancy, id, LOOK)).rows[0]?.map(Number) ?? []
  const found = { count: count ?? -1, last: last ?? -1, wrong: wrong ?? -1 }
  sayWide({ type: 'found', id, ...found })
  return found.last
}

const LOOK = `SELECT count(*), coalesce(max(seq), 0), count(*) FILTER (WHERE lsn <= previous)
  FROM (SELECT seq, lsn, lag(lsn) OVER (ORDER BY seq) AS previous FROM entry)`

async function write(
  tenancy: Tenancy,
  id: TenantId,
  { from, seeded }: { from: number; seeded: Seeded },
): Promise<void> {
  for (let seq = from, end = from + 1 + seeded.below(4); seq < end; seq += 1) {
    const bodyBytes = seeded.below(10) === 0 ? 20_000 : 40
    await run(tenancy, id, INSERT, [BigInt(seq), BigInt(bodyBytes)])
    sayWide({ type: 'ack', id })
    if (seeded.below(12) === 0) await tenancy.use(id, (handle) => handle.checkpointSoon())
  }
}

const INSERT = 'INSERT INTO entry VALUES (?, (SELECT lsn + 1 FROM tenax_meta), zeroblob(?))'

function run(tenancy: Tenancy, id: TenantId, sql: string, args: readonly SqlValue[] = []) {
  return tenancy.use(id, (handle) => handle.execute(sql, { positional: args, named: [] }))
}
