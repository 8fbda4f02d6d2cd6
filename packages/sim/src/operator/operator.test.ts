import { expect, test } from 'vitest'
import { faultsOf } from '../crash/data-check.ts'
import { scratchDirectory } from '../scratch.ts'
import { Seeded } from '../seeded.ts'
import { liveFileOf, operate, query, type Served, send, serve, shellPath, unlinkedWals } from './served.ts'

const TENANTS = ['t-0', 't-1', 't-2', 't-3', 't-4', 't-5']
const CONNECTIONS = ['a', 'b']
/** Fewer than tenants: they are evicted and opened again all the time. */
const HANDLES_MAX = 3
const VISIT_COUNT = 60
const SEED = 20

async function createTenants(served: Served, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    expect(await send(served, 'POST', '/v1/tenants', { id })).toMatchObject({ status: 201 })
    await query(served, id, 'CREATE TABLE entry (lane TEXT, seq INTEGER, filler BLOB, PRIMARY KEY (lane, seq))')
    await query(served, id, 'CREATE TABLE visit (number INTEGER PRIMARY KEY)')
  }
}

/** Inserts one row after another until `isOver`; a lock of the operator's that lasted too long means: not done, again. */
async function insertUntil(isOver: () => boolean, served: Served, id: string, lane: string): Promise<number> {
  let acknowledged = 0
  while (!isOver()) {
    const values = [lane, acknowledged + 1]
    const { status, code } = await query(served, id, 'INSERT INTO entry VALUES (?, ?, zeroblob(5000))', values)
    if (status === 200) acknowledged += 1
    else expect(code).toBe('unavailable')
  }
  return acknowledged
}

/** What an operator does at a live file. Each leaves a row that must still be there in the end. */
const VISITS = [
  (number: number) => `INSERT INTO visit VALUES (${number}); SELECT count(*) FROM entry;`,
  (number: number) => `INSERT INTO visit VALUES (${number}); PRAGMA wal_checkpoint(TRUNCATE);`,
  (number: number) => `SELECT max(seq) FROM entry; VACUUM; INSERT INTO visit VALUES (${number});`,
  (number: number) => `BEGIN IMMEDIATE; INSERT INTO visit VALUES (${number}); SELECT sum(seq) FROM entry; COMMIT;`,
  (number: number) => `PRAGMA wal_checkpoint(RESTART); PRAGMA integrity_check; INSERT INTO visit VALUES (${number});`,
]

async function visitAll(served: Served): Promise<Map<string, number>> {
  const seeded = new Seeded(SEED)
  const files = new Map<string, string>()
  for (const id of TENANTS) files.set(id, await liveFileOf(served, id))
  const visits = new Map<string, number>(TENANTS.map((id) => [id, 0]))
  for (let number = 1; number <= VISIT_COUNT; number += 1) {
    const id = seeded.pick(TENANTS)
    await operate(files.get(id) ?? '', seeded.pick(VISITS)(number))
    visits.set(id, (visits.get(id) ?? 0) + 1)
    expect(unlinkedWals(served)).toEqual([])
  }
  return visits
}

test.skipIf(shellPath === undefined)(
  'an operator who reads, writes, checkpoints and vacuums live files takes no acknowledged write away',
  async () => {
    using scratch = scratchDirectory()
    await using served = await serve(scratch.path, HANDLES_MAX)
    await createTenants(served, TENANTS)
    let over = false
    const connections = TENANTS.flatMap((id) => CONNECTIONS.map((lane) => ({ id, lane })))
    const loads = Promise.all(connections.map(({ id, lane }) => insertUntil(() => over, served, id, lane)))
    loads.catch(() => undefined) // heard below, unless the visits fail first
    const visits = await visitAll(served)
    over = true
    const acknowledged = await loads
    // What a stranger has committed is durable with the tenant's next commit.
    for (const id of TENANTS) expect(await query(served, id, 'CREATE TABLE later (a)')).toMatchObject({ status: 200 })
    served.child.kill('SIGKILL')
    await served.child.ended

    await using restarted = await serve(scratch.path, HANDLES_MAX)
    for (const [index, { id, lane }] of connections.entries()) {
      const { rows } = await query(restarted, id, 'SELECT count(*), max(seq) FROM entry WHERE lane = ?', [lane])
      expect(rows, `${id}, connection ${lane}`).toEqual([[acknowledged[index], acknowledged[index]]])
    }
    for (const [id, count] of visits) {
      expect((await query(restarted, id, 'SELECT count(*) FROM visit')).rows).toEqual([[count]])
    }
    restarted.child.kill('SIGTERM')
    expect(await restarted.child.ended).toMatchObject({ code: 0 })
    expect(faultsOf(scratch.path)).toEqual([])
    expect(Math.min(...acknowledged)).toBeGreaterThan(0)
  },
)

test.skipIf(shellPath === undefined)(
  'an operator may write to a file between its eviction and its reopening, and the server sees that and loses nothing',
  async () => {
    using scratch = scratchDirectory()
    await using served = await serve(scratch.path, 1)
    await createTenants(served, ['acme', 'other'])
    const file = await liveFileOf(served, 'acme')
    for (let round = 1; round <= 20; round += 1) {
      await query(served, 'acme', 'INSERT INTO entry VALUES (?, ?, zeroblob(9000))', ['a', round])
      await query(served, 'other', 'SELECT 1') // the one handle goes to the neighbour: acme is evicted
      await operate(file, `INSERT INTO visit VALUES (${round}); DELETE FROM entry WHERE lane = 'b';`)
      await query(served, 'acme', 'INSERT INTO entry VALUES (?, ?, zeroblob(9000))', ['b', round])
      expect((await query(served, 'acme', 'SELECT count(*) FROM visit')).rows).toEqual([[round]])
      await operate(file, 'SELECT count(*) FROM entry')
      expect(unlinkedWals(served)).toEqual([])
    }
    served.child.kill('SIGKILL')
    await served.child.ended
    await using restarted = await serve(scratch.path, 1)
    const { rows } = await query(restarted, 'acme', 'SELECT lane, count(*), max(seq) FROM entry GROUP BY lane')
    expect(rows).toEqual([
      ['a', 20, 20],
      ['b', 1, 20],
    ])
    restarted.child.kill('SIGTERM')
    expect(await restarted.child.ended).toMatchObject({ code: 0 })
    expect(faultsOf(scratch.path)).toEqual([])
  },
)
