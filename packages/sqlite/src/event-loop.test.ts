/** Statements that work for long inside one step of the engine never hold the event loop, whatever ran before them. */
import type { SqlValue } from '@tenax/kernel'
import { describe, expect, it } from 'vitest'
import { perform } from './fixtures/corpus.ts'
import { fileMaker } from './fixtures/test-bed.ts'
import type { SqliteFile } from './index.ts'

const newFile = fileMaker()
const ON_LOOP = { mayRunOnLoop: true, timeoutMs: 60_000 }

/** How often the event loop turned while the statement ran, and what it answered. */
async function turnsDuring(file: SqliteFile, sql: string, positional: readonly SqlValue[] = []) {
  let turns = 0
  let isOver = false
  const turn = () => {
    turns += 1
    if (!isOver) setImmediate(turn)
  }
  setImmediate(turn)
  const { result } = await file.execute(await file.prepare(sql), { positional, named: [] }, ON_LOOP)
  isOver = true
  return { turns, rows: result.rows }
}

describe('the event loop goes on', () => {
  it('while instr searches a large value, although the same text was short with small ones', async () => {
    const file = newFile({ nowMs: () => 0 })
    const sql = "SELECT instr(zeroblob(?), zeroblob(?) || x'01')"
    for (let run = 0; run < 5; run += 1) await turnsDuring(file, sql, [1n, 1n])
    const { turns, rows } = await turnsDuring(file, sql, [200_000n, 20_000n])
    expect(rows).toEqual([[0n]])
    expect(turns).toBeGreaterThan(10)
  })

  it('while the rows of a large table are counted or deleted, although the table was small before', async () => {
    const file = newFile({ nowMs: () => 0 })
    await perform(file, 'CREATE TABLE t(a)')
    const [count, clear] = ['SELECT count(*) FROM t', 'DELETE FROM t']
    for (let run = 0; run < 5; run += 1) for (const sql of [count, clear]) await turnsDuring(file, sql)
    await perform(
      file,
      `INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT zeroblob(4000) FROM n`,
    )
    const counted = await turnsDuring(file, count)
    expect(counted).toEqual({ turns: expect.any(Number), rows: [[20_000n]] })
    expect(counted.turns).toBeGreaterThan(10)
    expect((await turnsDuring(file, clear)).turns).toBeGreaterThan(10)
  })
})
