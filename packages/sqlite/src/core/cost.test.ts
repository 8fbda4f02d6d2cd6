import { describe, expect, it } from 'vitest'
import { isCheap } from './cost.ts'
import { tokenize } from './tokens.ts'

const cheap = (sql: string) => isCheap(tokenize(sql))

/** What small services do all day. */
const CHEAP = [
  'SELECT 1',
  'SELECT a, b FROM t WHERE id = ?',
  'SELECT t.a, u."b c" FROM t JOIN u ON (t.id = u.id) WHERE t.a IN (1, 2) ORDER BY a LIMIT 10',
  'SELECT count(*) FROM t WHERE a = ?',
  'SELECT count(a), sum(b), max(c) FROM t GROUP BY a HAVING (count(a) > 1)',
  "SELECT coalesce(a, ''), length(b), typeof(c), datetime('now') FROM t",
  'SELECT a FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.a = t.a)',
  'SELECT CASE WHEN (a) THEN (1) ELSE (2) END FROM t',
  'SELECT a, row_number() OVER (ORDER BY a) FROM t',
  'WITH c (a) AS (SELECT 1) SELECT a FROM c',
  'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT sum(i) FROM n',
  'INSERT INTO t (a, b) VALUES (1, 2)',
  'INSERT INTO main.t (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET (a) = (1)',
  'UPDATE t SET a = a + 1 WHERE id = ?',
  'DELETE FROM t WHERE id = ?',
  'CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT DEFAULT (1), CHECK (a > 0), FOREIGN KEY (b) REFERENCES u (c) ON DELETE CASCADE)',
  'CREATE TABLE IF NOT EXISTS t (a, UNIQUE (a))',
  'CREATE UNIQUE INDEX i ON t (a, b)',
  'CREATE TRIGGER g AFTER DELETE ON t BEGIN DELETE FROM u WHERE a = old.a; END',
  "SELECT 'instr(a, b) LIKE c' AS text -- instr(a, b)",
]

/** What works inside one step of the engine, for as long as its arguments or its table are large. */
const COSTLY = [
  'SELECT instr(?, ?)',
  'SELECT INSTR /* in between */ (?, ?)',
  'SELECT "instr"(?, ?), [instr](?, ?)',
  'SELECT replace(a, b, c) FROM t',
  'SELECT zeroblob(?)',
  "SELECT printf('%1000000000d', 1)",
  "SELECT json_extract(a, '$.b') FROM t",
  "SELECT a -> '$.b', a ->> '$.b' FROM t",
  'SELECT group_concat(a) FROM t',
  'SELECT hex(randomblob(100000000))',
  'SELECT a FROM t WHERE a LIKE ?',
  "SELECT a FROM t WHERE a NOT GLOB '*x*'",
  'SELECT a FROM f WHERE f MATCH ?',
  "SELECT a FROM t WHERE a REGEXP 'x'",
  'SELECT no_such_function(1)',
  'SELECT (SELECT instr(a, b) FROM t)',
  'INSERT INTO t (a) VALUES (instr(?, ?))',
  'INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET a = replace(a, ?, ?)',
  'UPDATE t SET a = upper(a)',
  'SELECT 1 FROM t JOIN u ON instr(t.a, u.a)',
  'CREATE INDEX i ON t (instr(a, b))',
  'CREATE INDEX i ON t (a) WHERE instr(a, b)',
  'CREATE TABLE t (a, b AS (replace(a, 1, 2)))',
  'CREATE TABLE t (a CHECK (a NOT LIKE 1))',
  'CREATE VIEW v AS SELECT trim(a) FROM t',
  'CREATE VIRTUAL TABLE f USING fts5(a)',
]

/** What visits a whole table or file within one step. */
const WHOLE = [
  'SELECT count(*) FROM t',
  'SELECT COUNT ( * ) FROM t',
  'SELECT "count"(*) FROM t',
  'SELECT count() FROM t LIMIT 1',
  'SELECT (SELECT count(*) FROM t) FROM u WHERE a = 1',
  'SELECT count(*) FROM (SELECT * FROM t WHERE 1)',
  'SELECT a FROM u WHERE a > (SELECT count(*) FROM t)',
  'CREATE VIEW v AS SELECT count(*) FROM t',
  'DELETE FROM t',
  'DELETE FROM main.t NOT INDEXED',
  'WITH c AS (SELECT 1 WHERE 1) DELETE FROM t',
  'CREATE TRIGGER g AFTER INSERT ON t BEGIN DELETE FROM u; DELETE FROM w WHERE a = 1; END',
  'PRAGMA integrity_check',
  'PRAGMA main.quick_check(t)',
  'SELECT * FROM "Pragma_Quick_Check"',
  'CREATE VIEW v AS SELECT * FROM pragma_integrity_check',
]

describe('what may run on the event loop', () => {
  it.each(CHEAP)('yes: %s', (sql) => {
    expect(cheap(sql)).toBe(true)
  })

  it.each(COSTLY)('no, its cost grows with its arguments: %s', (sql) => {
    expect(cheap(sql)).toBe(false)
  })

  it.each(WHOLE)('no, it takes a whole table in one step: %s', (sql) => {
    expect(cheap(sql)).toBe(false)
  })

  it('is decided by code, not by names: columns, tables and quoted text may be called anything', () => {
    expect(cheap('SELECT "instr", [replace], instr FROM "like_it" AS printf')).toBe(true)
    expect(cheap('INSERT INTO instr (replace) VALUES (1)')).toBe(true)
    expect(cheap('CREATE INDEX i ON replace (instr)')).toBe(true)
  })
})
