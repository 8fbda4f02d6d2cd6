/** The contract suite: failures by SQLite's symbolic code, and what they do to a transaction. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { type ContractBench, codeOf, runAll } from './contract-bench.ts'
import type { EngineConnection } from './driver.ts'

const TABLES = [
  'PRAGMA foreign_keys = ON',
  'CREATE TABLE p(id INTEGER PRIMARY KEY)',
  'CREATE TABLE t(k TEXT PRIMARY KEY, u UNIQUE, n NOT NULL DEFAULT 0, c CHECK (c > 0), p REFERENCES p) WITHOUT ROWID',
  'CREATE TABLE strictly(a INTEGER) STRICT',
  "CREATE TRIGGER no BEFORE DELETE ON t BEGIN SELECT raise(ABORT, 'no'); END",
  "INSERT INTO t(k, u, c) VALUES ('a', 1, 1)",
]

const FAILURES: readonly (readonly [string, string])[] = [
  ['SQLITE_CONSTRAINT_PRIMARYKEY', "INSERT INTO t(k) VALUES ('a')"],
  ['SQLITE_CONSTRAINT_UNIQUE', "INSERT INTO t(k, u) VALUES ('b', 1)"],
  ['SQLITE_CONSTRAINT_NOTNULL', "INSERT INTO t(k, n) VALUES ('b', NULL)"],
  ['SQLITE_CONSTRAINT_CHECK', "INSERT INTO t(k, c) VALUES ('b', 0)"],
  ['SQLITE_CONSTRAINT_FOREIGNKEY', "INSERT INTO t(k, p) VALUES ('b', 9)"],
  ['SQLITE_CONSTRAINT_TRIGGER', 'DELETE FROM t'],
  ['SQLITE_CONSTRAINT_DATATYPE', "INSERT INTO strictly VALUES ('x')"],
  ['SQLITE_MISMATCH', "INSERT INTO p VALUES ('x')"],
  ['SQLITE_ERROR', 'SELECT nothing'],
  ['SQLITE_ERROR', 'SELEC 1'],
  ['SQLITE_ERROR', "SELECT json('{')"],
  ['SQLITE_TOOBIG', 'SELECT zeroblob(2000000000)'],
]

/** Codes of failing statements, of files that are none, and of locks. */
export function describeErrors({ driver, open, newPath }: ContractBench): void {
  it.each(FAILURES)('%s from %s, on the loop and off it', async (code, sql) => {
    const db = open()
    runAll(db, ...TABLES)
    expect(await codeOf(() => db.prepare(sql).get())).toBe(code)
    expect(await codeOf(() => db.prepare(sql).all())).toBe(code)
    expect(await codeOf(async () => (await db.prepareOffThread(sql)).getOffThread([], 0))).toBe(code)
    expect(await codeOf(async () => (await db.prepareOffThread(sql)).allOffThread([], 0, 9))).toBe(code)
    expect(db.prepare('SELECT 1').get()).toEqual([1n])
  })

  it('a failing statement with RETURNING has the same code', async () => {
    const db = open()
    runAll(db, ...TABLES)
    const statement = db.prepare("INSERT INTO t(k) VALUES ('a') RETURNING k")
    expect(await codeOf(() => statement.all())).toBe('SQLITE_CONSTRAINT_PRIMARYKEY')
    expect(await codeOf(() => statement.allOffThread([], 0, 9))).toBe('SQLITE_CONSTRAINT_PRIMARYKEY')
  })

  it('a row that fails behind good rows has its code', async () => {
    const db = open()
    const statement = db.prepare("SELECT json(column1) FROM (VALUES ('1'), ('{'))")
    expect(await codeOf(() => statement.all())).toBe('SQLITE_ERROR')
    expect(await codeOf(() => statement.allOffThread([], 0, 9))).toBe('SQLITE_ERROR')
  })

  it('a message never holds the path of the file', async () => {
    const path = join(newPath(), 'missing', 'file.db')
    const attempt = () => driver.open(path).prepare('PRAGMA journal_mode').get()
    expect(await codeOf(attempt)).toBe('SQLITE_CANTOPEN')
    expect(attempt).toThrow(expect.objectContaining({ message: expect.not.stringContaining('missing') }))
  })

  it('a file that is no database is SQLITE_NOTADB', async () => {
    const path = newPath()
    writeFileSync(path, 'this is a text file and not a database, '.repeat(200))
    const db = open(path)
    expect(await codeOf(() => db.prepare('SELECT * FROM sqlite_schema').all())).toBe('SQLITE_NOTADB')
  })

  it('a write on a read-only connection is SQLITE_READONLY', async () => {
    const db = open()
    runAll(db, 'CREATE TABLE t(a)', 'PRAGMA query_only = ON')
    expect(await codeOf(() => db.prepare('INSERT INTO t VALUES (1)').get())).toBe('SQLITE_READONLY')
  })

  it('a second writer is SQLITE_BUSY at once, and goes on when the first is done', async () => {
    const path = newPath()
    const [first, second] = [open(path), open(path)]
    runAll(first, 'PRAGMA journal_mode = WAL', 'CREATE TABLE t(a)', 'BEGIN IMMEDIATE')
    expect(await codeOf(() => second.prepare('INSERT INTO t VALUES (1)').get())).toBe('SQLITE_BUSY')
    expect(await codeOf(() => second.prepare('INSERT INTO t VALUES (1)').getOffThread([], 0))).toBe('SQLITE_BUSY')
    runAll(first, 'COMMIT')
    runAll(second, 'INSERT INTO t VALUES (1)')
    expect(first.prepare('SELECT count(*) FROM t').get()).toEqual([1n])
  })

  it('a reader whose snapshot is old cannot become a writer: SQLITE_BUSY', async () => {
    const path = newPath()
    const [first, second] = [open(path), open(path)]
    runAll(first, 'PRAGMA journal_mode = WAL', 'CREATE TABLE t(a)')
    runAll(second, 'BEGIN', 'SELECT * FROM t')
    runAll(first, 'INSERT INTO t VALUES (1)')
    expect(await codeOf(() => second.prepare('INSERT INTO t VALUES (2)').get())).toMatch(/^SQLITE_BUSY/)
  })
}

function openWithRow(open: () => EngineConnection): EngineConnection {
  const db = open()
  runAll(db, ...TABLES, 'BEGIN', "INSERT INTO t(k) VALUES ('mine')")
  return db
}

/** LEDGER C1: which failures end the transaction, as `inTransaction` tells. */
export function describeTransactions({ open }: ContractBench): void {
  const count = (db: EngineConnection) => db.prepare("SELECT count(*) FROM t WHERE k = 'mine'").get()?.[0]

  it('inTransaction follows BEGIN, COMMIT and ROLLBACK', () => {
    const db = open()
    const seen = ['BEGIN', 'SELECT 1', 'COMMIT', 'BEGIN IMMEDIATE', 'ROLLBACK', 'SAVEPOINT s', 'RELEASE s'].map(
      (sql) => {
        runAll(db, sql)
        return db.inTransaction()
      },
    )
    expect(seen).toEqual([true, true, false, true, false, true, false])
  })

  it('an ordinary failure leaves the transaction open with what came before', async () => {
    const db = openWithRow(open)
    expect(await codeOf(() => db.prepare("INSERT INTO t(k) VALUES ('a')").get())).toBe('SQLITE_CONSTRAINT_PRIMARYKEY')
    expect([db.inTransaction(), count(db)]).toEqual([true, 1n])
  })

  it('INSERT OR ROLLBACK that fails ends the transaction', async () => {
    const db = openWithRow(open)
    const statement = db.prepare("INSERT OR ROLLBACK INTO t(k) VALUES ('a')")
    expect(await codeOf(() => statement.getOffThread([], 0))).toBe('SQLITE_CONSTRAINT_PRIMARYKEY')
    expect([db.inTransaction(), count(db)]).toEqual([false, 0n])
  })

  it('RAISE(ROLLBACK) in a trigger ends the transaction', async () => {
    const db = openWithRow(open)
    runAll(db, 'COMMIT', "CREATE TRIGGER r AFTER INSERT ON p BEGIN SELECT raise(ROLLBACK, 'no'); END", 'BEGIN')
    runAll(db, "INSERT INTO t(k) VALUES ('other')")
    expect(await codeOf(() => db.prepare('INSERT INTO p VALUES (1)').get())).toBe('SQLITE_CONSTRAINT_TRIGGER')
    expect(db.inTransaction()).toBe(false)
    expect(db.prepare("SELECT count(*) FROM t WHERE k = 'other'").get()).toEqual([0n])
  })

  it('a deferred foreign key fails COMMIT and leaves the transaction open', async () => {
    const db = open()
    runAll(db, ...TABLES, 'CREATE TABLE child(p REFERENCES p DEFERRABLE INITIALLY DEFERRED)')
    runAll(db, 'BEGIN', 'INSERT INTO child VALUES (9)')
    expect(await codeOf(() => db.prepare('COMMIT').getOffThread([], 0))).toBe('SQLITE_CONSTRAINT_FOREIGNKEY')
    expect(db.inTransaction()).toBe(true)
    runAll(db, 'ROLLBACK')
    expect(db.prepare('SELECT count(*) FROM child').get()).toEqual([0n])
  })

  it('a COMMIT that was prepared once commits many times', () => {
    const db = open()
    runAll(db, 'CREATE TABLE t(a)')
    const [begin, insert, commit] = [db.prepare('BEGIN'), db.prepare('INSERT INTO t VALUES (1)'), db.prepare('COMMIT')]
    for (let round = 0; round < 3; round += 1) for (const statement of [begin, insert, commit]) statement.get()
    expect([db.inTransaction(), db.prepare('SELECT count(*) FROM t').get()]).toEqual([false, [3n]])
  })
}
