import { ManualClock, TenaxError } from '@tenax/kernel'
import { describe, expect, it } from 'vitest'
import { NONE } from './fixtures/settings.ts'
import { codeOf, handleMaker, until } from './fixtures/test-bed.ts'
import { Session, type UseHandle } from './session.ts'

const newHandle = handleMaker()
const LONG =
  'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 300000) INSERT INTO t SELECT i FROM n'
const suspended = new TenaxError('tenant_suspended', 'the tenant is suspended')

async function stage() {
  const clock = new ManualClock()
  const open = newHandle(clock)
  let pins = 0
  const use: UseHandle = async (fn) => {
    pins += 1
    try {
      return await fn(open.handle)
    } finally {
      pins -= 1
    }
  }
  const session = new Session({ use, clock })
  const run = (text: string) => session.run(text, NONE)
  await run('CREATE TABLE t(a)')
  const count = async () => Number((await open.rows('SELECT count(*) FROM t'))[0]?.[0])
  return { ...open, clock, session, run, count, pins: () => pins }
}

/** What the file holds, asked past a handle that refuses everybody. */
function countPast({ handle }: Awaited<ReturnType<typeof stage>>): unknown {
  return handle.file.engine('SELECT count(*) FROM t').get()?.[0]
}

describe('a fence', () => {
  it('ends an open transaction: rolled back, the pin given back, the stream over with the reason', async () => {
    const scene = await stage()
    await scene.run('BEGIN')
    await scene.run('INSERT INTO t VALUES (1)')
    scene.handle.fence(suspended)
    await until(() => scene.pins() === 0)
    expect(countPast(scene)).toBe(0n)
    expect(scene.session.endedBy).toBe(suspended)
    expect(await codeOf(scene.run('COMMIT'))).toBe('tenant_suspended')
    expect(scene.clock.pending).toBe(0)
  })

  it('ends it after the statement that runs', async () => {
    const scene = await stage()
    await scene.run('BEGIN')
    const running = scene.run(LONG)
    scene.handle.fence(suspended)
    await running
    await until(() => scene.pins() === 0)
    expect([countPast(scene), await codeOf(scene.run('COMMIT'))]).toEqual([0n, 'tenant_suspended'])
  })

  it('that comes while BEGIN waits for its turn lets no transaction begin', async () => {
    const scene = await stage()
    const turn = await scene.handle.takeTurn()
    const begin = codeOf(scene.run('BEGIN'))
    scene.handle.fence(suspended)
    await scene.handle.endTurn(turn)
    expect([await begin, scene.handle.file.inTransaction, scene.pins()]).toEqual(['tenant_suspended', false, 0])
  })

  it('that comes while BEGIN runs leaves no transaction open', async () => {
    const scene = await stage()
    const begin = codeOf(scene.run('BEGIN'))
    await new Promise((resolve) => queueMicrotask(() => resolve(undefined)))
    scene.handle.fence(suspended)
    expect(await begin).toBe('tenant_suspended')
    await until(() => scene.pins() === 0)
    expect(scene.handle.file.inTransaction).toBe(false)
  })

  it('does not end a stream that holds nothing; its next statement is refused', async () => {
    const scene = await stage()
    scene.handle.fence(suspended)
    expect(scene.session.endedBy).toBeUndefined()
    expect(await codeOf(scene.run('SELECT 1'))).toBe('tenant_suspended')
  })
})

describe('close()', () => {
  it('rolls an open transaction back and gives everything back; closing twice is harmless', async () => {
    const scene = await stage()
    await scene.run('BEGIN')
    await scene.run('INSERT INTO t VALUES (1)')
    await scene.session.close()
    await scene.session.close()
    await until(() => scene.pins() === 0)
    expect([await scene.count(), scene.clock.pending]).toEqual([0, 0])
    expect(await codeOf(scene.run('SELECT 1'))).toBe('baton_invalid')
  })

  it.each([
    ['a statement inside a transaction', 'BEGIN', LONG],
    ['BEGIN', 'SELECT 1', 'BEGIN IMMEDIATE'],
    ['a SAVEPOINT', 'SELECT 1', 'SAVEPOINT a'],
  ])('while %s runs leaks no transaction', async (_what, first, text) => {
    const scene = await stage()
    await scene.run(first)
    const running = codeOf(scene.run(text))
    await scene.session.close()
    await running
    await until(() => scene.pins() === 0)
    expect([scene.handle.file.inTransaction, await scene.count(), scene.clock.pending]).toEqual([false, 0, 0])
  })

  it('while COMMIT runs leaves all of the transaction or nothing, and no transaction open', async () => {
    const scene = await stage()
    for (const text of ['BEGIN', 'INSERT INTO t VALUES (1)', 'INSERT INTO t VALUES (2)']) await scene.run(text)
    const commit = codeOf(scene.run('COMMIT'))
    await scene.session.close()
    const outcome = await commit
    await until(() => scene.pins() === 0)
    expect([scene.handle.file.inTransaction, await scene.count()]).toEqual([false, outcome === 'ok' ? 2 : 0])
  })
})

describe('a statement that hears no interrupt', () => {
  it('is answered after its timeout and the grace; the stream is over and its transaction rolled back', async () => {
    const scene = await stage()
    await scene.run('BEGIN')
    const running = codeOf(scene.run(LONG))
    await until(() => scene.clock.pending === 2) // the transaction's own end, and the patience with this statement
    scene.clock.advance(8_000)
    expect(await running).toBe('query_timeout')
    expect(await codeOf(scene.run('COMMIT'))).toBe('query_timeout')
    await until(() => scene.pins() === 0)
    expect([await scene.count(), scene.handle.file.inTransaction]).toEqual([0, false])
  })

  it('outside a transaction ends its stream and leaves nothing; the tenant answers others when it has ended', async () => {
    const scene = await stage()
    const running = codeOf(scene.run(LONG))
    await until(() => scene.clock.pending === 1)
    scene.clock.advance(8_000)
    expect(await running).toBe('query_timeout')
    expect(await codeOf(scene.run('SELECT 1'))).toBe('query_timeout')
    expect(await scene.count()).toBe(0)
  })
})

describe('describe()', () => {
  it('compiles without running, in a transaction and outside of one', async () => {
    const { session, run, count } = await stage()
    expect((await session.describe('INSERT INTO t VALUES (?), (:name)')).parsed.parameters.names).toHaveLength(2)
    await run('BEGIN')
    expect((await session.describe('SELECT a AS b FROM t')).columns.map(({ name }) => name)).toEqual(['b'])
    expect(await codeOf(session.describe('SELEC'))).toBe('sql_error')
    await run('COMMIT')
    expect(await count()).toBe(0)
  })
})

describe('runScript()', () => {
  it('runs statements in order and stops at the first failure, its transaction still open', async () => {
    const { session, run, count } = await stage()
    const script = ['BEGIN', 'INSERT INTO t VALUES (1)', 'INSERT INTO nowhere VALUES (1)', 'INSERT INTO t VALUES (2)']
    expect(await codeOf(session.runScript(script))).toBe('sql_error')
    expect(session.isAutocommit).toBe(false)
    await run('COMMIT')
    expect(await count()).toBe(1)
  })

  it('refuses a script of more than 10,000 statements before it runs any', async () => {
    const { session, count } = await stage()
    const script = Array.from({ length: 10_001 }, () => 'INSERT INTO t VALUES (1)')
    expect([await codeOf(session.runScript(script)), await count()]).toEqual(['sql_error', 0])
  })
})
