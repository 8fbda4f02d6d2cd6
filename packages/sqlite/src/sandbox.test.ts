import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { isTenaxError } from '@tenax/kernel'
import { describe, expect, it } from 'vitest'
import { DENIED_FUNCTIONS, TENANT_POLICY } from './core/policy.ts'
import { type Attack, perform, plainRows, readAttacks, readEveryday, statementsOf } from './fixtures/corpus.ts'
import { ENGINE_ROWS, fileMaker } from './fixtures/test-bed.ts'
import { libsqlDriver, type SqliteFile } from './index.ts'

const newFile = fileMaker()
const OPTIONS = { mayRunOnLoop: false, timeoutMs: 1_000 }

describe('the attack corpus', () => {
  it('has at least 150 entries, the cached statement first, each named once', () => {
    const attacks = readAttacks()
    expect(attacks.length).toBeGreaterThanOrEqual(150)
    expect(attacks[0]?.group).toBe('cached-statement')
    expect(new Set(attacks.map(({ name }) => name)).size).toBe(attacks.length)
  })

  // The group `hang` needs a process that can be killed: packages/sim/src/hang runs it.
  it.each(readAttacks().filter(({ group }) => group !== 'hang'))('$expect: $name', async (attack) => {
    const file = newFile()
    const failures = await runAttack(file, attack)
    if (attack.expect === 'refused') expect(failures.length).toBeGreaterThan(0)
    expect(failures.filter(({ known }) => !known)).toEqual([])
    expectCheck(file, attack)
    expectUntouched(file)
    await expectWorking(file)
    file.close()
  })
})

describe('what a definition hides', () => {
  it.each([
    ['a view', ["CREATE VIEW w AS SELECT readfile('/etc/hostname') AS a"], 'SELECT * FROM w'],
    ['a view over a page table', ['CREATE VIEW w AS SELECT * FROM sqlite_dbpage'], 'SELECT * FROM w'],
    ['a view over a directory', ["CREATE VIEW w AS SELECT name FROM fsdir('/etc')"], 'SELECT * FROM w'],
    ['a default', ["CREATE TABLE g(a, b DEFAULT (readfile('/etc/hostname')))"], 'INSERT INTO g(a) VALUES (1)'],
    [
      'a trigger',
      ['CREATE TABLE t(a)', "CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT writefile('tenax-sandbox', 'x'); END"],
      'INSERT INTO t VALUES (1)',
    ],
    [
      'a trigger on a page table',
      [
        'CREATE TABLE t(a)',
        'CREATE TRIGGER g AFTER INSERT ON t BEGIN UPDATE sqlite_dbpage SET data = zeroblob(4096); END',
      ],
      'INSERT INTO t VALUES (1)',
    ],
  ])('of %s that came with a file is refused when it is used', async (_, definitions, use) => {
    const file = newFile()
    file.script(definitions)
    await expect(perform(file, use)).rejects.toSatisfy((error: unknown) => isTenaxError(error))
    expectUntouched(file)
    file.close()
  })
})

describe('the lists of functions', () => {
  it('name every function of the engine, so that a new one is decided upon before it comes in by a definition', () => {
    const allowed = TENANT_POLICY.rules
      .filter(({ actions, allow }) => allow && actions.includes('FUNCTION'))
      .flatMap(({ entity }) => (entity !== undefined && 'names' in entity ? entity.names : []))
    const known = new Set([...allowed, ...DENIED_FUNCTIONS])
    const connection = libsqlDriver.open(':memory:')
    const names = connection.prepare('SELECT DISTINCT name FROM pragma_function_list').all().flat()
    connection.close()
    expect(names.length).toBeGreaterThan(150)
    expect(names.filter((name) => !known.has(String(name)))).toEqual([])
    expect(allowed.filter((name) => DENIED_FUNCTIONS.has(name))).toEqual([])
  })
})

describe('everyday SQL', () => {
  it.each(readEveryday())('works: $name', async (entry) => {
    const file = newFile()
    for (const sql of entry.setup ?? []) await perform(file, sql)
    let rows: unknown
    for (const sql of statementsOf(entry, dirname(file.path))) rows = plainRows((await perform(file, sql)).rows)
    if (entry.rows !== undefined) expect(rows).toEqual(entry.rows)
    expectUntouched(file)
    await expectWorking(file)
    file.close()
  })
})

/** Runs all statements of an attack. A failure is known when it is a TenaxError that is not the engine's own fault. */
async function runAttack(file: SqliteFile, attack: Attack): Promise<{ known: boolean; error: unknown }[]> {
  const failures: { known: boolean; error: unknown }[] = []
  for (const sql of attack.setup ?? []) {
    // What prepares an attack may itself be refused by now, and then the attack is; any other failure is a broken entry.
    await perform(file, sql).catch((error: unknown) => {
      if (!isTenaxError(error, 'sql_refused')) throw error
      failures.push({ known: true, error })
    })
    if (failures.length > 0) return failures
  }
  for (const sql of statementsOf(attack, dirname(file.path))) {
    try {
      await perform(file, sql, OPTIONS)
    } catch (error) {
      failures.push({ known: isTenaxError(error) && error.kind !== 'internal', error })
    }
  }
  return failures
}

function expectCheck(file: SqliteFile, attack: Attack): void {
  const { absentFile, check } = attack
  if (absentFile !== undefined) expect(existsSync(absentFile.replaceAll('$TMP', dirname(file.path)))).toBe(false)
  if (check !== undefined) expect(plainRows(file.engine(check.sql).all())).toEqual(check.rows)
}

/** No attack may leave a trace in the engine's tables, in the temp schema, in the list of databases, or in a pragma. */
function expectUntouched(file: SqliteFile): void {
  const read = (sql: string) => plainRows(file.engine(sql).all())
  expect(read('SELECT * FROM tenax_meta')).toEqual(ENGINE_ROWS.meta)
  expect(read('SELECT * FROM tenax_migration')).toEqual(ENGINE_ROWS.migration)
  expect(read('SELECT name FROM temp.sqlite_schema')).toEqual([])
  expect(read("SELECT name FROM pragma_database_list WHERE name NOT IN ('main', 'temp')")).toEqual([])
  expect(read("SELECT name FROM sqlite_schema WHERE sql IS NOT NULL AND name LIKE 'tenax\\_%' ESCAPE '\\'")).toEqual([
    ['tenax_meta'],
    ['tenax_migration'],
  ])
  for (const [name, value] of ENGINE_ROWS.pragmas) expect([name, read(`PRAGMA ${name}`)]).toEqual([name, [[value]]])
}

/** The file is sound, and takes reads and writes. */
async function expectWorking(file: SqliteFile): Promise<void> {
  expect(file.inTransaction).toBe(false)
  expect(file.engine('PRAGMA integrity_check(1)').all()).toHaveLength(1)
  await perform(file, 'CREATE TABLE sound_after(a)')
  await perform(file, 'INSERT INTO sound_after VALUES (1)')
  expect((await perform(file, 'SELECT a FROM sound_after')).rows).toEqual([[1n]])
}
