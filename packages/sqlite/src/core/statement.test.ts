import { isTenaxError, SQL_BYTES_MAX } from '@tenax/kernel'
import { describe, expect, it } from 'vitest'
import { perform, readEveryday, statementsOf } from '../fixtures/corpus.ts'
import { fileMaker } from '../fixtures/test-bed.ts'
import { libsqlDriver } from '../index.ts'
import { type ParsedStatement, parseStatement, splitScript } from './statement.ts'

const newFile = fileMaker()

const KINDS: readonly (readonly [ParsedStatement['kind'], string])[] = [
  ['read', 'SELECT 1'],
  ['read', 'VALUES (1)'],
  ['read', '/* c */ select 1 -- end'],
  ['read', 'WITH a AS (SELECT 1) SELECT * FROM a'],
  ['read', 'WITH a(x) AS MATERIALIZED (SELECT 1), b AS NOT MATERIALIZED (VALUES (2)) VALUES (1)'],
  ['read', 'WITH RECURSIVE "insert" AS (SELECT 1) SELECT (SELECT 2)'],
  ['write', 'INSERT INTO t VALUES (1)'],
  ['write', 'REPLACE INTO t VALUES (1)'],
  ['write', 'UPDATE t SET a = 1'],
  ['write', 'DELETE FROM t'],
  ['write', 'WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a'],
  ['write', 'WITH a AS (SELECT 1), b(x, y) AS (VALUES (1, 2)) DELETE FROM t'],
  ['write', 'WITH "select" AS (SELECT 1) UPDATE t SET a = 1'],
  ['schema', 'CREATE TABLE t(a)'],
  ['schema', 'DROP TABLE t'],
  ['schema', 'ALTER TABLE t RENAME TO u'],
  ['schema', 'REINDEX'],
  ['schema', 'ANALYZE'],
  ['schema', 'CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; DELETE FROM t; END;'],
  ['explain', 'EXPLAIN QUERY PLAN SELECT 1'],
  ['explain', 'EXPLAIN QUERY PLAN DELETE FROM t'],
  ['vacuum', 'VACUUM'],
  ['vacuum', 'VACUUM main;'],
  ['pragma', 'PRAGMA user_version'],
  ['transaction', 'BEGIN'],
]

const CONTROLS = [
  ['BEGIN', { verb: 'begin', mode: 'deferred' }],
  ['begin deferred transaction', { verb: 'begin', mode: 'deferred' }],
  ['BEGIN CONCURRENT', { verb: 'begin', mode: 'deferred' }],
  ['BEGIN IMMEDIATE', { verb: 'begin', mode: 'immediate' }],
  ['BEGIN EXCLUSIVE TRANSACTION', { verb: 'begin', mode: 'immediate' }],
  ['BEGIN READONLY', { verb: 'begin', mode: 'readonly' }],
  ['COMMIT', { verb: 'commit' }],
  ['END TRANSACTION', { verb: 'commit' }],
  ['ROLLBACK TRANSACTION;', { verb: 'rollback' }],
  ['SAVEPOINT "a b"', { verb: 'savepoint', name: 'a b' }],
  ['RELEASE a', { verb: 'release', name: 'a' }],
  ['RELEASE SAVEPOINT a', { verb: 'release', name: 'a' }],
  ['ROLLBACK TO a', { verb: 'rollback_to', name: 'a' }],
  ['ROLLBACK TRANSACTION TO SAVEPOINT a', { verb: 'rollback_to', name: 'a' }],
] as const

const FAILURES: readonly (readonly [string, string])[] = [
  ['sql_error', ''],
  ['sql_error', ' ; -- nothing'],
  ['sql_error', 'SELECT 1; SELECT 2'],
  ['sql_error', 'SELECT 1\0'],
  ['sql_error', "SELECT 'open"],
  ['sql_error', 'SELEC 1'],
  ['sql_error', '"select" 1'],
  ['sql_error', '1'],
  ['sql_error', 'WITH a AS (SELECT 1)'],
  ['sql_error', 'BEGIN SOON'],
  ['sql_error', 'ROLLBACK TO'],
  ['sql_refused', 'EXPLAIN'],
  ['sql_refused', 'EXPLAIN SELECT 1'],
  ['sql_error', 'EXPLAIN QUERY PLAN'],
  ['sql_error', `SELECT ${'('.repeat(251)}1${')'.repeat(251)}`],
  ['sql_error', `SELECT 1${' UNION SELECT 1'.repeat(500)}`],
  ['sql_error', `SELECT '${'x'.repeat(SQL_BYTES_MAX)}'`],
  ['sql_refused', "ATTACH 'x' AS y"],
  ['sql_refused', 'DETACH y'],
  ['sql_refused', "VACUUM INTO 'x'"],
  ['sql_refused', "VACUUM main INTO 'x'"],
  ['sql_refused', 'VACUUM temp'],
  ['sql_refused', 'CREATE TEMP TABLE t(a)'],
  ['sql_refused', 'CREATE TEMPORARY VIEW v AS SELECT 1'],
  ['sql_refused', 'CREATE TABLE temp.t(a)'],
  ['sql_refused', 'CREATE TABLE "TEMP" . t(a)'],
  ['sql_refused', 'EXPLAIN COMMIT'],
  ['sql_refused', "EXPLAIN SELECT x'ff'"],
  ['sql_refused', "EXPLAIN SELECT @a('), x'ff'"],
  ['sql_refused', 'EXPLAIN EXPLAIN SELECT 1'],
  ['sql_refused', 'EXPLAIN CREATE TABLE t(a)'],
]

const codeOf = (text: string) => {
  try {
    return parseStatement(text).kind
  } catch (error) {
    return isTenaxError(error) ? error.code : error
  }
}

describe('parseStatement', () => {
  it.each(KINDS)('%s: %s', (kind, text) => {
    expect(parseStatement(text).kind).toBe(kind)
  })

  it.each(CONTROLS)('%s is performed by the engine', (text, control) => {
    expect(parseStatement(text)).toMatchObject({ kind: 'transaction', control })
  })

  it.each(FAILURES.map(([code, text]) => [code, text.slice(0, 60), text] as const))('%s: %j', (code, _, text) => {
    expect(codeOf(text)).toBe(code)
  })

  it('text has no comments around it and no semicolon, but keeps those inside', () => {
    expect(parseStatement('-- a\n SELECT /* b */ 1 ; -- c').text).toBe('SELECT /* b */ 1')
  })
})

describe('splitScript', () => {
  it('gives the source of each statement', () => {
    const trigger = 'CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT 1; SELECT CASE WHEN 1 THEN 2 END; END'
    expect(splitScript(`;; BEGIN; ${trigger} ;\n-- c\nCOMMIT`)).toEqual(['BEGIN', trigger, 'COMMIT'])
    expect(splitScript(' -- nothing')).toEqual([])
  })
})

/** SQLite's own verdict: a Transaction opcode with p2 ≠ 0 begins a write. */
function engineSaysWrite(path: string, text: string): boolean {
  const db = libsqlDriver.open(path)
  const rows = db.prepare(`EXPLAIN ${text}`).all()
  db.close()
  return rows.some((row) => row[1] === 'Transaction' && row[3] !== 0n)
}

/** `fts5(optimize)` and the like write; a DROP IF EXISTS of nothing does not: a schema change may be nothing at all. */
describe('the verdict on everyday SQL', () => {
  it.each(readEveryday())('is the engine’s: $name', async (entry) => {
    const file = newFile()
    for (const sql of entry.setup ?? []) await perform(file, sql)
    for (const sql of statementsOf(entry, '')) {
      const { kind, text, tokens } = parseStatement(sql)
      const explainable = !tokens.some(({ type, value }) => type === 'blob' || value.startsWith('zeroblob'))
      if (explainable && kind === 'read') expect([text, engineSaysWrite(file.path, text)]).toEqual([text, false])
      if (explainable && kind === 'write') expect([text, engineSaysWrite(file.path, text)]).toEqual([text, true])
      await perform(file, sql)
    }
    file.close()
  })
})
