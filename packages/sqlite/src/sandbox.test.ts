import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { isTenaxError } from '@tenax/kernel'
import { describe, expect, it } from 'vitest'
import { type Attack, perform, plainRows, readAttacks, readEveryday, statementsOf } from './corpus.ts'
import type { SqliteFile } from './index.ts'
import { ENGINE_ROWS, fileMaker } from './test-bed.ts'

const newFile = fileMaker()
const OPTIONS = { mayRunOnLoop: false, timeoutMs: 1_000 }

describe('the attack corpus', () => {
  it('has at least 150 entries, the cached statement first, each named once', () => {
    const attacks = readAttacks()
    expect(attacks.length).toBeGreaterThanOrEqual(150)
    expect(attacks[0]?.group).toBe('cached-statement')
    expect(new Set(attacks.map(({ name }) => name)).size).toBe(attacks.length)
  })

  it.each(readAttacks())('$expect: $name', async (attack) => {
    const file = newFile()
    for (const sql of attack.setup ?? []) await perform(file, sql)
    const failures = await runAttack(file, attack)
    if (attack.expect === 'refused') expect(failures.length).toBeGreaterThan(0)
    expect(failures.filter(({ known }) => !known)).toEqual([])
    expectCheck(file, attack)
    expectUntouched(file)
    await expectWorking(file)
    file.close()
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
