import { isTenaxError } from '@tenax/kernel'
import { describe, expect, it } from 'vitest'
import { perform } from './fixtures/corpus.ts'
import { fileMaker } from './fixtures/test-bed.ts'
import type { SqliteFile } from './index.ts'
import { SCHEMA_BYTES_MAX, VIEWS_MAX } from './limits.ts'
import { isCheapDefinition, SCHEMA_SIZE_SQL } from './schema-size.ts'

const newFile = fileMaker()
const ON_LOOP = { mayRunOnLoop: true, timeoutMs: 5_000 }
const NONE = { positional: [], named: [] }

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'ok',
    (error: unknown) => (isTenaxError(error) ? error.code : String(error)),
  )
}

const sizeOf = (file: SqliteFile) => Number(file.engine(SCHEMA_SIZE_SQL).get()?.[0])

/** A definition of exactly so many bytes, most of them in a comment of two-byte letters. */
function tableOf(name: string, bytes: number): string {
  const [head, tail] = [`CREATE TABLE ${name}(a /*`, '*/)']
  const letters = bytes - head.length - tail.length
  return `${head}${'é'.repeat(Math.floor(letters / 2))}${' '.repeat(letters % 2)}${tail}`
}

describe('the size of a schema', () => {
  it('is the bytes of its definitions, not their characters: the last one may fill it to the limit, no further', async () => {
    const file = newFile()
    file.script([tableOf('big', SCHEMA_BYTES_MAX - sizeOf(file) - 1_000)])
    expect(SCHEMA_BYTES_MAX - sizeOf(file)).toBe(1_000)
    expect(await codeOf(perform(file, tableOf('last', 1_001)))).toBe('sql_error')
    expect(await codeOf(perform(file, tableOf('last', 1_000)))).toBe('ok')
    expect(sizeOf(file)).toBe(SCHEMA_BYTES_MAX)
    expect(await codeOf(perform(file, 'CREATE INDEX i ON big(a)'))).toBe('sql_error')
    expect(await codeOf(perform(file, 'INSERT INTO last VALUES (1)'))).toBe('ok')
  })

  it('is bounded in views, which are refused beyond the limit, and in nothing else', async () => {
    const file = newFile()
    const views = Array.from({ length: VIEWS_MAX - 1 }, (_, index) => `CREATE VIEW v${index} AS SELECT 1`)
    file.transaction(() => file.script(views))
    expect(await codeOf(perform(file, 'CREATE VIEW last AS SELECT 1'))).toBe('ok')
    expect(await codeOf(perform(file, 'CREATE VIEW more AS SELECT 1'))).toBe('sql_error')
    expect(await codeOf(perform(file, 'CREATE TABLE t(a)'))).toBe('ok')
    expect(await codeOf(perform(file, 'DROP VIEW v0'))).toBe('ok')
    expect(await codeOf(perform(file, 'CREATE VIEW more AS SELECT 1'))).toBe('ok')
  })
})

describe('definitions', () => {
  it.each([
    ['CREATE TABLE t(a DEFAULT (abs(1)), CHECK (length(a) > 1))', true],
    ['CREATE TABLE t(a DEFAULT (hex(1)))', false],
    ['CREATE INDEX i ON t(a)', true],
    ['CREATE INDEX i ON t(lower(a))', false],
    ['CREATE VIEW v AS SELECT a FROM t', true],
    ['CREATE VIEW v AS SELECT instr(a, b) FROM t', false],
    ['CREATE TRIGGER g AFTER INSERT ON t BEGIN UPDATE t SET a = replace(a, 1, 2); END', false],
    ['CREATE VIRTUAL TABLE f USING fts5(a)', false],
  ])('%s may run on the event loop: %s', (sql, expected) => {
    expect(isCheapDefinition(sql)).toBe(expected)
  })

  it.each([
    'CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT instr(new.a, new.a); END',
    'CREATE INDEX i ON t(upper(a))',
    'CREATE TABLE other(a CHECK (instr(a, a)))',
    'CREATE VIEW v AS SELECT hex(a) FROM t',
  ])('one that is costly keeps every statement of its file off the loop, until it is dropped: %s', async (sql) => {
    const file = newFile({ nowMs: () => 0 })
    await perform(file, 'CREATE TABLE t(a)')
    expect(await offThreadRuns(file, 'INSERT INTO t VALUES (1)')).toBe(1)
    await perform(file, sql)
    expect(await offThreadRuns(file, 'INSERT INTO t VALUES (1)')).toBe(3)
    const [, kind, name] = /CREATE (\w+) (\w+)/.exec(sql) ?? []
    await perform(file, `DROP ${kind} ${name}`)
    expect(await offThreadRuns(file, 'INSERT INTO t VALUES (1)')).toBe(1)
  })
})

it("a costly check of the engine's own tables keeps no statement of the tenant off the loop", async () => {
  const file = newFile({ nowMs: () => 0 })
  file.script(["CREATE TABLE tenax_name(a TEXT CHECK (a NOT GLOB '*[^a-z]*'))"])
  await perform(file, 'CREATE TABLE t(a)')
  expect(await offThreadRuns(file, 'INSERT INTO t VALUES (1)')).toBe(1)
})

/** Of three runs that may be on the loop, how many were not: each of those counts down `runsBeforeTry`. */
async function offThreadRuns(file: SqliteFile, sql: string): Promise<number> {
  const prepared = await file.prepare(sql)
  const before = prepared.runsBeforeTry
  for (let run = 0; run < 3; run += 1) await file.execute(prepared, NONE, ON_LOOP)
  return before - prepared.runsBeforeTry
}
