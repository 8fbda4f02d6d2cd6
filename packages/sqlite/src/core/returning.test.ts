import { describe, expect, it } from 'vitest'
import { libsqlDriver } from '../index.ts'
import { decodeTaggedBlob } from './encoding.ts'
import { findReturning, rewriteReturning } from './returning.ts'
import { parseStatement } from './statement.ts'

const SETUP = [
  'CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, "odd ""name" REAL, active, "end", "select" DEFAULT 4)',
  "INSERT INTO t VALUES (1, 'x', 1.5, 1, 5, 6), (2, 'y', NULL, 0, x'00ff', -1)",
  'CREATE TABLE other(id INTEGER PRIMARY KEY, b)',
  'INSERT INTO other VALUES (1, 9), (2, 8)',
]

const CLAUSES = [
  ...[
    '*',
    'id',
    'id, a',
    '*, id',
    'id, *',
    '*, *',
    'a, *, upper(a)',
    't.id',
    'rowid',
    '"odd ""name"',
    '[odd "name]',
    '"id"',
  ],
  ...[
    'id AS x',
    'id x',
    'id "x y"',
    "id 'x'",
    'id AS "AS"',
    'a || 1 AS b, id + 1 c',
    'max(id, 3) m',
    '(id) x',
    '(id)',
    '-id',
    'NOT active',
  ],
  ...[
    'a COLLATE nocase',
    'a COLLATE nocase x',
    'CASE WHEN id = 1 THEN a ELSE 2 END',
    'CASE id WHEN 1 THEN a END x',
    '"end"',
    'id "end"',
    '"select"',
  ],
  ...[
    'id IS NULL',
    'id ISNULL',
    'id NOTNULL',
    'id NOT NULL',
    'id IS NOT DISTINCT FROM 1',
    "a LIKE 'x'",
    "a LIKE 'x' ESCAPE 'e'",
    'id BETWEEN 0 AND active',
    'id IN (1, 2)',
    'id IN (1) x',
  ],
  ...[
    '(SELECT b FROM other WHERE other.id = t.id)',
    '(SELECT b FROM other WHERE other.id = t.id) AS b',
    'EXISTS (SELECT 1)',
    'CAST(id AS TEXT)',
    "printf('%d, %d', id, 1)",
  ],
  ...['1', "'returning'", 'NULL', "x'00ff'", '9223372036854775807', '1e999', '0.1', '1 -- comment', '/* a, b */ id'],
  ...[
    "json_object('a', id) ->> '$.a'",
    "json_array(id) -> '$[0]' x",
    'id, id, id',
    'total_changes() > 0',
    'current_date IS NOT NULL',
  ],
]

const STATEMENTS = [
  "INSERT INTO t(id, a) VALUES (7, 'z')",
  "INSERT INTO t(id, a) VALUES (1, 'z') ON CONFLICT(id) DO UPDATE SET a = excluded.a WHERE id > 0",
  'INSERT INTO t(a) SELECT b FROM other',
  'WITH w(x) AS (VALUES (1)) INSERT INTO t(a) SELECT x FROM w',
  "UPDATE t SET a = 'returning' WHERE id < 3",
  'DELETE FROM t WHERE id IN (SELECT id FROM other)',
]

function run(sql: string, args: readonly bigint[] = []) {
  const plain = libsqlDriver.open(':memory:')
  const copy = libsqlDriver.open(':memory:')
  for (const statement of SETUP) for (const db of [plain, copy]) db.prepare(statement).get()
  const expected = plain.prepare(sql)
  const parsed = parseStatement(sql)
  const columnNames = expected.columns().map(({ name }) => name)
  const rewritten = rewriteReturning({ ...parsed, numbers: parsed.parameters.numbers, columnNames })
  const actual = copy
    .prepare(rewritten)
    .all(args)
    .map((row) => row.map(decodeTaggedBlob))
  return { actual: bytesAsHex(actual), expected: bytesAsHex(expected.all(args)) }
}

const bytesAsHex = (rows: readonly (readonly unknown[])[]) =>
  rows.map((row) =>
    row.map((value) => (value instanceof Uint8Array ? `x${Buffer.from(value).toString('hex')}` : value)),
  )

describe('rewriteReturning', () => {
  it.each(CLAUSES)('RETURNING %s answers what the plain statement answers', (clause) => {
    for (const statement of STATEMENTS) {
      const { actual, expected } = run(`${statement} RETURNING ${clause}`)
      expect([statement, actual]).toEqual([statement, expected])
    }
  })

  it.each([
    ['UPDATE t SET a = ? WHERE id = ? RETURNING ? + id, a', [5n, 1n, 7n]],
    ['UPDATE t SET a = ?2 WHERE id = ?1 RETURNING ?, ?1', [1n, 2n, 3n]],
    ['DELETE FROM t WHERE id = :id RETURNING :id, @x, ?', [1n, 2n, 3n]],
  ])('%s keeps the numbers of its parameters', (sql, args) => {
    const { actual, expected } = run(sql, args)
    expect(actual).toEqual(expected)
  })
})

describe('findReturning', () => {
  const found = (sql: string) => findReturning(parseStatement(sql).tokens) !== -1

  it.each(['INSERT INTO t VALUES (1) RETURNING a', 'UPDATE t SET a = (SELECT 1) returning *'])(
    'finds it in %s',
    (sql) => {
      expect(found(sql)).toBe(true)
    },
  )

  it.each([
    "INSERT INTO t VALUES ('returning')",
    'UPDATE t SET "returning" = 1',
    'INSERT INTO t SELECT (1) -- returning a',
    'DELETE FROM t WHERE t.returning = 1',
  ])('finds none in %s', (sql) => {
    expect(found(sql)).toBe(false)
  })
})
