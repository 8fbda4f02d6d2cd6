import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isTenaxError } from '@tenax/kernel'
import { describe, expect, it } from 'vitest'
import { perform } from './fixtures/corpus.ts'
import { directoryMaker, ENGINE_ROWS, fileMaker, TEST_SETTINGS } from './fixtures/test-bed.ts'
import { libsqlDriver, nodeSqliteDriver, SqliteFile, TooLongForLoop } from './index.ts'

const newFile = fileMaker()
const newDirectory = directoryMaker()
const NONE = { positional: [], named: [] }
const OFF_LOOP = { mayRunOnLoop: false, timeoutMs: 5_000 }
const ON_LOOP = { mayRunOnLoop: true, timeoutMs: 5_000 }
const ENDLESS = 'WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n'

async function codeOf(body: () => unknown): Promise<string> {
  try {
    await body()
  } catch (error) {
    if (isTenaxError(error)) return error.code
    throw error
  }
  return 'no error'
}

/** Prepares and runs `sql` in whatever transaction there is. */
async function run(file: SqliteFile, sql: string, options = OFF_LOOP) {
  return (await file.execute(await file.prepare(sql), NONE, options)).result
}

describe('open', () => {
  const open = (path: string) =>
    SqliteFile.open(path, { driver: libsqlDriver, settings: TEST_SETTINGS, nowMs: () => 0 })
  const make = (...pragmas: string[]) => {
    const path = join(newDirectory(), 'odd.db')
    const db = libsqlDriver.open(path)
    for (const sql of [
      ...pragmas.map((pragma) => `PRAGMA ${pragma}`),
      'CREATE TABLE t(a)',
      'PRAGMA wal_checkpoint(TRUNCATE)',
    ])
      db.prepare(sql).all()
    db.close()
    return path
  }

  it('sets every pragma, as reading it back shows', () => {
    const file = newFile()
    const rows = ENGINE_ROWS.pragmas.map(([name]) => [name, file.engine(`PRAGMA ${name}`).get()?.[0]])
    expect(rows).toEqual(
      ENGINE_ROWS.pragmas.map(([name, value]) => [name, typeof value === 'number' ? BigInt(value) : value]),
    )
  })

  it('refuses a file that is not in WAL mode, has other pages, or no incremental vacuum', () => {
    const [pages, vacuum, wal] = ['page_size = 4096', 'auto_vacuum = INCREMENTAL', 'journal_mode = WAL']
    expect(() => open(make(pages, vacuum))).toThrow('journal_mode')
    expect(() => open(make('page_size = 8192', vacuum, wal))).toThrow('page_size')
    expect(() => open(make(pages, wal))).toThrow('auto_vacuum')
    open(make(pages, vacuum, wal)).close()
  })

  it('a text file is an internal failure, and a missing one is never created', async () => {
    const path = join(newDirectory(), 'text.db')
    writeFileSync(path, 'no database '.repeat(1_000))
    expect(await codeOf(() => open(path))).toBe('internal')
    expect(() => open(join(newDirectory(), 'missing.db'))).toThrow('ENOENT')
  })

  it('works on node:sqlite as well', async () => {
    const file = newFile({ driver: nodeSqliteDriver })
    await perform(file, 'CREATE TABLE t(a)')
    await perform(file, "INSERT INTO t VALUES (9223372036854775807), ('x'), (x'00'), (0.1)")
    expect((await perform(file, 'SELECT a FROM t')).rows).toEqual([
      [2n ** 63n - 1n],
      ['x'],
      [new Uint8Array([0])],
      [0.1],
    ])
  })
})

describe('execute', () => {
  it('a read answers columns and rows, and affects nothing', async () => {
    const file = newFile()
    await perform(file, 'CREATE TABLE t(id INTEGER PRIMARY KEY, a VARCHAR(9))')
    await perform(file, "INSERT INTO t(a) VALUES ('x'), ('y')")
    const executed = await file.execute(
      await file.prepare('SELECT * FROM t WHERE id > ?'),
      { positional: [1n], named: [] },
      OFF_LOOP,
    )
    expect(executed).toEqual({
      result: {
        columns: [
          { name: 'id', decltype: 'INTEGER' },
          { name: 'a', decltype: 'VARCHAR(9)' },
        ],
        rows: [[2n, 'y']],
        rowsAffected: 0,
        lastInsertRowid: undefined,
      },
      wrote: false,
    })
  })

  it('a write tells its effects, and one that changes nothing tells that', async () => {
    const file = newFile()
    await perform(file, 'CREATE TABLE t(id INTEGER PRIMARY KEY, a)')
    expect(await perform(file, 'INSERT INTO t(id) VALUES (5), (6)')).toMatchObject({
      rowsAffected: 2,
      lastInsertRowid: 6n,
      rows: [],
    })
    expect(await perform(file, 'UPDATE t SET a = 1')).toMatchObject({ rowsAffected: 2 })
    expect(await perform(file, 'DELETE FROM t WHERE id = 9')).toMatchObject({ rowsAffected: 0, lastInsertRowid: 6n })
    expect(await perform(file, 'CREATE TABLE u(a)')).toMatchObject({ rowsAffected: 0 })
  })

  it('RETURNING answers rows with every type of value, and runs to its end', async () => {
    const file = newFile()
    await perform(file, 'CREATE TABLE t(id INTEGER PRIMARY KEY, a)')
    const { rows, columns, rowsAffected } = await perform(
      file,
      "INSERT INTO t(a) VALUES (9007199254740993), (x'ff'), (NULL), (1e300), ('é') RETURNING a AS x",
    )
    expect(rows).toEqual([[2n ** 53n + 1n], [new Uint8Array([255])], [null], [1e300], ['é']])
    expect([columns.map(({ name }) => name), rowsAffected]).toEqual([['x'], 5])
  })

  it('the rows of a changed schema are seen by the next statement of the same text', async () => {
    const file = newFile()
    await perform(file, 'CREATE TABLE t(a)')
    await perform(file, 'INSERT INTO t VALUES (1)')
    expect((await perform(file, 'SELECT * FROM t')).rows).toEqual([[1n]])
    await perform(file, 'ALTER TABLE t ADD COLUMN b DEFAULT 2')
    expect((await perform(file, 'SELECT * FROM t')).rows).toEqual([[1n, 2n]])
  })

  it('text that is no UTF-8, or holds a NUL, neither ends the process nor is cut', async () => {
    const file = newFile()
    expect((await perform(file, "SELECT 'a' || char(0) || 'b'")).rows).toEqual([['a\0b']])
    expect((await perform(file, "SELECT CAST(x'ff' AS TEXT)")).rows).toEqual([['\ufffd']])
  })
})

describe('limits', () => {
  const reply = { rowsMax: 10, bytesMax: 1_000 }

  it('a reply over the row limit or the byte limit is reply_too_large, and the file works after it', async () => {
    const file = newFile({ reply })
    await perform(file, 'CREATE TABLE t(a)')
    const eleven = `VALUES ${Array.from({ length: 11 }, () => '(1)').join(',')}`
    for (const sql of [
      eleven,
      ENDLESS.replace('count(*)', 'x'),
      'SELECT zeroblob(1000)',
      `INSERT INTO t ${eleven} RETURNING a`,
      'INSERT INTO t VALUES (zeroblob(2000)) RETURNING a',
    ]) {
      expect([sql, await codeOf(() => perform(file, sql))]).toEqual([sql, 'reply_too_large'])
    }
    expect((await perform(file, 'SELECT count(*) FROM t')).rows).toEqual([[0n]])
  })

  it('a statement that never ends is query_timeout, and the file works right after', async () => {
    const file = newFile()
    expect(await codeOf(() => perform(file, ENDLESS, { ...OFF_LOOP, timeoutMs: 20 }))).toBe('query_timeout')
    expect((await perform(file, 'SELECT 1')).rows).toEqual([[1n]])
  })

  it('while one file spins, another answers many times', async () => {
    const [slow, other] = [newFile(), newFile()]
    const code = codeOf(() => perform(slow, ENDLESS, { ...OFF_LOOP, timeoutMs: 200 }))
    for (let round = 0; round < 50; round += 1) expect((await perform(other, 'SELECT 1')).rows).toEqual([[1n]])
    expect(await code).toBe('query_timeout')
  })

  it('a write over the page quota is storage_full; deleting makes room again', async () => {
    const file = newFile({ pageCountMax: 40 })
    await perform(file, 'CREATE TABLE t(a)')
    await perform(file, 'INSERT INTO t VALUES (zeroblob(50000))')
    expect(await codeOf(() => perform(file, 'INSERT INTO t VALUES (zeroblob(200000))'))).toBe('storage_full')
    expect(file.inTransaction).toBe(false)
    await perform(file, 'DELETE FROM t')
    await perform(file, 'INSERT INTO t VALUES (zeroblob(60000))')
    expect((await perform(file, 'SELECT length(a) FROM t')).rows).toEqual([[60_000n]])
  })
})

describe('statements on the event loop', () => {
  /** A clock that stands still makes every run a short one. */
  const stillFile = () => newFile({ nowMs: () => 0 })

  it('a statement that was short off thread may then run on the loop, and answers the same', async () => {
    const file = stillFile()
    const prepared = await file.prepare('SELECT 1')
    expect(prepared.short).toBe(false)
    const first = await file.execute(prepared, NONE, ON_LOOP)
    expect(prepared.short).toBe(true)
    expect(await file.execute(prepared, NONE, ON_LOOP)).toEqual(first)
  })

  it('one that takes too long there throws TooLongForLoop once and is no longer tried', async () => {
    const file = stillFile()
    const sql = 'WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < ?) SELECT max(x) FROM n'
    const prepared = await file.prepare(sql)
    const bind = (count: bigint) => ({ positional: [count], named: [] })
    await file.execute(prepared, bind(2n), ON_LOOP)
    file.begin('deferred')
    await expect(file.execute(prepared, bind(1_000_000_000n), ON_LOOP)).rejects.toThrow(TooLongForLoop)
    expect([prepared.short, file.inTransaction]).toEqual([false, true])
    file.rollback()
    expect(await codeOf(() => file.execute(prepared, bind(1_000_000_000n), { ...ON_LOOP, timeoutMs: 30 }))).toBe(
      'query_timeout',
    )
  })

  it('a write that takes too long there has ended its transaction, and nothing of it stays', async () => {
    const file = stillFile()
    await perform(file, 'CREATE TABLE t(a)')
    const prepared = await file.prepare(
      'INSERT INTO t WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < ?) SELECT x FROM n WHERE x < 2',
    )
    file.begin('immediate')
    await file.execute(prepared, { positional: [1n], named: [] }, ON_LOOP)
    await expect(file.execute(prepared, { positional: [1_000_000_000n], named: [] }, ON_LOOP)).rejects.toThrow(
      TooLongForLoop,
    )
    expect(file.inTransaction).toBe(false)
    expect((await perform(file, 'SELECT count(*) FROM t')).rows).toEqual([[0n]])
  })
})

describe('the cache of compiled statements', () => {
  const VIEW = [
    'CREATE TABLE sink(a)',
    'CREATE VIEW v AS SELECT a FROM sink',
    'CREATE TRIGGER vt INSTEAD OF INSERT ON v BEGIN INSERT INTO sink VALUES (new.a); END',
  ]
  const FORGERY = [
    'DROP TRIGGER vt',
    'CREATE TRIGGER vt INSTEAD OF INSERT ON v BEGIN UPDATE tenax_meta SET lsn = 666; END',
  ]
  const ATTACK = 'INSERT INTO v VALUES (1)'

  it('a cached insert into a view, whose trigger is then replaced by one that forges the LSN, forges nothing', async () => {
    const file = newFile()
    for (const sql of [...VIEW, ATTACK]) await perform(file, sql)
    await perform(file, FORGERY[0] ?? '')
    expect(await codeOf(() => perform(file, FORGERY[1] ?? ''))).toBe('sql_refused')
    expect(await codeOf(() => perform(file, ATTACK))).toBe('sql_error')
    expect(file.engine('SELECT lsn FROM tenax_meta').get()).toEqual([7n])
  })

  it('even a forging trigger that the engine itself had made is refused when the same text is prepared again', async () => {
    const file = newFile()
    for (const sql of [...VIEW, ATTACK]) await perform(file, sql)
    file.transaction(() => file.script(FORGERY))
    expect(await codeOf(() => perform(file, ATTACK))).toBe('sql_refused')
    expect(file.engine('SELECT lsn FROM tenax_meta').get()).toEqual([7n])
  })

  it('is kept between statements, and dropped by a change of schema', async () => {
    const file = newFile()
    await perform(file, 'CREATE TABLE t(a)')
    const first = await file.prepare('SELECT * FROM t')
    expect(await file.prepare('SELECT * FROM t')).toBe(first)
    await perform(file, 'CREATE TABLE u(a)')
    expect(await file.prepare('SELECT * FROM t')).not.toBe(first)
  })

  it('a schema change that is rolled back drops it again', async () => {
    const file = newFile()
    await perform(file, 'CREATE TABLE t(a)')
    file.begin('immediate')
    await run(file, 'ALTER TABLE t ADD COLUMN b')
    const inside = await file.prepare('SELECT * FROM t')
    expect(inside.columns).toHaveLength(2)
    file.rollback()
    expect((await file.prepare('SELECT * FROM t')).columns).toHaveLength(1)
  })

  it('a schema change that a savepoint takes back drops it again', async () => {
    const file = newFile()
    await perform(file, 'CREATE TABLE t(a)')
    file.begin('immediate')
    file.savepoint('savepoint', 'odd "name')
    await run(file, 'ALTER TABLE t ADD COLUMN b')
    expect((await file.prepare('SELECT * FROM t')).columns).toHaveLength(2)
    file.savepoint('rollback_to', 'odd "name')
    expect((await file.prepare('SELECT * FROM t')).columns).toHaveLength(1)
    file.savepoint('release', 'odd "name')
    await file.commit({ isNumbered: false })
    expect(await codeOf(() => file.savepoint('release', 'gone'))).toBe('sql_error')
  })

  it('a schema change that OR ROLLBACK takes back is not seen by a statement cached behind it', async () => {
    const file = newFile()
    for (const sql of ['CREATE TABLE t(a UNIQUE)', 'INSERT INTO t VALUES (1)']) await perform(file, sql)
    file.begin('immediate')
    await run(file, 'ALTER TABLE t ADD COLUMN b DEFAULT 5')
    await run(file, 'SELECT * FROM t')
    expect(await codeOf(() => run(file, 'INSERT OR ROLLBACK INTO t(a) VALUES (1)'))).toBe('sql_error')
    expect(file.inTransaction).toBe(false)
    file.rollback()
    expect((await perform(file, 'SELECT * FROM t')).rows).toEqual([[1n]])
  })
})

describe('maintenance', () => {
  it('a checkpoint leaves a WAL of 0 bytes and the rows in the main file', async () => {
    const file = newFile()
    await perform(file, 'CREATE TABLE t AS SELECT zeroblob(20000) AS a')
    expect([file.walBytes() > 20_000, file.sizes().walBytes]).toEqual([true, file.walBytes()])
    expect([await file.checkpoint(), file.walBytes()]).toEqual([true, 0])
    expect(statSync(file.path).size).toBe(file.sizes().pageCount * 4096)
  })

  it('VACUUM gives free pages back and keeps the rows', async () => {
    const file = newFile()
    await perform(file, 'CREATE TABLE t AS SELECT 1 AS a, zeroblob(400000) AS b')
    await perform(file, 'UPDATE t SET b = NULL')
    expect(file.sizes().freePages).toBeGreaterThan(90)
    await file.vacuum()
    await file.checkpoint()
    expect([file.sizes().freePages, file.sizes().pageCount < 20]).toEqual([0, true])
    expect([(await perform(file, 'SELECT * FROM t')).rows, await file.quickCheck()]).toEqual([[[1n, null]], undefined])
  })

  it('header fields and switches are set and read back', async () => {
    const file = newFile()
    file.setHeader('user_version', 42)
    file.setSwitch('foreign_keys', false)
    expect((await perform(file, 'PRAGMA user_version')).rows).toEqual([[42n]])
    expect((await perform(file, 'PRAGMA foreign_keys')).rows).toEqual([[0n]])
  })

  it('an engine transaction that throws leaves nothing behind', () => {
    const file = newFile()
    const body = () => {
      file.script(['CREATE TABLE x(a)'])
      throw new Error('stop')
    }
    expect(() => file.transaction(body)).toThrow('stop')
    expect([file.inTransaction, file.engine("SELECT count(*) FROM sqlite_schema WHERE name = 'x'").get()]).toEqual([
      false,
      [0n],
    ])
  })
})
