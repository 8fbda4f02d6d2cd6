/**
 * The load on a steady tenant: two connections that insert, one that moves money in interactive transactions, and now and
 * then a new table, a VACUUM, a suspension under everybody's feet. Each connection sends its next write only after the
 * last was acknowledged, so that what a crash leaves of it is all that was acknowledged, and one more at most.
 */
import { isTenaxError, type TenantId } from '@tenax/kernel'
import type { Session, Tenancy } from '@tenax/tenancy'
import type { Seeded } from '../seeded.ts'
import { ACCOUNT_COUNT, execute, run } from './load-tenants.ts'
import { type FoundLane, type FoundSteady, say } from './report.ts'

const INSERT = 'INSERT INTO entry VALUES (?, ?, (SELECT lsn + 1 FROM tenax_meta), zeroblob(?))'
const TRANSFER = 'INSERT INTO transfer VALUES (?, ?, ?, ?, (SELECT lsn + 1 FROM tenax_meta))'

/** What the connections of one tenant share. `resumed` resolves when the tenant serves again. */
interface SteadyContext {
  readonly tenancy: Tenancy
  readonly id: TenantId
  readonly seeded: Seeded
  resumed: Promise<void>
}

/** Writes to the tenant until the process is killed. `found` says where the process before this one got to. */
export async function loadSteady(options: { tenancy: Tenancy; id: TenantId; seeded: Seeded; found: FoundSteady }) {
  const { found, seeded } = options
  const context: SteadyContext = { ...options, resumed: Promise.resolve() }
  const next = (lane: string) => (found.lanes.find((one) => one.lane === lane)?.last ?? 0) + 1
  const connections = [
    inserter(context, 'a', next('a')),
    inserter(context, 'b', next('b')),
    mover(context, next('money')),
    disturber(context, found.tables + 1),
  ]
  for (;;) {
    const turns = seeded.below(12) + 1
    await Promise.all(connections.map((connection) => connection(turns)))
    await new Promise((resolve) => setImmediate(resolve)) // nobody holds the tenant now: it may be evicted
  }
}

/** One connection: sends so many writes, one after another. */
type Connection = (turns: number) => Promise<void>

function inserter(context: SteadyContext, lane: string, from: number): Connection {
  const { tenancy, id } = context
  const seeded = context.seeded.branch(lane)
  let seq = from
  return async (turns) => {
    for (const end = seq + turns; seq < end; seq += 1) {
      const args = [lane, BigInt(seq), BigInt(seeded.below(20) === 0 ? 20_000 : 40)]
      await throughSuspension(context, () => run(tenancy, id, INSERT, args))
      say({ type: 'ack', tenantId: id, lane })
    }
  }
}

function mover(context: SteadyContext, from: number): Connection {
  const { tenancy, id } = context
  const seeded = context.seeded.branch('money')
  let seq = from
  return async (turns) => {
    for (const end = seq + turns; seq < end; seq += 1) {
      const [source, target, amount] = [seeded.below(ACCOUNT_COUNT), seeded.below(ACCOUNT_COUNT), seeded.below(9) + 1]
      await throughSuspension(context, async () => {
        const { session } = await tenancy.openSession(id)
        try {
          await transfer(session, [seq, source, target, amount].map(BigInt), seeded)
        } finally {
          await session.close()
        }
      })
      say({ type: 'ack', tenantId: id, lane: 'money' })
    }
  }
}

async function transfer(session: Session, values: readonly bigint[], seeded: Seeded): Promise<void> {
  const [, source = 0n, target = 0n, amount = 0n] = values
  const send = (sql: string, positional: readonly bigint[] = []) => session.run(sql, { positional, named: [] })
  if (seeded.below(8) === 0) {
    await send('BEGIN')
    await send('UPDATE account SET balance = 0')
    await send('ROLLBACK')
  }
  await send(seeded.below(2) === 0 ? 'BEGIN' : 'BEGIN IMMEDIATE')
  await send('UPDATE account SET balance = balance - ? WHERE id = ?', [amount, source])
  await send('UPDATE account SET balance = balance + ? WHERE id = ?', [amount, target])
  await send(TRANSFER, values)
  await send('COMMIT')
}

/** What happens to a tenant besides writes. */
function disturber(context: SteadyContext, firstTable: number): Connection {
  const { tenancy, id } = context
  const seeded = context.seeded.branch('disturb')
  let table = firstTable
  return async () => {
    const what = seeded.pick(['table', 'vacuum', 'suspend', 'read', 'read', 'read'] as const)
    if (what === 'suspend') await suspendAndResume(context)
    else if (what === 'read') await run(tenancy, id, 'SELECT count(*) FROM entry')
    else if (what === 'vacuum') {
      say({ type: 'begin', tenantId: id, lane: 'vacuum' })
      await run(tenancy, id, 'VACUUM')
      say({ type: 'ack', tenantId: id, lane: 'vacuum' })
    } else {
      await run(tenancy, id, `CREATE TABLE made_${table} (id INTEGER PRIMARY KEY, text TEXT UNIQUE)`)
      say({ type: 'ack', tenantId: id, lane: 'table' })
      table += 1
    }
  }
}

async function suspendAndResume(context: SteadyContext): Promise<void> {
  const { tenancy, id } = context
  const { promise, resolve } = Promise.withResolvers<void>()
  context.resumed = promise
  say({ type: 'begin', tenantId: id, lane: 'suspend' })
  await tenancy.suspend(id)
  say({ type: 'ack', tenantId: id, lane: 'suspend' })
  say({ type: 'begin', tenantId: id, lane: 'resume' })
  await tenancy.resume(id)
  say({ type: 'ack', tenantId: id, lane: 'resume' })
  resolve()
}

/** Repeats what a suspension refused. A refusal means that nothing was done: the repetition would meet its own row. */
async function throughSuspension(context: SteadyContext, body: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await body()
      return
    } catch (error) {
      if (!isTenaxError(error, 'tenant_suspended')) throw error
      await context.resumed
    }
  }
}

/** Reads what a crash left in a steady tenant. */
export function lookAtSteady(tenancy: Tenancy, id: TenantId): Promise<FoundSteady> {
  return tenancy.use(id, async (handle) => {
    const rows = async (sql: string) => (await execute(handle, sql)).rows.map((row) => row.map(String))
    const number = async (sql: string) => Number((await rows(sql))[0]?.[0])
    const lanes = await rows(
      `SELECT lane, count(*), min(seq), max(seq) FROM entry GROUP BY lane
       UNION ALL SELECT 'money', count(*), min(seq), max(seq) FROM transfer HAVING count(*) > 0`,
    )
    return {
      lanes: lanes.map(readLane),
      tables: await number("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name LIKE 'made_%'"),
      balance: await number('SELECT sum(balance) FROM account'),
      lsn: await number('SELECT lsn FROM tenax_meta'),
      lsnRepeated: await number(
        'SELECT count(*) - count(DISTINCT lsn) FROM (SELECT lsn FROM entry UNION ALL SELECT lsn FROM transfer)',
      ),
      lsnBackward: await number(
        `SELECT count(*) FROM (SELECT lsn, lag(lsn) OVER (PARTITION BY lane ORDER BY seq) AS previous FROM
           (SELECT lane, seq, lsn FROM entry UNION ALL SELECT 'money', seq, lsn FROM transfer)) WHERE lsn <= previous`,
      ),
      balancesWrong: await number(
        `SELECT count(*) FROM account WHERE balance <> 100
           + (SELECT coalesce(sum(amount), 0) FROM transfer WHERE target = account.id)
           - (SELECT coalesce(sum(amount), 0) FROM transfer WHERE source = account.id)`,
      ),
    }
  })
}

function readLane([lane = '', count, first, last]: readonly string[]): FoundLane {
  return { lane, count: Number(count), first: Number(first), last: Number(last) }
}
