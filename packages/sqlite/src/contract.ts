/**
 * The contract suite of the EngineDriver port: what every driver must do, and the quirks that this package relies on.
 * `libsql` passes all of it, `node:sqlite` all but the timeouts.
 */
import { describe, expect, it } from 'vitest'
import type { EngineDriver } from './driver.ts'
import { type ContractBench, makeBench, runAll } from './fixtures/contract-bench.ts'
import { describeErrors, describeTransactions } from './fixtures/contract-errors.ts'
import { describeEnd, describeLimits, describeTimeout } from './fixtures/contract-limits.ts'
import { describePolicy, describeRecompilation } from './fixtures/contract-policy.ts'

/** Registers the whole suite for `driver`. `makeDirectory` gives a new, empty directory at each call. */
export function describeEngineDriver(driver: EngineDriver, makeDirectory: () => string): void {
  describe(`EngineDriver ${driver.name}`, () => {
    const bench = makeBench(driver, makeDirectory)
    describe('statements', () => describeStatements(bench))
    describe('off thread', () => describeOffThread(bench))
    describe('values', () => describeValues(bench))
    describe('errors', () => describeErrors(bench))
    describe('transactions', () => describeTransactions(bench))
    describe('policy', () => describePolicy(bench))
    describe('recompilation', () => describeRecompilation(bench))
    describe('limits and files', () => describeLimits(bench))
    describe('copies and ends', () => describeEnd(bench))
    describe.runIf(driver.queryTimeout)('query timeout', () => describeTimeout(bench))
  })
}

function describeStatements({ open }: ContractBench): void {
  it('get answers the first row, or undefined when there is none', () => {
    const db = open()
    expect(db.prepare('VALUES (1), (2)').get()).toEqual([1n])
    expect(db.prepare('SELECT 1 WHERE 0').get()).toBeUndefined()
  })

  it('get runs a statement that writes to its end', () => {
    const db = open()
    runAll(db, 'CREATE TABLE t(a)', 'INSERT INTO t VALUES (1), (2), (3)')
    expect(db.prepare('SELECT count(*) FROM t').get()).toEqual([3n])
  })

  it('get runs a RETURNING statement to its end, though it answers one row', () => {
    const db = open()
    runAll(db, 'CREATE TABLE t(a)')
    expect(db.prepare('INSERT INTO t VALUES (1), (2), (3) RETURNING a').get()).toEqual([1n])
    expect(db.prepare('SELECT count(*) FROM t').get()).toEqual([3n])
  })

  it('all answers every row, and none for a statement without columns', () => {
    const db = open()
    expect(db.prepare('VALUES (1), (2)').all()).toEqual([[1n], [2n]])
    expect(db.prepare('CREATE TABLE t(a)').all()).toEqual([])
  })

  it('a statement runs again with other values', () => {
    const statement = open().prepare('SELECT ?1 + 1')
    expect([statement.get([1n]), statement.get([2n]), statement.all([3n])]).toEqual([[2n], [3n], [[4n]]])
  })

  it('values bind by number, also to named and numbered parameters', () => {
    expect(open().prepare('SELECT ?2, :a, @b, $c, ?').get([1n, 2n, 3n, 4n, 5n, 6n])).toEqual([2n, 3n, 4n, 5n, 6n])
  })

  it('columns have their names, and the declared types of table columns', () => {
    const db = open()
    runAll(db, 'CREATE TABLE t(id INTEGER PRIMARY KEY, a VARCHAR(10), b, "odd ""name" BLOB)')
    expect(db.prepare('SELECT id, a AS x, b, "odd ""name", a || 1 AS y FROM t').columns()).toEqual([
      { name: 'id', decltype: 'INTEGER' },
      { name: 'x', decltype: 'VARCHAR(10)' },
      { name: 'b', decltype: null },
      { name: 'odd "name', decltype: 'BLOB' },
      { name: 'y', decltype: null },
    ])
  })

  it('a statement that answers nothing has no columns', () => {
    const db = open()
    runAll(db, 'CREATE TABLE t(a)')
    expect(db.prepare('INSERT INTO t VALUES (1)').columns()).toEqual([])
  })
}

function describeOffThread({ open }: ContractBench): void {
  it('getOffThread and allOffThread answer as get and all do', async () => {
    const statement = open().prepare('VALUES (?1), (2)')
    expect(await statement.getOffThread([7n], 0)).toEqual([7n])
    expect(await statement.allOffThread([7n], 0, 10)).toEqual([[7n], [2n]])
    expect(await open().prepare('SELECT 1 WHERE 0').getOffThread([], 0)).toBeUndefined()
  })

  it('allOffThread stops after rowsMax rows and leaves no result set open', async () => {
    const db = open()
    runAll(db, 'PRAGMA journal_mode = WAL', 'CREATE TABLE t(a)', 'INSERT INTO t VALUES (1), (2), (3)')
    expect(await db.prepare('SELECT a FROM t').allOffThread([], 0, 2)).toEqual([[1n], [2n]])
    expect(db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()).toEqual([0n, 0n, 0n])
  })

  it('get and getOffThread leave no result set open', async () => {
    const db = open()
    runAll(db, 'PRAGMA journal_mode = WAL', 'CREATE TABLE t(a)', 'INSERT INTO t VALUES (1), (2), (3)')
    const [first, second] = [db.prepare('SELECT a FROM t'), db.prepare('SELECT a + 1 FROM t')]
    expect([first.get(), await second.getOffThread([], 0)]).toEqual([[1n], [2n]])
    expect(db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()).toEqual([0n, 0n, 0n])
  })

  it('one transaction holds what both faces of a connection write', async () => {
    const db = open()
    runAll(db, 'CREATE TABLE t(a)', 'BEGIN', 'INSERT INTO t VALUES (1)')
    await db.prepare('INSERT INTO t VALUES (2)').getOffThread([], 0)
    expect(await db.prepare('SELECT count(*) FROM t').getOffThread([], 0)).toEqual([2n])
    expect(db.prepare('SELECT count(*), total_changes(), last_insert_rowid() FROM t').get()).toEqual([2n, 2n, 2n])
    await db.prepare('ROLLBACK').getOffThread([], 0)
    expect([db.inTransaction(), db.prepare('SELECT count(*) FROM t').get()]).toEqual([false, [0n]])
  })

  it('prepareOffThread gives a statement with both faces', async () => {
    const db = open()
    runAll(db, 'CREATE TABLE t(a INT)')
    const insert = await db.prepareOffThread('INSERT INTO t VALUES (?)')
    expect([insert.columns(), insert.get([1n]), await insert.getOffThread([2n], 0)]).toEqual([[], undefined, undefined])
    const select = await db.prepareOffThread('SELECT a FROM t ORDER BY a')
    expect(select.columns()).toEqual([{ name: 'a', decltype: 'INT' }])
    expect(select.get()).toEqual([1n])
    expect([select.all(), await select.allOffThread([], 0, 10)]).toEqual([
      [[1n], [2n]],
      [[1n], [2n]],
    ])
  })

  it('eight connections run off-thread statements at the same time', async () => {
    const connections = Array.from({ length: 8 }, () => open())
    const sql =
      'WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n WHERE x < 20000) SELECT sum(x) + ? FROM n'
    const rows = await Promise.all(connections.map((db, index) => db.prepare(sql).getOffThread([BigInt(index)], 0)))
    expect(rows).toEqual(connections.map((_, index) => [200_010_000n + BigInt(index)]))
  })
}

function describeValues({ open }: ContractBench): void {
  const integers = [0n, 1n, -1n, 2n ** 31n, 2n ** 53n, 2n ** 53n + 1n, -(2n ** 53n) - 1n, 2n ** 63n - 1n, -(2n ** 63n)]
  const reals = [0.1, 1, 1e300, 5e-324, 2.2250738585072014e-308, Number.MAX_VALUE, Infinity, -Infinity, 2 ** 53]
  const blobs = [new Uint8Array(), new Uint8Array([0]), new Uint8Array([0, 255, 10]), new Uint8Array(100_000).fill(7)]

  it.each(integers)('integer %s goes in and out', (value) => {
    expect(open().prepare('SELECT ?1, typeof(?1)').get([value])).toEqual([value, 'integer'])
  })

  it.each(reals)('real %s goes in and out, and stays real when it is whole', (value) => {
    expect(open().prepare('SELECT ?1, typeof(?1)').get([value])).toEqual([value, 'real'])
  })

  it('minus zero keeps its sign', () => {
    expect(Object.is(open().prepare('SELECT ?').get([-0])?.[0], -0)).toBe(true)
  })

  it.each(['', 'text', 'é', '日本語', '🙂', '\u{10ffff}', "'"])('text %j goes in and out', (value) => {
    expect(open().prepare('SELECT ?1, typeof(?1)').get([value])).toEqual([value, 'text'])
  })

  it('text with a NUL goes in whole', () => {
    expect(open().prepare('SELECT hex(?)').get(['a\0b'])).toEqual(['610062'])
  })

  it('blobs go in and out, empty ones too', () => {
    for (const value of blobs) {
      const row = open().prepare('SELECT ?1, typeof(?1), length(?1)').get([value])
      expect([bytesOf(row?.[0]), row?.[1], row?.[2]]).toEqual([[...value], 'blob', BigInt(value.length)])
    }
  })

  it('a view into a larger buffer binds its own bytes only', () => {
    const value = new Uint8Array([1, 2, 3, 4]).subarray(1, 3)
    expect(open().prepare('SELECT hex(?)').get([value])).toEqual(['0203'])
  })

  it('null goes in and out', () => {
    expect(open().prepare('SELECT ?1, typeof(?1)').get([null])).toEqual([null, 'null'])
  })

  it('values come out off thread as they do on the loop', async () => {
    const sql = "SELECT 9223372036854775807, 1.5, 9e999, 'é', NULL, 1.0"
    expect(await open().prepare(sql).getOffThread([], 0)).toEqual([2n ** 63n - 1n, 1.5, Infinity, 'é', null, 1])
    expect(await open().prepare(sql).allOffThread([], 0, 5)).toEqual([[2n ** 63n - 1n, 1.5, Infinity, 'é', null, 1]])
    expect(bytesOf((await open().prepare("SELECT x''").getOffThread([], 0))?.[0])).toEqual([])
  })
}

function bytesOf(value: unknown): number[] | undefined {
  return value instanceof Uint8Array ? [...value] : undefined
}
