/** Work on 200 tenants, in an order that the seed chooses, until the process is killed. */
import { parseTenantId, type SqlValue, type TenantId } from '@tenax/kernel'
import { Gate, type Tenancy } from '@tenax/tenancy'
import type { Seeded } from '../seeded.ts'
import { type KillLie, sayKill } from './kill-lines.ts'

/** Tenants that are written; every fourth has the class `relaxed`, the others `local`. */
export const KILL_TENANTS: readonly TenantId[] = Array.from({ length: 200 }, (_, index) =>
  parseTenantId(`kill-${String(index).padStart(3, '0')}`),
)

/** Tenants that come and go beside them. */
export const KILL_MORTALS: readonly TenantId[] = Array.from({ length: 6 }, (_, index) =>
  parseTenantId(`mortal-${String(index).padStart(2, '0')}`),
)

/** Open files at a time: fewer than tenants, so that some are checkpointed and closed while others are written. */
export const KILL_HANDLES_MAX = 60

/** Shards of the data directory. */
export const KILL_SHARD_COUNT = 2

/** Small, so that segments end, entries come in parts, and spares are taken in every life. */
export const KILL_LEDGER = { segmentBytesMax: 128 * 1024, batchBytesMax: 48 * 1024 }

/** Whether the class of a tenant is `relaxed`. */
export function isRelaxed(id: TenantId): boolean {
  return KILL_TENANTS.indexOf(id) % 4 === 3
}

const WRITERS = 24
/** Times that every tenant has its turn: more than any life lasts. */
const PASSES = 2

/** What the load works with. */
export interface KillLoad {
  readonly tenancy: Tenancy
  readonly seeded: Seeded
  /** Tenants in the order of their turns, those that hold the oldest segments first; empty for an order of chance. */
  readonly order: readonly TenantId[]
  /** Whether each turn ends with a checkpoint. */
  readonly checkpoints: boolean
  readonly lie: KillLie | undefined
}

/** Gives tenants their turns. */
export async function loadKills(load: KillLoad): Promise<void> {
  const next = new Map<TenantId, NextRows>()
  for (let pass = 0; pass < PASSES; pass += 1) {
    const waiting = load.order.length > 0 && pass === 0 ? [...load.order] : shuffled(load.seeded)
    const work = async () => {
      for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
        const rows = next.get(id) ?? (await lookAtRows(load.tenancy, id))
        next.set(id, rows)
        await new Turn(load, id, rows).take()
      }
    }
    await Promise.all(Array.from({ length: WRITERS }, work))
  }
}

function shuffled(seeded: Seeded): TenantId[] {
  return KILL_TENANTS.map((id) => ({ id, rank: seeded.next() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ id }) => id)
}

/** One writer each, so that rows of a lane follow one another. Rows of two lanes that are sent together have no order. */
const LANES = ['a', 'b', 'c'] as const
type Lane = (typeof LANES)[number]

/** The number of the next row in each lane. */
type NextRows = Record<Lane, number>

/** The lanes of a tenant, by name. */
export function lanesOf(id: TenantId): string[] {
  return LANES.map((lane) => `${id}/${lane}`)
}

/** Says which rows are there. */
export async function lookAtRows(tenancy: Tenancy, id: TenantId): Promise<NextRows> {
  const { rows } = await tenancy.use(id, (handle) => handle.execute(LOOK, { positional: [], named: [] }))
  const next: NextRows = { a: 1, b: 1, c: 1 }
  for (const lane of LANES) {
    const [, ...found] = rows.find(([name]) => name === lane) ?? [lane, 0, 0, 0]
    const [count = -1, last = -1, wrong = -1] = found.map(Number)
    sayKill({ type: 'rows', id: `${id}/${lane}`, count, last, wrong })
    next[lane] = last + 1
  }
  return next
}

const LOOK = `SELECT lane, count(*), max(seq), count(*) FILTER (WHERE lsn <= previous)
  FROM (SELECT lane, seq, lsn, lag(lsn) OVER (PARTITION BY lane ORDER BY seq) AS previous FROM entry) GROUP BY lane`
const ROW = 'INSERT INTO entry VALUES (?, ?, (SELECT lsn + 1 FROM tenax_meta), randomblob(?))'
const FILL = "INSERT INTO entry SELECT 'filler', coalesce(max(seq), 0) + 1, 0, randomblob(30000) FROM entry"
const DEEDS = [
  'row',
  'row',
  'row',
  'group',
  'raised',
  'large',
  'fill',
  'empty',
  'vacuum',
  'checkpoint',
  'hasty',
] as const

/** What happens to one tenant until the next one has its turn. */
class Turn {
  readonly #load: KillLoad
  readonly #id: TenantId
  readonly #next: NextRows

  /** `next` is counted on. */
  constructor(load: KillLoad, id: TenantId, next: NextRows) {
    this.#load = load
    this.#id = id
    this.#next = next
  }

  async take(): Promise<void> {
    const { seeded, checkpoints, lie } = this.#load
    for (let left = 1 + seeded.below(3); left > 0; left -= 1) await this.#do(seeded.pick(DEEDS))
    if (checkpoints) await this.#checkpoint()
    if (lie === 'acknowledgement' && seeded.below(8) === 0) this.#pretend()
  }

  async #do(deed: (typeof DEEDS)[number]): Promise<void> {
    if (deed === 'row' || deed === 'large') await this.#addRow('a', deed === 'row' ? 40 : 20_000)
    else if (deed === 'raised') await this.#addRow('a', 40, new Gate('local'))
    else if (deed === 'group') await Promise.all(LANES.map((lane) => this.#addRow(lane, 40)))
    else if (deed === 'fill') await this.#run(FILL)
    else if (deed === 'empty') await this.#run("DELETE FROM entry WHERE lane = 'filler'")
    else if (deed === 'vacuum') await this.#run('VACUUM')
    else if (deed === 'checkpoint') await this.#checkpoint()
    // The checkpoint finds a commit that nobody has made durable yet.
    else await Promise.all([this.#addRow('a', 40), this.#checkpoint()])
  }

  async #addRow(lane: Lane, bodyBytes: number, raised?: Gate): Promise<void> {
    const seq = this.#next[lane]
    this.#next[lane] += 1
    const row = { id: `${this.#id}/${lane}`, seq, isRelaxed: raised === undefined && isRelaxed(this.#id) }
    const gate = raised ?? new Gate()
    sayKill({ type: 'send', ...row })
    await this.#run(ROW, [lane, BigInt(seq), BigInt(bodyBytes)], gate)
    sayKill({ type: 'sent', ...row, position: `${gate.seen?.lineage}.${gate.seen?.lsn}` })
  }

  #checkpoint(): Promise<void> {
    return this.#load.tenancy.use(this.#id, (handle) => handle.checkpointSoon())
  }

  #run(sql: string, positional: readonly SqlValue[] = [], gate = new Gate()) {
    return this.#load.tenancy.use(this.#id, (handle) => handle.execute(sql, { positional, named: [] }, gate))
  }

  /** Acknowledges a row that nobody has written. */
  #pretend(): void {
    const row = { id: `${this.#id}/a`, seq: this.#next.a, isRelaxed: false }
    sayKill({ type: 'send', ...row })
    sayKill({ type: 'sent', ...row, position: `${row.id} ${row.seq}` })
  }
}
