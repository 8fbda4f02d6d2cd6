/** A defect of the engine's SQLite 3.47 that would take acknowledged commits away in a crash: decision 0012. */
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { perform } from './fixtures/corpus.ts'
import { directoryMaker, fileMaker } from './fixtures/test-bed.ts'
import { UNDONE, UNDONE_SCHEMA, undo } from './fixtures/undone.ts'
import { libsqlDriver } from './index.ts'

const newDirectory = directoryMaker()
const newFile = fileMaker()
const crashed: { close(): void }[] = []
afterAll(() => {
  for (const connection of crashed) connection.close()
})

/** How many rows somebody would find who opened a copy of the file as it lies on the disk now. */
function rowsAfterCrash(path: string): unknown {
  const copy = join(newDirectory(), 'crashed.db')
  for (const suffix of ['', '-wal']) copyFileSync(path + suffix, copy + suffix)
  const connection = libsqlDriver.open(copy)
  crashed.push(connection)
  return connection.prepare('SELECT count(*) FROM t').get()?.[0]
}

describe.each(UNDONE)('$what in a transaction larger than the page cache', (one) => {
  it('takes no commit away, neither its own nor a later one', async () => {
    const file = newFile()
    for (const sql of UNDONE_SCHEMA) await perform(file, sql)
    file.begin('immediate')
    file.script(["INSERT INTO t(b) VALUES ('before')"])
    undo(one, (statements) => file.script(statements))
    await file.commit({ isNumbered: false })
    await perform(file, "INSERT INTO t(b) VALUES ('after')")
    expect(rowsAfterCrash(file.path)).toBe(3_002n)
  })
})

describe('a transaction that changes more than the limit', () => {
  /** 260 MiB, in one row. */
  const TOO_MUCH = 'INSERT INTO t(b) VALUES (zeroblob(272629760))'
  const code = 'transaction_too_large'

  it('is refused by its statement, rolled back, and takes nothing away', async () => {
    const file = newFile()
    await perform(file, 'CREATE TABLE t(a INTEGER PRIMARY KEY, b)')
    await perform(file, "INSERT INTO t(b) VALUES ('before')")
    await expect(perform(file, TOO_MUCH)).rejects.toMatchObject({ code })
    expect(file.inTransaction).toBe(false)
    await perform(file, "INSERT INTO t(b) VALUES ('after')")
    expect(rowsAfterCrash(file.path)).toBe(2n)
  })

  it('is refused at COMMIT when the statement that spilled had failed, or was the engine’s', async () => {
    const file = newFile()
    await perform(file, 'CREATE TABLE t(a INTEGER PRIMARY KEY, b, c INTEGER CHECK (c))')
    file.begin('immediate')
    const failing = await file.prepare('INSERT INTO t(b, c) VALUES (zeroblob(272629760), 1), (NULL, 0)')
    const options = { mayRunOnLoop: false, timeoutMs: 60_000 }
    await expect(file.execute(failing, { positional: [], named: [] }, options)).rejects.toMatchObject({
      code: 'sql_error',
    })
    expect(file.inTransaction).toBe(true)
    await expect(file.commit({ isNumbered: true })).rejects.toMatchObject({ code })
    expect(() => file.transaction(() => file.engine(TOO_MUCH).get())).toThrow('256 MiB')
    await perform(file, "INSERT INTO t(b, c) VALUES ('after', 1)")
    expect(rowsAfterCrash(file.path)).toBe(1n)
  })

  it('is what VACUUM may be', async () => {
    const file = newFile()
    await perform(file, 'CREATE TABLE t(a INTEGER PRIMARY KEY, b)')
    for (let count = 0; count < 2; count += 1) await perform(file, 'INSERT INTO t(b) VALUES (zeroblob(146800640))')
    expect(await file.checkpoint()).toBe(true)
    await file.vacuum()
    expect(rowsAfterCrash(file.path)).toBe(2n)
    await expect(perform(file, TOO_MUCH)).rejects.toMatchObject({ code })
  })
})
