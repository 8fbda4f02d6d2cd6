import { isTenaxError } from '@tenax/kernel'
import { describe, expect, it } from 'vitest'
import { isReservedName } from './reserved.ts'
import { parseStatement } from './statement.ts'

const codeOf = (text: string) => {
  try {
    return parseStatement(text).kind
  } catch (error) {
    return isTenaxError(error) ? error.code : error
  }
}

describe('isReservedName', () => {
  it.each(['tenax', 'tenax_', 'tenax_meta', 'TENAX_META', 'Tenax', 'tEnAx_x'])('%s belongs to the engine', (name) => {
    expect(isReservedName(name)).toBe(true)
  })

  it.each(['', 'tena', 'tenaxx', 'tenax-meta', 'xtenax_meta', ' tenax_meta', 'ténax_meta', 'tena\u212a_'])(
    '%j does not',
    (name) => {
      expect(isReservedName(name)).toBe(false)
    },
  )
})

describe('a definition that names a reserved thing', () => {
  it.each([
    'CREATE TABLE tenax_x(a)',
    'CREATE TABLE IF NOT EXISTS "TENAX_x"(a)',
    'CREATE TABLE main.[tenax_x](a)',
    "CREATE TABLE 'tenax_x' AS SELECT 1",
    'CREATE TABLE x(a REFERENCES tenax_meta)',
    'CREATE TABLE x(a, FOREIGN KEY (a) REFERENCES "tenax_meta"(id))',
    'CREATE VIEW tenax_v AS SELECT 1',
    'CREATE INDEX tenax_i ON t(a)',
    'CREATE INDEX i ON tenax_meta(lsn)',
    'CREATE TRIGGER tenax_t AFTER INSERT ON t BEGIN SELECT 1; END',
    'CREATE TRIGGER t AFTER INSERT ON tenax_meta BEGIN SELECT 1; END',
    'CREATE VIRTUAL TABLE tenax USING fts5(a)',
    "CREATE VIRTUAL TABLE f USING fts5(a, content='tenax_meta')",
    'ALTER TABLE t RENAME TO tenax_t',
    'ALTER TABLE t RENAME TO "Tenax_t"',
    'ALTER TABLE tenax_meta RENAME TO t',
    'ALTER TABLE t ADD COLUMN a REFERENCES tenax_meta',
    'DROP TABLE tenax_meta',
    'DROP TABLE IF EXISTS main.`tenax_meta`',
    'REINDEX tenax_meta',
  ])('%s is refused', (text) => {
    expect(codeOf(text)).toBe('sql_refused')
  })

  it.each([
    'INSERT INTO tenax_meta VALUES (1)',
    'REPLACE INTO "tenax_meta" VALUES (1)',
    'INSERT OR IGNORE INTO [tenax_meta] VALUES (1)',
    'UPDATE tenax_meta SET lsn = 1',
    "UPDATE OR REPLACE 'tenax_meta' SET lsn = 1",
    'DELETE FROM /* x */ TENAX_META',
    'SELECT 1; DELETE FROM tenax_meta',
  ])('a trigger with %s in its body is refused', (body) => {
    expect(codeOf(`CREATE TRIGGER x AFTER INSERT ON t BEGIN ${body}; END`)).toBe('sql_refused')
  })

  it.each([
    'CREATE VIEW v AS SELECT lsn FROM tenax_meta',
    'CREATE TRIGGER x AFTER INSERT ON t BEGIN INSERT INTO u SELECT lsn FROM tenax_meta; END',
    'CREATE TABLE x AS SELECT * FROM tenax_meta',
    'CREATE TABLE tenaxx(tenax_a)',
    "CREATE TABLE x(a DEFAULT 'tenax_meta')",
    'ALTER TABLE t RENAME TO tenants',
  ])('%s is not', (text) => {
    expect(codeOf(text)).toBe('schema')
  })
})
