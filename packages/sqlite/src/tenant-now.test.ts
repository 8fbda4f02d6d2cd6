import { isTenaxError, type SqlValue } from '@tenax/kernel'
import { describe, expect, it } from 'vitest'
import { ENGINE_ROWS, fileMaker } from './fixtures/test-bed.ts'

const newFile = fileMaker()

function opened() {
  const file = newFile()
  const run = (text: string, ...positional: SqlValue[]) => file.executeNow(text, { positional, named: [] }, 200).result
  const codeOf = (text: string) => {
    try {
      run(text)
    } catch (error) {
      if (isTenaxError(error)) return error.code
      throw error
    }
    return 'ok'
  }
  return { file, run, codeOf }
}

describe('executeNow()', () => {
  it('changes and reads rows of every kind before it returns, with what it changed', () => {
    const { file, run } = opened()
    const seen = file.transaction(() => {
      run('CREATE TABLE t (a, b)')
      const inserted = run('INSERT INTO t VALUES (?, ?), (2.5e300, NULL)', 7n, new Uint8Array([1, 2]))
      const returned = run("UPDATE t SET b = 'ü' WHERE a = ? RETURNING a, b", 7n)
      return { inserted: inserted.rowsAffected, returned: returned.rows, read: run('SELECT a, b FROM t ORDER BY a') }
    })
    expect(seen.inserted).toBe(2)
    expect(seen.returned).toEqual([[7n, 'ü']])
    expect(seen.read.columns.map(({ name }) => name)).toEqual(['a', 'b'])
    expect(seen.read.rows).toEqual([
      [7n, 'ü'],
      [2.5e300, null],
    ])
  })

  it.each([
    ['UPDATE tenax_meta SET lsn = 99', 'sql_refused'],
    ['CREATE TABLE tenax_mine (a)', 'sql_refused'],
    ["SELECT readfile('x')", 'sql_refused'],
    ["ATTACH 'x' AS y", 'sql_refused'],
    ['COMMIT', 'sql_refused'],
    ['SAVEPOINT s', 'sql_refused'],
    ['PRAGMA foreign_keys = OFF', 'sql_refused'],
    ['VACUUM', 'sql_refused'],
    ['SELECT 1; SELECT 2', 'sql_error'],
    ['SELECT * FROM absent', 'sql_error'],
    ['WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n', 'query_timeout'],
  ])('refuses %s as on the tenant’s own way', (text, code) => {
    const { file, codeOf } = opened()
    expect(file.transaction(() => codeOf(text))).toBe(code)
    expect(file.engine('SELECT lsn FROM tenax_meta').get()).toEqual([BigInt(ENGINE_ROWS.meta[0][4])])
  })

  it('forgets statements that a change of the schema made stale', () => {
    const { file, run, codeOf } = opened()
    file.transaction(() => run('CREATE TABLE t (a)'))
    file.begin('immediate')
    run('INSERT INTO t VALUES (1)')
    run('DROP TABLE t')
    run('CREATE VIEW t AS SELECT 1 AS a')
    expect(codeOf('INSERT INTO t VALUES (1)')).toBe('sql_error')
    file.rollback()
  })

  it('ends a transaction that changes more than one may', () => {
    const { file, run } = opened()
    file.transaction(() => run('CREATE TABLE t (a)'))
    file.begin('immediate')
    const text = 'INSERT INTO t VALUES (zeroblob(272629760))'
    const insert = () => file.executeNow(text, { positional: [], named: [] }, 60_000)
    expect(insert).toThrow(expect.objectContaining({ code: 'transaction_too_large' }))
    expect(file.inTransaction).toBe(false)
  })
})
