import { ManualClock, type SqlValue } from '@tenax/kernel'
import { describe, expect, it } from 'vitest'
import { NONE } from './fixtures/settings.ts'
import { codeOf, handleMaker, until } from './fixtures/test-bed.ts'
import { Session, type UseHandle } from './session.ts'

const newHandle = handleMaker()

/** A session over a handle of its own, with a count of those whom the pool would see using it. */
async function stage(...script: string[]) {
  const clock = new ManualClock()
  const open = newHandle(clock)
  let pins = 0
  const use: UseHandle = async (fn) => {
    pins += 1
    try {
      return await fn(open.handle)
    } finally {
      pins -= 1
    }
  }
  const newSession = () => new Session({ use, clock })
  const session = newSession()
  const run = async (text: string, ...args: SqlValue[]) => session.run(text, { positional: args, named: [] })
  for (const text of ['CREATE TABLE t(a UNIQUE)', ...script]) await run(text)
  const count = async () => Number((await open.rows('SELECT count(*) FROM t'))[0]?.[0])
  return { ...open, clock, session, newSession, run, count, pins: () => pins }
}

describe('a transaction', () => {
  it('is seen by nobody else until COMMIT, and holds the pin until then', async () => {
    const { run, session, count, pins, lsn } = await stage()
    const before = await lsn()
    await run('BEGIN')
    await run('INSERT INTO t VALUES (1)')
    await run('INSERT INTO t VALUES (2)')
    expect([session.isAutocommit, session.hasState, pins()]).toEqual([false, true, 1])
    const other = count()
    await run('COMMIT')
    expect(await other).toBe(2)
    expect([session.isAutocommit, session.hasState]).toEqual([true, false])
    await until(() => pins() === 0)
    expect(await lsn()).toBe(before + 1)
  })

  it('leaves nothing behind after ROLLBACK, not even a number', async () => {
    const { run, count, lsn, clock } = await stage()
    const before = await lsn()
    await run('BEGIN IMMEDIATE')
    await run('INSERT INTO t VALUES (1)')
    await run('ROLLBACK')
    expect([await count(), await lsn(), clock.pending]).toEqual([0, before, 0])
  })

  it('of reads only has no number', async () => {
    const { run, lsn } = await stage()
    const before = await lsn()
    for (const text of ['BEGIN', 'SELECT * FROM t', 'DELETE FROM t WHERE a = 99', 'END TRANSACTION']) await run(text)
    expect(await lsn()).toBe(before)
  })

  it('goes on after a statement that failed by itself', async () => {
    const { run, session, count } = await stage()
    for (const text of ['BEGIN', 'INSERT INTO t VALUES (1)']) await run(text)
    expect(await codeOf(run('INSERT INTO t VALUES (1)'))).toBe('sql_error')
    expect(await codeOf(run('SELECT nothing FROM nowhere'))).toBe('sql_error')
    expect(session.isAutocommit).toBe(false)
    for (const text of ['INSERT INTO t VALUES (2)', 'COMMIT']) await run(text)
    expect(await count()).toBe(2)
  })

  it('has a number for rows that a failed OR FAIL statement left', async () => {
    const { run, count, lsn } = await stage('INSERT INTO t VALUES (3)')
    const before = await lsn()
    await run('BEGIN')
    expect(await codeOf(run('INSERT OR FAIL INTO t SELECT value FROM json_each(?)', '[1,2,3,4]'))).toBe('sql_error')
    await run('COMMIT')
    expect([await count(), await lsn()]).toEqual([3, before + 1])
  })

  it.each(['BEGIN', 'BEGIN IMMEDIATE'])('refuses %s inside, and goes on', async (begin) => {
    const { run, count } = await stage()
    for (const text of ['BEGIN', 'INSERT INTO t VALUES (1)']) await run(text)
    expect(await codeOf(run(begin))).toBe('sql_error')
    await run('COMMIT')
    expect(await count()).toBe(1)
  })

  it('refuses VACUUM inside, and goes on', async () => {
    const { run, session } = await stage('BEGIN')
    expect(await codeOf(run('VACUUM'))).toBe('sql_error')
    expect(session.isAutocommit).toBe(false)
    await run('COMMIT')
    await run('VACUUM')
  })

  it.each(['COMMIT', 'ROLLBACK', 'RELEASE a', 'ROLLBACK TO a'])('is needed for %s', async (text) => {
    const { run, count, clock } = await stage()
    expect(await codeOf(run(text))).toBe('sql_error')
    expect([await count(), clock.pending]).toEqual([0, 0])
  })

  it('that is read-only refuses what may write and reads on', async () => {
    const { run, session, count } = await stage('INSERT INTO t VALUES (1)', 'BEGIN READONLY')
    for (const text of ['INSERT INTO t VALUES (2)', 'CREATE TABLE u(a)', 'PRAGMA user_version = 3']) {
      await expect(run(text)).rejects.toMatchObject({ details: { sqliteCode: 'SQLITE_READONLY' } })
    }
    expect((await run('SELECT a FROM t')).rows).toEqual([[1n]])
    await run('COMMIT')
    expect([session.isAutocommit, await count()]).toEqual([true, 1])
  })
})

describe('savepoints', () => {
  it('are set, returned to and released inside a transaction', async () => {
    const { run, count } = await stage('BEGIN', 'INSERT INTO t VALUES (1)', 'SAVEPOINT a', 'INSERT INTO t VALUES (2)')
    for (const text of ['ROLLBACK TO a', 'INSERT INTO t VALUES (3)', 'RELEASE SAVEPOINT a', 'COMMIT']) await run(text)
    expect(await count()).toBe(2)
  })

  it('begin a transaction outside of one; the RELEASE of the first commits it', async () => {
    const { run, session, count, lsn } = await stage()
    const before = await lsn()
    for (const text of ['SAVEPOINT outer', 'INSERT INTO t VALUES (1)', 'SAVEPOINT inner', 'RELEASE inner'])
      await run(text)
    expect(session.isAutocommit).toBe(false)
    await run('RELEASE OUTER')
    expect([session.isAutocommit, await count(), await lsn()]).toEqual([true, 1, before + 1])
  })

  it('of one name twice are released from the inside out', async () => {
    const { run, session, count } = await stage('SAVEPOINT a', 'INSERT INTO t VALUES (1)', 'SAVEPOINT a')
    await run('RELEASE a')
    expect(session.isAutocommit).toBe(false)
    await run('ROLLBACK TO a')
    await run('RELEASE a')
    expect([session.isAutocommit, await count()]).toEqual([true, 0])
  })

  it('that nobody set are refused, and the transaction goes on', async () => {
    const { run, session } = await stage('SAVEPOINT a')
    expect(await codeOf(run('RELEASE b'))).toBe('sql_error')
    expect(session.isAutocommit).toBe(false)
  })

  it('have names of any kind', async () => {
    const { run, session } = await stage('SAVEPOINT "drop ""t"" -- "', 'INSERT INTO t VALUES (1)')
    await run('RELEASE "drop ""t"" -- "')
    expect(session.isAutocommit).toBe(true)
  })
})

describe('a transaction that SQLite ends by itself', () => {
  const statements = ['INSERT OR ROLLBACK INTO t VALUES (1)', 'INSERT INTO raising VALUES (1)']

  it.each(statements)('leaves the stream in autocommit: %s', async (text) => {
    const { run, session, count, pins } = await stage(
      'CREATE TABLE raising(a)',
      "CREATE TRIGGER refuse BEFORE INSERT ON raising BEGIN SELECT RAISE(ROLLBACK, 'no'); END",
      'INSERT INTO t VALUES (1)',
      'BEGIN',
      'INSERT INTO t VALUES (2)',
    )
    expect(await codeOf(run(text))).toBe('sql_error')
    expect([session.isAutocommit, session.endedBy]).toEqual([true, undefined])
    await until(() => pins() === 0)
    expect(await count()).toBe(1)
    await run('INSERT INTO t VALUES (5)')
    expect(await codeOf(run('COMMIT'))).toBe('sql_error')
    expect(await count()).toBe(2)
  })

  it('is not what a deferred foreign key does: COMMIT fails, the rows are mended, COMMIT counts once', async () => {
    const { run, session, lsn, rows } = await stage(
      'CREATE TABLE parent(id INTEGER PRIMARY KEY)',
      'CREATE TABLE child(id INTEGER REFERENCES parent(id) DEFERRABLE INITIALLY DEFERRED)',
    )
    const before = await lsn()
    for (const text of ['BEGIN', 'INSERT INTO child VALUES (7)']) await run(text)
    expect(await codeOf(run('COMMIT'))).toBe('sql_error')
    expect(await codeOf(run('COMMIT'))).toBe('sql_error')
    expect(session.isAutocommit).toBe(false)
    for (const text of ['INSERT INTO parent VALUES (7)', 'COMMIT']) await run(text)
    expect(await rows('SELECT id FROM child')).toEqual([[7n]])
    expect(await lsn()).toBe(before + 1)
  })

  it('with a deferred foreign key in a released savepoint stays open too', async () => {
    const { run, session, count } = await stage(
      'CREATE TABLE child(id REFERENCES t(a) DEFERRABLE INITIALLY DEFERRED)',
      'SAVEPOINT a',
      'INSERT INTO child VALUES (7)',
    )
    expect(await codeOf(run('RELEASE a'))).toBe('sql_error')
    expect(session.isAutocommit).toBe(false)
    await run('INSERT INTO t VALUES (7)')
    await run('RELEASE a')
    expect([session.isAutocommit, await count()]).toEqual([true, 1])
  })
})

describe('the clock', () => {
  it('ends a transaction that was idle for 5 s: rolled back, others run, the stream is over', async () => {
    const { run, clock, session, count, pins } = await stage('BEGIN', 'INSERT INTO t VALUES (1)')
    clock.advance(4_999)
    await run('INSERT INTO t VALUES (2)')
    clock.advance(4_999)
    expect(session.endedBy).toBeUndefined()
    clock.advance(1)
    expect(session.endedBy).toMatchObject({ code: 'transaction_expired' })
    expect(await count()).toBe(0)
    await until(() => pins() === 0)
    expect(await codeOf(run('INSERT INTO t VALUES (3)'))).toBe('transaction_expired')
    expect(await codeOf(run('COMMIT'))).toBe('transaction_expired')
    expect([await count(), clock.pending]).toEqual([0, 0])
  })

  it('ends a transaction that lasted 30 s, however busy it was', async () => {
    const { run, clock, count, session } = await stage('BEGIN')
    for (let second = 0; second < 30; second += 3) {
      await run('INSERT INTO t VALUES (?)', BigInt(second))
      clock.advance(3_000)
    }
    expect(session.endedBy).toMatchObject({ code: 'transaction_expired' })
    expect([await count(), clock.pending]).toEqual([0, 0])
  })

  it('lets a statement that runs when the time is over end, and then rolls back', async () => {
    const { run, clock, count, session } = await stage('BEGIN', 'INSERT INTO t VALUES (1)')
    for (let second = 0; second < 28; second += 4) {
      await run('SELECT 1')
      clock.advance(4_000)
    }
    const running = run(
      'WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n LIMIT 9000) INSERT INTO t SELECT i FROM n',
    )
    clock.advance(2_000)
    expect(session.isAutocommit).toBe(false)
    await running
    expect([await codeOf(run('COMMIT')), await count()]).toEqual(['transaction_expired', 0])
  })

  it('does not tick outside a transaction', async () => {
    const { run, clock, count } = await stage('INSERT INTO t VALUES (1)')
    expect(clock.pending).toBe(0)
    clock.advance(3_600_000)
    await run('INSERT INTO t VALUES (2)')
    expect(await count()).toBe(2)
  })
})

describe('others', () => {
  it('wait for the transaction, in order, and then run', async () => {
    const { run, rows, newSession } = await stage('BEGIN', 'INSERT INTO t VALUES (1)')
    const done: string[] = []
    const other = newSession()
    const waiting = [
      rows('INSERT INTO t VALUES (2)').then(() => done.push('first')),
      other.run('BEGIN', NONE).then(() => done.push('second')),
    ]
    await run('INSERT INTO t VALUES (3)')
    expect(done).toEqual([])
    await run('COMMIT')
    await Promise.all(waiting)
    expect(done).toEqual(['first', 'second'])
    expect((await other.run('SELECT a FROM t ORDER BY a', NONE)).rows).toEqual([[1n], [2n], [3n]])
    await other.close()
  })

  it('are turned away after 15 s of waiting, and the transaction does not notice', async () => {
    const { run, rows, clock, count } = await stage('BEGIN')
    const waiting = codeOf(rows('INSERT INTO t VALUES (2)'))
    for (let second = 0; second < 15; second += 3) {
      await run('INSERT INTO t VALUES (?)', BigInt(second + 10))
      clock.advance(3_000)
    }
    expect(await waiting).toBe('overloaded')
    await run('COMMIT')
    expect(await count()).toBe(5)
  })
})

describe('foreign_keys', () => {
  const tables = ['CREATE TABLE parent(id INTEGER PRIMARY KEY)', 'CREATE TABLE child(id REFERENCES parent(id))']

  it('is a switch of the stream: others keep it on, before, between and after its statements', async () => {
    const { run, rows, session } = await stage(...tables, 'PRAGMA foreign_keys = OFF')
    expect(session.hasState).toBe(true)
    await run('INSERT INTO child VALUES (1)')
    expect(await codeOf(rows('INSERT INTO child VALUES (2)'))).toBe('sql_error')
    for (const text of ['BEGIN', 'INSERT INTO child VALUES (3)', 'COMMIT']) await run(text)
    expect(await rows('PRAGMA foreign_keys')).toEqual([[1n]])
    expect(await codeOf(rows('INSERT INTO child VALUES (4)'))).toBe('sql_error')
    await run('PRAGMA foreign_keys = ON')
    expect([session.hasState, await codeOf(run('INSERT INTO child VALUES (5)'))]).toEqual([false, 'sql_error'])
  })

  it.each(['ROLLBACK', 'INSERT OR ROLLBACK INTO t VALUES (1)'])('is put back after %s', async (end) => {
    const { run, rows } = await stage(...tables, 'INSERT INTO t VALUES (1)', 'PRAGMA foreign_keys = OFF', 'BEGIN')
    await run(end).catch(() => undefined)
    expect(await rows('PRAGMA foreign_keys')).toEqual([[1n]])
  })

  it('is put back after an expired transaction and after a statement that failed', async () => {
    const { run, rows, clock } = await stage(...tables, 'PRAGMA foreign_keys = OFF')
    await codeOf(run('INSERT INTO nowhere VALUES (1)'))
    expect(await rows('PRAGMA foreign_keys')).toEqual([[1n]])
    await run('BEGIN')
    clock.advance(5_000)
    expect(await rows('PRAGMA foreign_keys')).toEqual([[1n]])
  })
})
