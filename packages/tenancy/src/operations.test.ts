import { ManualClock } from '@tenax/kernel'
import { describe, expect, it } from 'vitest'
import { codeOf, handleMaker } from './fixtures/test-bed.ts'

const newHandle = handleMaker()
const ENDLESS = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)'

async function stage(queryTimeoutMs = 5_000) {
  const open = newHandle(new ManualClock(), { queryTimeoutMs })
  for (const text of [
    'CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, a UNIQUE)',
    'INSERT INTO t(a) VALUES (1), (2), (3)',
    'CREATE TABLE child(t REFERENCES t(id) DEFERRABLE INITIALLY DEFERRED)',
    "CREATE TRIGGER g BEFORE INSERT ON t WHEN new.a = 99 BEGIN SELECT RAISE(FAIL, 'no'); END",
    'CREATE VIRTUAL TABLE f USING fts5(body)',
  ]) {
    await open.rows(text)
  }
  return open
}

describe('the LSN', () => {
  it.each([
    ['INSERT INTO t(a) VALUES (10)', 1],
    ['INSERT INTO t(a) VALUES (10), (11), (12) RETURNING id', 1],
    ['UPDATE t SET a = a', 1],
    ['DELETE FROM t', 1],
    ['REPLACE INTO t(id, a) VALUES (1, 1)', 1],
    ['INSERT INTO t(a) VALUES (1) ON CONFLICT DO UPDATE SET a = 20', 1],
    ['CREATE TABLE u(a)', 1],
    ['CREATE INDEX i ON t(a)', 1],
    ['DROP TABLE child', 1],
    ['ALTER TABLE t RENAME COLUMN a TO b', 1],
    ['PRAGMA user_version = 5', 1],
    ["INSERT INTO f VALUES ('body')", 1],
    ['VACUUM', 1],
    ['UPDATE t SET a = 7 WHERE id = 99', 0],
    ['DELETE FROM t WHERE id = 99', 0],
    ['INSERT INTO t(a) SELECT a FROM t WHERE 0', 0],
    ['CREATE TABLE IF NOT EXISTS t(a)', 1],
    ['SELECT * FROM t', 0],
    ['PRAGMA table_info(t)', 0],
    ['PRAGMA foreign_keys = OFF', 0],
    ['EXPLAIN DELETE FROM t', 0],
    ['INSERT INTO t(a) VALUES (1)', 0],
    ['INSERT INTO t(a) VALUES (50), (99)', 0],
    ['INSERT OR FAIL INTO t(a) VALUES (50), (1)', 0],
    ['INSERT OR ROLLBACK INTO t(a) VALUES (50), (1)', 0],
    ['INSERT INTO child VALUES (77)', 0],
    ['SELECT nothing FROM nowhere', 0],
    ['this is no SQL', 0],
  ])('after %s has gone up by %i', async (text, step) => {
    const { rows, lsn } = await stage()
    const before = await lsn()
    await codeOf(rows(text))
    expect((await lsn()) - before).toBe(step)
  })

  it('goes up whenever the file has changed', async () => {
    const { rows, lsn, handle } = await stage()
    for (const text of [
      'INSERT OR IGNORE INTO t(a) VALUES (1)',
      'INSERT INTO t(a) VALUES (1) ON CONFLICT DO NOTHING',
      "INSERT INTO f(f) VALUES ('optimize')",
      'ANALYZE',
      'REINDEX',
      'PRAGMA optimize',
    ]) {
      const [before, walBytes] = [await lsn(), handle.file.walBytes()]
      await rows(text)
      const grew = handle.file.walBytes() > walBytes
      expect([text, (await lsn()) > before || !grew]).toEqual([text, true])
    }
  })

  it('is dense over many commits, whoever fails between them', async () => {
    const { rows, lsn } = await stage()
    const before = await lsn()
    const outcomes = await Promise.all(
      Array.from({ length: 60 }, (_, n) => codeOf(rows('INSERT INTO t(a) VALUES (?)', BigInt(n % 40) + 100n))),
    )
    const committed = outcomes.filter((outcome) => outcome === 'ok').length
    expect([committed, await lsn()]).toEqual([40, before + 40])
  })
})

describe('one statement', () => {
  it.each(['BEGIN', 'COMMIT', 'ROLLBACK', 'SAVEPOINT a', 'RELEASE a'])('that is %s needs a stream', async (text) => {
    const { rows, handle } = await stage()
    expect(await codeOf(rows(text))).toBe('sql_unsupported')
    expect(handle.file.inTransaction).toBe(false)
  })

  it('leaves nothing when its deferred foreign keys fail at COMMIT', async () => {
    const { rows, handle } = await stage()
    expect(await codeOf(rows('INSERT INTO child VALUES (77)'))).toBe('sql_error')
    expect([handle.file.inTransaction, await rows('SELECT count(*) FROM child')]).toEqual([false, [[0n]]])
  })

  it.each([`${ENDLESS} SELECT max(i) FROM n`, `${ENDLESS} INSERT INTO t(a) SELECT i + 1000 FROM n`])(
    'that never ends stops at the query timeout, and the tenant works right after: %s',
    async (text) => {
      const { rows, handle, lsn } = await stage(200)
      const before = await lsn()
      expect(await codeOf(rows(text))).toBe('query_timeout')
      expect([handle.file.inTransaction, await lsn()]).toEqual([false, before])
      expect(await rows('SELECT count(*) FROM t')).toEqual([[3n]])
      expect(await codeOf(rows('INSERT INTO t(a) VALUES (4)'))).toBe('ok')
    },
  )

  it('that was short and gets long runs again off the loop, its effect once', async () => {
    const { rows, lsn } = await stage()
    const text =
      'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ?) INSERT INTO child SELECT NULL FROM n'
    for (let n = 0; n < 5; n += 1) await rows(text, 1n)
    const before = await lsn()
    await rows(text, 200_000n)
    expect([await rows('SELECT count(*) FROM child'), await lsn()]).toEqual([[[200_005n]], before + 1])
  })

  it('over the page quota is storage_full, and a smaller one works after it', async () => {
    const { rows } = newHandle(new ManualClock(), { pageCountMax: 40 })
    await rows('CREATE TABLE t(a)')
    expect(await codeOf(rows('INSERT INTO t VALUES (zeroblob(400000))'))).toBe('storage_full')
    expect(await codeOf(rows('INSERT INTO t VALUES (1)'))).toBe('ok')
  })
})
