import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { ManualClock, TenaxError } from '@tenax/kernel'
import { afterEach, describe, expect, it } from 'vitest'
import { type OtherProcess, startOther } from './fixtures/other-process.ts'
import { codeOf, handleMaker, openHandleAt } from './fixtures/test-bed.ts'
import { HANDLE_QUEUE_MAX } from './limits.ts'

const newHandle = handleMaker()
const others: OtherProcess[] = []

async function shellOn(path: string, ...script: string[]): Promise<OtherProcess> {
  const shell = await startOther('shell', path)
  others.push(shell)
  for (const line of script) await shell.ask(line)
  return shell
}

afterEach(async () => {
  for (const other of others.splice(0)) await other.end()
})

async function table(...arguments_: Parameters<typeof newHandle>) {
  const open = newHandle(...arguments_)
  await open.rows('CREATE TABLE t(a UNIQUE)')
  const count = async () => Number((await open.rows('SELECT count(*) FROM t'))[0]?.[0])
  return { ...open, count }
}

describe('operations on one handle', () => {
  it('run one after another in order, and one that fails fails alone', async () => {
    const { rows } = await table()
    const texts = [1, 2, 1, 3].map((value) => `INSERT INTO t VALUES (${value})`)
    const outcomes = await Promise.all(texts.map((text) => codeOf(rows(text))))
    expect(outcomes).toEqual(['ok', 'ok', 'sql_error', 'ok'])
    expect(await rows('SELECT a FROM t ORDER BY rowid')).toEqual([[1n], [2n], [3n]])
  })

  it('are turned away when the queue is full, and the others are served', async () => {
    const { handle, rows, count } = await table()
    const turn = await handle.takeTurn()
    const asked = Array.from({ length: HANDLE_QUEUE_MAX + 5 }, () => codeOf(rows('INSERT INTO t VALUES (NULL)')))
    await handle.endTurn(turn)
    const outcomes = await Promise.all(asked)
    expect(outcomes.filter((outcome) => outcome === 'overloaded')).toHaveLength(5)
    expect(await count()).toBe(HANDLE_QUEUE_MAX)
  })

  it('are refused after a fence, those who wait included, with the first reason', async () => {
    const { handle, rows } = await table()
    const turn = await handle.takeTurn()
    const waiting = codeOf(rows('INSERT INTO t VALUES (1)'))
    handle.fence(new TenaxError('tenant_suspended', 'first'))
    handle.fence(new TenaxError('tenant_not_found', 'second'))
    expect([await waiting, await codeOf(rows('SELECT 1'))]).toEqual(['tenant_suspended', 'tenant_suspended'])
    await handle.endTurn(turn)
    expect(handle.fencedBy?.code).toBe('tenant_suspended')
  })
})

describe('the WAL', () => {
  it('is emptied when it reaches 4 MiB, not before', async () => {
    const { handle, rows } = await table()
    await rows('INSERT INTO t VALUES (randomblob(1500000))')
    expect(handle.file.walBytes()).toBeGreaterThan(3_000_000)
    await rows('INSERT INTO t VALUES (randomblob(1500000))')
    expect(handle.file.walBytes()).toBe(0)
  })

  it('is emptied after 2 s of quiet, and then costs nothing', async () => {
    const { handle } = await table()
    handle.quiet(1_999)
    await handle.exclusively(async () => undefined)
    expect(handle.file.walBytes()).toBeGreaterThan(0)
    handle.quiet(2_000)
    await handle.exclusively(async () => undefined)
    expect(handle.file.walBytes()).toBe(0)
  })

  it('stays while an export reads the main file', async () => {
    const { handle, rows } = await table()
    const thaw = handle.freeze(() => undefined)
    for (let n = 0; n < 2; n += 1) await rows('INSERT INTO t VALUES (randomblob(3000000))')
    handle.quiet(60_000)
    await handle.exclusively(async () => undefined)
    expect(handle.file.walBytes()).toBeGreaterThan(6_000_000)
    thaw()
    thaw()
    await rows('INSERT INTO t VALUES (1)')
    expect([handle.isFrozen, handle.file.walBytes()]).toEqual([false, 0])
  })
})

describe('close()', () => {
  it('leaves an empty WAL and everything in the main file', async () => {
    const { handle, rows, path } = await table()
    await rows('INSERT INTO t VALUES (7)')
    expect(await handle.close('evict')).toBe(true)
    const again = openHandleAt(path, new ManualClock())
    expect(await again.rows('SELECT a FROM t')).toEqual([[7n]])
    expect(await codeOf(rows('SELECT 1'))).toBe('unavailable')
  })

  it('refuses while another process keeps the WAL from being emptied, and works after it', async () => {
    const { handle, rows, count, path } = await table()
    await rows('INSERT INTO t VALUES (1)')
    const shell = await shellOn(path, 'BEGIN; SELECT * FROM t')
    await rows('INSERT INTO t VALUES (2)')
    expect(await handle.close('evict')).toBe(false)
    expect([await count(), handle.fencedBy]).toEqual([2, undefined])
    await shell.ask('COMMIT')
    expect(await handle.close('evict')).toBe(true)
  })

  it('of a deleted tenant waits for no checkpoint', async () => {
    const { handle, path } = await table()
    await shellOn(path, 'BEGIN; SELECT * FROM t')
    expect(await handle.close('delete')).toBe(true)
  })

  it('waits for the operation that runs', async () => {
    const { handle, rows, path } = await table()
    const running = rows(
      'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 50000) INSERT INTO t SELECT i FROM n',
    )
    const closed = handle.close('idle')
    await running
    expect(await closed).toBe(true)
    expect(await openHandleAt(path, new ManualClock()).rows('SELECT count(*) FROM t')).toEqual([[50_000n]])
  })
})

describe('a lock of another process', () => {
  it('is waited for: the write comes through when it is gone', async () => {
    const { rows, count, path } = await table()
    const shell = await shellOn(path, 'BEGIN IMMEDIATE')
    const writing = codeOf(rows('INSERT INTO t VALUES (1)'))
    await shell.ask('ROLLBACK')
    expect([await writing, await count()]).toEqual(['ok', 1])
  })

  it('that stays is an error after some 2 s, reads go on, and nothing is quarantined', async () => {
    const clock = new ManualClock()
    const { rows, count, path, damage } = await table(clock)
    await rows('INSERT INTO t VALUES (1)') // compiled: below, the clock runs faster than an engine thread answers
    const shell = await shellOn(path, 'BEGIN IMMEDIATE')
    let outcome: string | undefined
    const writing = codeOf(rows('INSERT INTO t VALUES (1)')).then((code) => {
      outcome = code
    })
    while (outcome === undefined) {
      clock.advance(5)
      await new Promise((resolve) => setImmediate(resolve))
    }
    await writing
    expect([outcome, await count(), damage]).toEqual(['unavailable', 1, []])
    await shell.ask('ROLLBACK')
    expect(await codeOf(rows('INSERT INTO t VALUES (2)'))).toBe('ok')
  })

  it.each(['BEGIN IMMEDIATE', 'BEGIN; SELECT * FROM t'])(
    'makes the idle checkpoint wait, not fail: %s',
    async (lock) => {
      const { handle, path, damage, count } = await table()
      const shell = await shellOn(path, lock)
      handle.quiet(60_000)
      await count()
      await shell.ask('ROLLBACK')
      handle.quiet(60_000)
      await count()
      expect([damage, handle.file.walBytes()]).toEqual([[], 0])
    },
  )

  it('and its owner’s writes and close lose none of ours', async () => {
    const { handle, rows, path } = await table()
    for (let round = 0; round < 3; round += 1) {
      await rows('INSERT INTO t VALUES (?)', BigInt(round))
      const shell = await shellOn(path, `INSERT INTO t VALUES (${100 + round}); PRAGMA wal_checkpoint(TRUNCATE)`)
      await rows('INSERT INTO t VALUES (?)', BigInt(10 + round))
      await others.splice(others.indexOf(shell), 1)[0]?.end()
      await rows('INSERT INTO t VALUES (?)', BigInt(20 + round))
    }
    expect(await handle.close('drain')).toBe(true)
    const again = openHandleAt(path, new ManualClock())
    expect(await again.rows('SELECT count(*) FROM t')).toEqual([[12n]])
    expect(await again.rows('PRAGMA integrity_check')).toEqual([['ok']])
  })
})

describe('damage', () => {
  const SECRET = 'a needle in the heap'

  async function damagedHandle(patch: (bytes: Buffer) => number) {
    const { handle, rows, path } = await table()
    await rows(
      'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 2000) INSERT INTO t SELECT i || ? FROM n',
      SECRET,
    )
    await handle.close('drain')
    const at = patch(readFileSync(path))
    const descriptor = openSync(path, 'r+')
    writeSync(descriptor, Buffer.alloc(64, 0xa5), 0, 64, at)
    closeSync(descriptor)
    return openHandleAt(path, new ManualClock())
  }

  it('that the file’s check confirms is reported with the reason', async () => {
    const open = await damagedHandle((bytes) => Math.floor(bytes.indexOf(SECRET) / 4_096) * 4_096)
    expect(await codeOf(open.rows('SELECT sum(length(a)) FROM t NOT INDEXED'))).not.toBe('ok')
    expect(open.damage).toHaveLength(1)
    expect(open.damage[0]).toContain('the database file is damaged')
  })

  it('that the file’s check does not confirm is a failure of the statement alone', async () => {
    const { handle, damage, count } = await table()
    const error = new TenaxError('internal', 'no', { details: { sqliteCode: 'SQLITE_CORRUPT' } })
    expect(await codeOf(handle.exclusively(() => Promise.reject(error)))).toBe('internal')
    expect([damage, await count()]).toEqual([[], 0])
  })
})
