/** The contract suite: page quota, checkpoint, close, and the query timeout where a driver has one. */
import { statSync } from 'node:fs'
import { expect, it } from 'vitest'
import { type ContractBench, codeOf, ENDLESS, runAll } from './contract-bench.ts'

/** Sizes of files, and what becomes of a connection at its end. */
export function describeLimits({ open, newPath }: ContractBench): void {
  it('a write beyond max_page_count is SQLITE_FULL, and a smaller one works after it', async () => {
    const db = open()
    runAll(db, 'PRAGMA journal_mode = WAL', 'CREATE TABLE t(a)', 'PRAGMA max_page_count = 20')
    expect(await codeOf(() => db.prepare('INSERT INTO t VALUES (zeroblob(200000))').get())).toBe('SQLITE_FULL')
    expect(db.inTransaction()).toBe(false)
    runAll(db, 'INSERT INTO t VALUES (1)')
    expect(db.prepare('SELECT a FROM t').all()).toEqual([[1n]])
  })

  it('a full database may end the transaction, and inTransaction tells the truth about it', async () => {
    const db = open()
    runAll(db, 'PRAGMA journal_mode = WAL', 'CREATE TABLE t(a)', 'PRAGMA max_page_count = 20')
    runAll(db, 'BEGIN', 'INSERT INTO t VALUES (1)')
    expect(await codeOf(() => db.prepare('INSERT INTO t VALUES (zeroblob(200000))').getOffThread([], 0))).toBe(
      'SQLITE_FULL',
    )
    const rows = db.inTransaction() ? 1n : 0n
    expect(db.prepare('SELECT count(*) FROM t').get()).toEqual([rows])
    if (db.inTransaction()) runAll(db, 'ROLLBACK')
    expect(db.prepare('SELECT count(*) FROM t').get()).toEqual([0n])
  })

  it('a TRUNCATE checkpoint moves the WAL into the main file and leaves 0 bytes', async () => {
    const path = newPath()
    const db = open(path)
    runAll(
      db,
      'PRAGMA journal_mode = WAL',
      'PRAGMA wal_autocheckpoint = 0',
      'CREATE TABLE t(a)',
      'INSERT INTO t VALUES (1)',
    )
    expect(statSync(`${path}-wal`).size).toBeGreaterThan(0)
    expect(await db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').getOffThread([], 10_000)).toEqual([0n, 0n, 0n])
    expect(statSync(`${path}-wal`).size).toBe(0)
  })

  it('a TRUNCATE checkpoint behind a reader answers busy and loses nothing', () => {
    const path = newPath()
    const [writer, reader] = [open(path), open(path)]
    runAll(writer, 'PRAGMA journal_mode = WAL', 'CREATE TABLE t(a)')
    runAll(reader, 'BEGIN', 'SELECT * FROM t')
    runAll(writer, 'INSERT INTO t VALUES (1)')
    expect(writer.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()?.[0]).toBe(1n)
    runAll(reader, 'COMMIT')
    expect(writer.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()).toEqual([0n, 0n, 0n])
    expect(reader.prepare('SELECT a FROM t').all()).toEqual([[1n]])
  })

  it('VACUUM INTO writes a sound copy', async () => {
    const [source, target] = [open(), newPath()]
    runAll(source, 'CREATE TABLE t(a)', 'INSERT INTO t VALUES (1)')
    await source.prepare(`VACUUM INTO '${target}'`).getOffThread([], 10_000)
    const copy = open(target)
    expect([copy.prepare('SELECT a FROM t').get(), copy.prepare('PRAGMA integrity_check').get()]).toEqual([
      [1n],
      ['ok'],
    ])
  })

  it('a closed connection takes no statement, and its committed rows are on disk', () => {
    const path = newPath()
    const db = open(path)
    runAll(
      db,
      'PRAGMA journal_mode = WAL',
      'CREATE TABLE t(a)',
      'INSERT INTO t VALUES (1)',
      'BEGIN',
      'INSERT INTO t VALUES (2)',
    )
    db.close()
    expect(() => db.prepare('SELECT 1')).toThrow('not open')
    expect(open(path).prepare('PRAGMA integrity_check').get()).toEqual(['ok'])
  })

  it('closing twice is harmless', () => {
    const db = open()
    db.close()
    expect(() => db.close()).not.toThrow()
  })
}

/** A statement is interrupted in every way of running it, and the connection works right after. */
export function describeTimeout({ open }: ContractBench): void {
  const ways = {
    'get with one row at the end': `${ENDLESS} SELECT count(*) FROM n`,
    'get with rows on the way': `${ENDLESS} SELECT x FROM n WHERE x % 500000 = 0`,
    'an expression': "SELECT length(replace(hex(zeroblob(100000000)), '0', 'ab'))",
  }

  it('get is interrupted with SQLITE_INTERRUPT, and the connection is usable', async () => {
    const db = open()
    expect(await codeOf(() => db.prepare(ways['get with one row at the end']).get([], 20))).toBe('SQLITE_INTERRUPT')
    expect(db.prepare('SELECT 1').get([], 20)).toEqual([1n])
  })

  it('all is interrupted', async () => {
    const db = open()
    expect(await codeOf(() => db.prepare(ways['get with rows on the way']).all([], 20))).toBe('SQLITE_INTERRUPT')
    expect(db.prepare('SELECT 1').all([], 20)).toEqual([[1n]])
  })

  it('getOffThread is interrupted, and the statement runs again', async () => {
    const db = open()
    const statement = db.prepare(`${ENDLESS} SELECT x FROM n WHERE x = ?`)
    expect(await codeOf(() => statement.getOffThread([-1n], 20))).toBe('SQLITE_INTERRUPT')
    expect(await statement.getOffThread([3n], 1_000)).toEqual([3n])
  })

  it('allOffThread is interrupted between rows and before the first', async () => {
    const db = open()
    const many = db.prepare(ways['get with rows on the way'])
    expect(await codeOf(() => many.allOffThread([], 20, Number.MAX_SAFE_INTEGER))).toBe('SQLITE_INTERRUPT')
    const none = db.prepare(ways['get with one row at the end'])
    expect(await codeOf(() => none.allOffThread([], 20, 5))).toBe('SQLITE_INTERRUPT')
    expect(await db.prepare('SELECT 1').allOffThread([], 1_000, 5)).toEqual([[1n]])
  })

  it('a read that is interrupted leaves its transaction open', async () => {
    const db = open()
    runAll(db, 'CREATE TABLE t(a)', 'BEGIN', 'INSERT INTO t VALUES (1)')
    expect(await codeOf(() => db.prepare(ways['get with one row at the end']).getOffThread([], 20))).toBe(
      'SQLITE_INTERRUPT',
    )
    expect([db.inTransaction(), db.prepare('SELECT count(*) FROM t').get()]).toEqual([true, [1n]])
    runAll(db, 'ROLLBACK')
  })

  it('a write that is interrupted ends its transaction (LEDGER C1)', async () => {
    const db = open()
    runAll(db, 'CREATE TABLE t(a)', 'BEGIN', 'INSERT INTO t VALUES (1)')
    const write = db.prepare(`INSERT INTO t ${ENDLESS} SELECT x FROM n WHERE x < 0`)
    expect(await codeOf(() => write.getOffThread([], 20))).toBe('SQLITE_INTERRUPT')
    expect([db.inTransaction(), db.prepare('SELECT count(*) FROM t').get()]).toEqual([false, [0n]])
  })

  it('a timeout of one connection does not interrupt another', async () => {
    const [slow, other] = [open(), open()]
    const interrupted = codeOf(() => slow.prepare(ways['get with one row at the end']).getOffThread([], 50))
    const rows: unknown[] = []
    for (let round = 0; round < 20; round += 1) rows.push(await other.prepare('SELECT ?').getOffThread([1n], 5_000))
    expect(await interrupted).toBe('SQLITE_INTERRUPT')
    expect(rows).toEqual(Array.from({ length: 20 }, () => [1n]))
  })
}
