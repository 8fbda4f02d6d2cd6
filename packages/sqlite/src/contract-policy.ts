/** The contract suite: the authorizer's policy, and what SQLite recompiles behind its back. */
import { expect, it } from 'vitest'
import { type ContractBench, codeOf, runAll } from './contract-bench.ts'
import { TENANT_POLICY } from './core/policy.ts'
import type { EngineConnection } from './driver.ts'

const SETUP = [
  'CREATE TABLE t(a INTEGER PRIMARY KEY, b)',
  'CREATE TABLE tenax_meta(id INTEGER PRIMARY KEY, lsn)',
  'INSERT INTO tenax_meta VALUES (1, 5)',
  'INSERT INTO t VALUES (1, 2)',
]

const REFUSED = [
  "ATTACH 'x.db' AS x",
  'DETACH main',
  'BEGIN',
  'COMMIT',
  'SAVEPOINT s',
  'PRAGMA journal_mode = DELETE',
  'PRAGMA user_version',
  "SELECT load_extension('x')",
  'SELECT nothing_known_by_this_name(1)',
  'SELECT fts3_tokenizer(1)',
  'CREATE TEMP TABLE x(a)',
  'CREATE TEMP VIEW x AS SELECT 1',
  'CREATE TEMP TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END',
  'CREATE VIRTUAL TABLE x USING dbstat',
  'CREATE TABLE tenax_x(a)',
  'CREATE TABLE TENAX_X(a)',
  'CREATE INDEX tenax_i ON t(b)',
  'CREATE VIEW tenax_v AS SELECT 1',
  'CREATE TRIGGER tenax_t AFTER INSERT ON t BEGIN SELECT 1; END',
  'CREATE TRIGGER x AFTER UPDATE ON tenax_meta BEGIN SELECT 1; END',
  'CREATE INDEX x ON tenax_meta(lsn)',
  'INSERT INTO tenax_meta VALUES (2, 2)',
  'UPDATE tenax_meta SET lsn = 9',
  'UPDATE TENAX_META SET lsn = 9',
  'DELETE FROM tenax_meta',
  'DROP TABLE tenax_meta',
  'ALTER TABLE tenax_meta ADD COLUMN x',
  'ALTER TABLE tenax_meta RENAME TO x',
]

const ALLOWED = [
  'SELECT lsn FROM tenax_meta',
  'SELECT * FROM sqlite_schema',
  "SELECT name FROM pragma_table_info('t')",
  'INSERT INTO t(b) VALUES (1)',
  'UPDATE t SET b = 3',
  'DELETE FROM t WHERE a = 9',
  "SELECT count(*), max(b), upper(b), json_extract('{\"a\":1}', '$.a') FROM t GROUP BY a",
  'WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n WHERE x < 3) SELECT * FROM n',
  'CREATE TABLE x(a UNIQUE)',
  'CREATE INDEX x ON t(b)',
  'CREATE VIEW x AS SELECT * FROM t',
  'CREATE TRIGGER x AFTER INSERT ON t BEGIN UPDATE t SET b = 1; END',
  'CREATE VIRTUAL TABLE x USING fts5(a)',
  'DROP TABLE t',
  'ALTER TABLE t RENAME TO u',
  'ALTER TABLE t RENAME COLUMN b TO c',
  'ALTER TABLE t ADD COLUMN c DEFAULT 1',
  'ALTER TABLE t DROP COLUMN b',
  'REINDEX',
  'ANALYZE',
]

function sandboxed(open: () => EngineConnection): EngineConnection {
  const db = open()
  runAll(db, ...SETUP)
  db.setPolicy(TENANT_POLICY)
  return db
}

/** What the policy refuses and allows, and when it is asked. */
export function describePolicy({ open }: ContractBench): void {
  it.each(REFUSED)('refuses %s as SQLITE_AUTH, on the loop and off it', async (sql) => {
    const db = sandboxed(open)
    const codes = [await codeOf(() => db.prepare(sql)), await codeOf(() => db.prepareOffThread(sql))]
    const unknown = sql.includes('load_extension') || sql.includes('nothing_known') || sql.includes('fts3_tokenizer')
    expect(codes.map((code) => (unknown && code === 'SQLITE_ERROR' ? 'SQLITE_AUTH' : code))).toEqual([
      'SQLITE_AUTH',
      'SQLITE_AUTH',
    ])
    db.setPolicy(undefined)
    expect(db.prepare('SELECT lsn FROM tenax_meta').all()).toEqual([[5n]])
  })

  it.each(ALLOWED)('allows %s', (sql) => {
    const db = sandboxed(open)
    db.prepare(sql)
    db.setPolicy(undefined)
    expect(db.prepare(sql).all()).toBeInstanceOf(Array)
  })

  it('refuses a function that exists as SQLITE_AUTH', async () => {
    const db = open()
    db.setPolicy({
      rules: [
        { actions: ['SELECT'], allow: true },
        { actions: ['FUNCTION'], entity: { names: ['lower'] }, allow: true },
      ],
    })
    expect(db.prepare("SELECT lower('A')").columns()).toHaveLength(1)
    expect(await codeOf(() => db.prepare("SELECT upper('a')"))).toBe('SQLITE_AUTH')
    expect(await codeOf(() => db.prepareOffThread("SELECT upper('a')"))).toBe('SQLITE_AUTH')
  })

  it('the first rule that matches decides, and what none matches is denied', async () => {
    const db = open()
    runAll(db, ...SETUP)
    db.setPolicy({
      rules: [
        { actions: ['READ'], table: { prefix: 'tenax_' }, allow: false },
        { actions: ['READ', 'SELECT'], allow: true },
      ],
    })
    expect(db.prepare('SELECT a FROM t').columns()).toHaveLength(1)
    expect(await codeOf(() => db.prepare('SELECT lsn FROM tenax_meta'))).toBe('SQLITE_AUTH')
    expect(await codeOf(() => db.prepare('DELETE FROM t'))).toBe('SQLITE_AUTH')
  })

  it('lets everything through once it is off', () => {
    const db = sandboxed(open)
    db.setPolicy(undefined)
    runAll(db, 'UPDATE tenax_meta SET lsn = 6', 'PRAGMA user_version = 3', 'CREATE TEMP TABLE x(a)')
    expect(db.prepare('PRAGMA user_version').get()).toEqual([3n])
  })
}

/** Statements that outlive a change of policy or of schema. */
export function describeRecompilation({ open }: ContractBench): void {
  it('prepared statements survive the policy going on and off, and keep what they may do', () => {
    const db = open()
    runAll(db, ...SETUP)
    const bump = db.prepare('UPDATE tenax_meta SET lsn = lsn + 1 RETURNING lsn')
    expect(bump.get()).toEqual([6n])
    for (let round = 0; round < 3; round += 1) {
      db.setPolicy(TENANT_POLICY)
      db.prepare('SELECT * FROM t')
      db.setPolicy(undefined)
      expect(bump.get()).toEqual([7n + BigInt(round)])
    }
  })

  it('a statement that was compiled under the policy runs after it is off', async () => {
    const db = sandboxed(open)
    const [insert, select] = [db.prepare('INSERT INTO t(b) VALUES (?)'), db.prepare('SELECT count(*) FROM t')]
    db.setPolicy(undefined)
    insert.get([1n])
    await insert.getOffThread([1n], 0)
    expect([select.get(), await select.getOffThread([], 0)]).toEqual([[3n], [3n]])
  })

  it('a statement is compiled anew after a change of schema', () => {
    const db = open()
    runAll(db, ...SETUP, 'CREATE VIEW v(x) AS SELECT a FROM t')
    const select = db.prepare('SELECT x FROM v')
    expect(select.get()).toEqual([1n])
    runAll(db, 'DROP VIEW v', 'CREATE VIEW v(x) AS SELECT b FROM t')
    expect(select.get()).toEqual([2n])
  })

  it('a stale statement is compiled anew without the policy, which is why the file above drops it', () => {
    const db = sandboxed(open)
    db.setPolicy(undefined)
    runAll(db, 'CREATE VIEW v AS SELECT a FROM t', 'CREATE TRIGGER i INSTEAD OF INSERT ON v BEGIN SELECT 1; END')
    db.setPolicy(TENANT_POLICY)
    const insert = db.prepare('INSERT INTO v VALUES (1)')
    db.setPolicy(undefined)
    runAll(db, 'DROP TRIGGER i', 'CREATE TRIGGER i INSTEAD OF INSERT ON v BEGIN UPDATE tenax_meta SET lsn = 99; END')
    insert.get()
    expect(db.prepare('SELECT lsn FROM tenax_meta').get()).toEqual([99n])
  })
}
