/** A defect of the engine's SQLite 3.47 that would take acknowledged commits away in a crash: decision 0012. */
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { perform } from './fixtures/corpus.ts'
import { directoryMaker, fileMaker } from './fixtures/test-bed.ts'
import { libsqlDriver, type SqliteFile } from './index.ts'

const newDirectory = directoryMaker()
const newFile = fileMaker()
const crashed: { close(): void }[] = []
afterAll(() => {
  for (const connection of crashed) connection.close()
})

const TABLES = [
  'CREATE TABLE t(a INTEGER PRIMARY KEY, b, seen INTEGER DEFAULT 1, is_low INTEGER DEFAULT 1 CHECK (is_low))',
  'CREATE TRIGGER mirror AFTER UPDATE OF is_low ON t BEGIN UPDATE t SET seen = 2 WHERE a = 3001 - new.a; END',
  `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
   INSERT INTO t(b) SELECT randomblob(900) FROM n`,
]

/** Each outgrows the page cache, changes pages anew that it has changed before, and is undone. */
const UNDONE: [string, (file: SqliteFile) => void][] = [
  [
    'a savepoint that is rolled back',
    (file) =>
      file.script([
        'SAVEPOINT s',
        'UPDATE t SET b = randomblob(900)',
        'UPDATE t SET b = randomblob(900) WHERE a > 1500',
        'ROLLBACK TO s',
        'RELEASE s',
      ]),
  ],
  [
    'a statement that fails on its last rows',
    (file) =>
      expect(() => file.script(['UPDATE t SET b = randomblob(900), is_low = a < 2990'])).toThrow('CHECK constraint'),
  ],
]

/** How many rows somebody would find who opened a copy of the file as it lies on the disk now. */
function rowsAfterCrash(path: string): unknown {
  const copy = join(newDirectory(), 'crashed.db')
  for (const suffix of ['', '-wal']) copyFileSync(path + suffix, copy + suffix)
  const connection = libsqlDriver.open(copy)
  crashed.push(connection)
  return connection.prepare('SELECT count(*) FROM t').get()?.[0]
}

describe.each(UNDONE)('%s in a transaction larger than the page cache', (_, undo) => {
  it('takes no commit away, neither its own nor a later one', async () => {
    const file = newFile()
    for (const sql of TABLES) await perform(file, sql)
    file.begin('immediate')
    file.script(["INSERT INTO t(b) VALUES ('before')"])
    undo(file)
    await file.commit({ isNumbered: false })
    await perform(file, "INSERT INTO t(b) VALUES ('after')")
    expect(rowsAfterCrash(file.path)).toBe(3_002n)
  })
})
