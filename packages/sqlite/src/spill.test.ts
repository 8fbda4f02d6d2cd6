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
    await file.commit()
    await perform(file, "INSERT INTO t(b) VALUES ('after')")
    expect(rowsAfterCrash(file.path)).toBe(3_002n)
  })
})
