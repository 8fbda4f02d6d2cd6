import { isTenaxError, ManualClock, type SqlValue } from '@tenax/kernel'
import { describe, expect, it } from 'vitest'
import { codeOf, handleMaker, type OpenHandle } from './fixtures/test-bed.ts'
import { DRAIN_OPERATIONS_MAX } from './limits.ts'

const newHandle = handleMaker()
const INSERT = 'INSERT INTO t(a) VALUES (?)'

/** A handle with a table, whose statements are compiled and known to be short. */
async function warmHandle(...schema: string[]): Promise<OpenHandle> {
  const open = newHandle(new ManualClock()) // a busy machine takes more than the 4 ms of a drain
  for (const sql of ['CREATE TABLE t(a UNIQUE)', ...schema]) await open.rows(sql)
  for (const value of [-1n, -2n, -3n]) await open.rows(INSERT, value)
  await open.rows('DELETE FROM t WHERE a < 0')
  return open
}

/** Runs all at the same time; gives the code of each, or `ok`. */
function together(open: OpenHandle, texts: readonly (readonly [string, ...SqlValue[]])[]): Promise<string[]> {
  return Promise.all(texts.map(([sql, ...args]) => codeOf(open.rows(sql, ...args))))
}

async function known(open: OpenHandle, sql: string, ...args: SqlValue[]): Promise<void> {
  for (let run = 0; run < 3; run += 1) await open.rows(sql, ...args).catch((error) => isTenaxError(error))
}

describe('operations that wait at the same time', () => {
  it('share one commit, and each gets its own result', async () => {
    const open = await warmHandle()
    const before = await open.lsn()
    const results = await Promise.all(
      Array.from({ length: 8 }, (_, n) =>
        open.handle.execute(INSERT, { positional: [BigInt(n)], named: [] }).then(({ rowsAffected }) => rowsAffected),
      ),
    )
    expect(results).toEqual([1, 1, 1, 1, 1, 1, 1, 1])
    expect(await open.lsn()).toBe(before + 1)
    expect(await open.rows('SELECT count(*) FROM t')).toEqual([[8n]])
  })

  it('see what those before them have written', async () => {
    const open = await warmHandle()
    const all = 'SELECT a FROM t ORDER BY a'
    await known(open, all)
    const [, first, , second] = await Promise.all([
      open.rows(INSERT, 1n),
      open.rows(all),
      open.rows(INSERT, 2n),
      open.rows(all),
    ])
    expect([first, second]).toEqual([[[1n]], [[1n], [2n]]])
  })

  it('are at most so many in one commit; all are done in the end', async () => {
    const open = await warmHandle()
    const before = await open.lsn()
    const count = DRAIN_OPERATIONS_MAX * 2 + 1
    await together(
      open,
      Array.from({ length: count }, (_, n) => [INSERT, BigInt(n)] as const),
    )
    expect(await open.rows('SELECT count(*) FROM t')).toEqual([[BigInt(count)]])
    expect((await open.lsn()) - before).toBeGreaterThanOrEqual(3)
  })
})

describe('one of eight', () => {
  const OTHERS = [1n, 2n, 3n, 4n, 5n, 6n, 7n]
  const others = OTHERS.map((value) => [INSERT, value] as const)

  /** Runs the odd one among seven inserts, which must all be there, once. */
  async function amongSeven(open: OpenHandle, odd: readonly [string, ...SqlValue[]]): Promise<string> {
    const codes = await together(open, [...others.slice(0, 3), odd, ...others.slice(3)])
    expect(codes.toSpliced(3, 1)).toEqual(OTHERS.map(() => 'ok'))
    expect(await open.rows('SELECT a FROM t WHERE a > 0 AND a < 10 ORDER BY a')).toEqual(OTHERS.map((value) => [value]))
    return codes[3] ?? ''
  }

  it('that breaks a constraint fails alone', async () => {
    const open = await warmHandle()
    await open.rows(INSERT, 100n)
    const before = await open.lsn()
    expect(await amongSeven(open, [INSERT, 100n])).toBe('sql_error')
    expect(await open.lsn()).toBe(before + 1)
  })

  it('with OR ROLLBACK ends the transaction: the other seven run again, each once', async () => {
    const open = await warmHandle()
    await open.rows(INSERT, 100n)
    const odd = 'INSERT OR ROLLBACK INTO t(a) VALUES (?)'
    await known(open, odd, 100n)
    for (const value of [201n, 202n, 203n]) await open.rows(odd, value)
    expect(await amongSeven(open, [odd, 100n])).toBe('sql_error')
  })

  it('with RAISE(ROLLBACK) ends the transaction: the other seven run again, each once', async () => {
    const open = await warmHandle(
      "CREATE TRIGGER no BEFORE INSERT ON t WHEN new.a = 100 BEGIN SELECT RAISE(ROLLBACK, 'no'); END",
    )
    expect(await amongSeven(open, [INSERT, 100n])).toBe('sql_error')
  })

  it('with a deferred foreign key fails at COMMIT: the other seven run again, each once', async () => {
    const open = await warmHandle(
      'CREATE TABLE parent(id INTEGER PRIMARY KEY)',
      'CREATE TABLE child(id REFERENCES parent(id) DEFERRABLE INITIALLY DEFERRED)',
    )
    const odd = 'INSERT INTO child VALUES (?)'
    await open.rows('INSERT INTO parent VALUES (1)')
    await known(open, odd, 1n)
    expect(await amongSeven(open, [odd, 9n])).toBe('sql_error')
    expect(await open.rows('SELECT count(*) FROM child WHERE id = 9')).toEqual([[0n]])
  })

  it('that runs too long ends the transaction: the other seven run again, and it is done off the loop', async () => {
    const open = await warmHandle('CREATE TABLE many(a)')
    const odd = `INSERT INTO many WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) SELECT i FROM n`
    await known(open, odd, 1n)
    expect(await amongSeven(open, [odd, 300_000n])).toBe('ok')
    expect(await open.rows('SELECT count(*) FROM many')).toEqual([[300_003n]])
  })
})

it('a change of the schema between enqueuing and running is seen: nothing runs on an old statement', async () => {
  const open = await warmHandle()
  const outcomes = await together(open, [
    ['ALTER TABLE t RENAME TO old'],
    [INSERT, 1n],
    ['CREATE TABLE t(a, b DEFAULT 7)'],
    [INSERT, 2n],
  ])
  expect(outcomes[0]).toBe('ok')
  expect(await open.rows('SELECT count(*) FROM old WHERE a = 2')).toEqual([[0n]])
})
