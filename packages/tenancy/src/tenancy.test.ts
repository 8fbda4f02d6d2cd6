import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { ManualClock } from '@tenax/kernel'
import { zombieCount } from '@tenax/sqlite'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { databaseBytes } from './fixtures/odd-files.ts'
import { idOf, NONE, streamOf } from './fixtures/settings.ts'
import { codeOf, descriptorsBelow, filesBelow, type OpenTenancy, tenancyMaker, until } from './fixtures/test-bed.ts'

const newTenancy = tenancyMaker()
const all = { limit: 100, afterId: '', prefix: '', accepts: () => true }

function pathOf({ dataPath, tenancy }: OpenTenancy, text: string): string {
  const { incarnation, file } = tenancy.get(idOf(text))
  const path = filesBelow(dataPath).find((each) => each.endsWith(`${incarnation}/${file}.db`))
  return `${dataPath}/${path}`
}

describe('create, get, delete', () => {
  it('make a tenant that serves, show it, and leave nothing of it', async () => {
    const open = await newTenancy({ clock: new ManualClock(5_000) })
    const record = await open.tenancy.create(idOf('acme'))
    expect(record).toMatchObject({ id: 'acme', state: 'warm', createdAtMs: 5_000 })
    expect(open.tenancy.get(idOf('acme'))).toEqual(record)
    const receipt = await open.tenancy.delete(idOf('acme'))
    expect(receipt).toEqual({
      id: 'acme',
      incarnation: record.incarnation,
      deletedAtMs: 5_000,
      remains: ['local_ledger'],
    })
    expect(filesBelow(open.dataPath).filter((path) => path.includes(record.incarnation))).toEqual([])
    expect(await codeOf(() => open.tenancy.get(idOf('acme')))).toBe('tenant_not_found')
  })

  it('answer by code for what is there and what is not', async () => {
    const { tenancy, sql } = await newTenancy()
    await tenancy.create(idOf('acme'))
    expect(await codeOf(tenancy.create(idOf('acme')))).toBe('tenant_exists')
    const absent = idOf('absent')
    const verbs = [() => tenancy.delete(absent), () => tenancy.suspend(absent), () => tenancy.resume(absent)]
    for (const work of [...verbs, () => sql(absent, 'SELECT 1')]) expect(await codeOf(work)).toBe('tenant_not_found')
  })

  it('of one id at once: one wins, the others are told', async () => {
    const { tenancy, sql } = await newTenancy()
    const outcomes = await Promise.all([1, 2, 3, 4].map(() => codeOf(tenancy.create(idOf('acme')))))
    expect(outcomes.sort()).toEqual(['ok', 'tenant_in_transition', 'tenant_in_transition', 'tenant_in_transition'])
    expect(await sql(idOf('acme'), 'SELECT 1')).toEqual([[1n]])
  })

  it('again under the same id meet no old row, no old stream, no old number', async () => {
    const { tenancy, sql } = await newTenancy()
    const id = idOf('acme')
    const first = await tenancy.create(id)
    await sql(id, 'CREATE TABLE t AS SELECT 1 AS a')
    const idle = (await tenancy.openSession(id)).session
    const busy = (await tenancy.openSession(id)).session
    await busy.run('BEGIN', NONE)
    await tenancy.delete(id)
    const second = await tenancy.create(id)
    expect(second.incarnation).not.toBe(first.incarnation)
    expect(await codeOf(sql(id, 'SELECT * FROM t'))).toBe('sql_error')
    expect(await codeOf(idle.run('SELECT 1', NONE))).toBe('baton_invalid')
    expect(await codeOf(busy.run('COMMIT', NONE))).toBe('tenant_not_found')
    expect((await tenancy.stats(id)).lsn).toBe(1n)
  })

  it('a deletion whose user will not let go is refused for now, and ends when it is repeated', async () => {
    const clock = new ManualClock()
    const { tenancy } = await newTenancy({ clock })
    const id = idOf('acme')
    await tenancy.create(id)
    const { promise, resolve } = Promise.withResolvers<void>()
    const use = tenancy.use(id, () => promise)
    const deletion = codeOf(tenancy.delete(id))
    await tenancy.use(id, (handle) => until(() => handle.fencedBy !== undefined))
    expect(tenancy.get(id).state).toBe('deleting')
    clock.advance(15_000)
    expect(await deletion).toBe('overloaded')
    expect(await codeOf(tenancy.import(id, streamOf(databaseBytes((db) => db.exec('VACUUM')))))).toBe(
      'tenant_in_transition',
    )
    resolve()
    await use
    expect(await codeOf(tenancy.delete(id))).toBe('ok')
    expect(tenancy.count()).toBe(0)
  })
})

describe('suspend, resume', () => {
  it('refuse requests at once, those under way and open transactions included, and lift that; both may be repeated', async () => {
    const { tenancy, sql } = await newTenancy()
    const id = idOf('acme')
    await tenancy.create(id)
    await sql(id, 'CREATE TABLE t(a)')
    const { session } = await tenancy.openSession(id)
    await session.run('BEGIN', NONE)
    await session.run('INSERT INTO t VALUES (1)', NONE)
    const waiting = codeOf(sql(id, 'INSERT INTO t VALUES (2)'))
    const first = await tenancy.suspend(id)
    expect([await waiting, session.endedBy?.code, await codeOf(sql(id, 'SELECT 1'))]).toEqual(
      Array(3).fill('tenant_suspended'),
    )
    expect(await tenancy.suspend(id)).toEqual(first)
    for (let n = 0; n < 2; n += 1) expect((await tenancy.resume(id)).suspendedAtMs).toBeUndefined()
    expect(await sql(id, 'SELECT count(*) FROM t')).toEqual([[0n]])
  })

  it('outlive a restart', async () => {
    const first = await newTenancy()
    await first.tenancy.create(idOf('acme'))
    await first.tenancy.suspend(idOf('acme'))
    await first.tenancy.close()
    const second = await newTenancy({ dataPath: first.dataPath })
    expect(await codeOf(second.sql(idOf('acme'), 'SELECT 1'))).toBe('tenant_suspended')
  })
})

describe('verbs on a tenant in transition', () => {
  it('are refused while another verb runs, and its requests are served or refused by state', async () => {
    const { tenancy, sql } = await newTenancy()
    const id = idOf('acme')
    await tenancy.create(id)
    await sql(id, 'CREATE TABLE kept(a)')
    const { promise, resolve } = Promise.withResolvers<void>()
    const body = async function* () {
      await promise
      yield* streamOf(databaseBytes((db) => db.exec('CREATE TABLE t(a)')))
    }
    const importing = tenancy.import(id, body())
    const verbs = [
      tenancy.create(id),
      tenancy.delete(id),
      tenancy.suspend(id),
      tenancy.resume(id),
      tenancy.import(id, body()),
    ]
    expect(await Promise.all(verbs.map(codeOf))).toEqual(Array(5).fill('tenant_in_transition'))
    expect(await sql(id, 'SELECT count(*) FROM kept')).toEqual([[0n]])
    resolve()
    await importing
    expect(await codeOf(tenancy.suspend(id))).toBe('ok')
  })

  it('an import waits for the statement that runs; requests meanwhile wait and find the new file, through one connection', async () => {
    const open = await newTenancy()
    const { tenancy, sql } = open
    const id = idOf('acme')
    await tenancy.create(id)
    await sql(id, 'CREATE TABLE t(a)')
    const { promise, resolve } = Promise.withResolvers<void>()
    const use = tenancy.use(id, () => promise)
    const importing = tenancy.import(id, streamOf(databaseBytes((db) => db.exec('CREATE TABLE u AS SELECT 7 AS a'))))
    await tenancy.use(id, (handle) => until(() => handle.fencedBy !== undefined))
    const opened = tenancy.poolStats().opened
    const waiting = codeOf(sql(id, 'SELECT a FROM u'))
    await new Promise((done) => setImmediate(done))
    expect(tenancy.poolStats().opened).toBe(opened)
    resolve()
    await Promise.all([use, importing])
    expect(await waiting).toBe('ok')
  })
})

describe('list()', () => {
  const ids = fc.uniqueArray(fc.stringMatching(/^[ab](-?[ab1]){0,4}$/), { maxLength: 25 })

  it('pages, concatenated, are all ids with the prefix and the state in order, whatever the limit', async () => {
    const { tenancy } = await newTenancy({ shardCount: 7 })
    const there = new Set<string>()
    const suspended = new Set<string>()
    await fc.assert(
      fc.asyncProperty(
        ids,
        fc.integer({ min: 1, max: 9 }),
        fc.constantFrom('', 'a', 'b-', 'ab'),
        async (more, limit, prefix) => {
          for (const text of more.filter((each) => !there.has(each)).slice(0, 6)) {
            await tenancy.create(idOf(text))
            there.add(text)
            if (text.length % 2 === 0) suspended.add((await tenancy.suspend(idOf(text))).id)
          }
          for (const accepts of [
            () => true,
            ({ suspendedAtMs }: { suspendedAtMs: unknown }) => suspendedAtMs !== undefined,
          ]) {
            const found: string[] = []
            for (let afterId: string | undefined = ''; afterId !== undefined; ) {
              const page = tenancy.list({ limit, afterId, prefix, accepts })
              expect(page.tenants.length).toBeLessThanOrEqual(limit)
              found.push(...page.tenants.map(({ id }) => id))
              afterId = page.nextAfterId
            }
            const wanted = [...there].filter(
              (id) => id.startsWith(prefix) && accepts({ suspendedAtMs: suspended.has(id) || undefined }),
            )
            expect(found).toEqual(wanted.sort())
          }
        },
      ),
      { numRuns: 12 },
    )
    expect(tenancy.count()).toBe(there.size)
  })

  it('of an empty directory is one empty page', async () => {
    expect((await newTenancy()).tenancy.list(all)).toEqual({ tenants: [], nextAfterId: undefined })
  })
})

describe('a damaged tenant', () => {
  const DAMAGES: readonly (readonly [string, (path: string) => void])[] = [
    ['gone', (path) => rmSync(path)],
    ['empty', (path) => writeFileSync(path, '')],
    ['of text', (path) => writeFileSync(path, 'no database'.repeat(1_000))],
    ['cut', (path) => writeFileSync(path, readFileSync(path).subarray(0, 5_000))],
    ['another tenant’s', (path) => writeFileSync(path, readFileSync(`${path}.other`))],
  ]

  it.each(DAMAGES)('whose file is %s stops alone, loudly, and its neighbour serves', async (_what, damage) => {
    const first = await newTenancy()
    for (const text of ['hurt', 'well', 'other']) await first.tenancy.create(idOf(text))
    const [path, other] = [pathOf(first, 'hurt'), pathOf(first, 'other')]
    await first.tenancy.close()
    writeFileSync(`${path}.other`, readFileSync(other))
    damage(path)
    const second = await newTenancy({ dataPath: first.dataPath })
    expect(await codeOf(second.sql(idOf('hurt'), 'SELECT * FROM tenax_meta'))).toBe('tenant_quarantined')
    expect(second.tenancy.get(idOf('hurt')).quarantineReason).toMatch(/./)
    expect(second.tenancy.get(idOf('hurt')).quarantineReason).not.toContain(first.dataPath)
    await until(() => second.events.some(({ type }) => type === 'quarantined'))
    expect(second.events).toContainEqual(
      expect.objectContaining({ type: 'quarantined', tenantId: 'hurt', recorded: true }),
    )
    expect(await second.sql(idOf('well'), 'SELECT 1')).toEqual([[1n]])
    expect(await codeOf(second.tenancy.delete(idOf('hurt')))).toBe('ok')
    await second.tenancy.create(idOf('hurt'))
  })

  it('with too much behind its end still serves', async () => {
    const first = await newTenancy()
    await first.tenancy.create(idOf('acme'))
    const path = pathOf(first, 'acme')
    await first.tenancy.close()
    appendFileSync(path, Buffer.alloc(4_096))
    const second = await newTenancy({ dataPath: first.dataPath })
    expect(await second.sql(idOf('acme'), 'SELECT 1')).toEqual([[1n]])
  })
})

describe('many tenants through few handles', () => {
  it('lose no write, and keep handles and descriptors within their limits at all times', async () => {
    const [tenants, handlesMax, rounds] = [300, 10, 2]
    const migrations = [{ name: '1', sql: 'CREATE TABLE t(a)' }]
    const open = await newTenancy({ pool: { handlesMax }, migrations })
    const ids = Array.from({ length: tenants }, (_, n) => idOf(`t${n}`))
    let descriptorsOver = 0
    const check = () => {
      const { idle, pinned, opening, closing } = open.tenancy.poolStats()
      expect(idle + pinned + opening + closing).toBeLessThanOrEqual(handlesMax)
      const limit = (handlesMax + zombieCount()) * 5 + 64
      descriptorsOver = Math.max(descriptorsOver, (descriptorsBelow(open.dataPath) ?? 0) - limit)
    }
    await Promise.all(ids.map((id) => open.tenancy.create(id)))
    check()
    const outcomes = await Promise.all(
      Array.from({ length: rounds }, (_, round) =>
        ids.map((id, n) => {
          if ((round * tenants + n) % 40 === 0) check()
          return codeOf(open.sql(id, 'INSERT INTO t VALUES (?)', BigInt(round))).finally(() => n % 40 === 0 && check())
        }),
      ).flat(),
    )
    expect(new Set(outcomes)).toEqual(new Set(['ok']))
    const counts = await Promise.all(ids.map((id) => open.sql(id, 'SELECT count(*) FROM t')))
    expect(counts).toEqual(ids.map(() => [[BigInt(rounds)]]))
    check()
    expect(descriptorsOver).toBeLessThanOrEqual(0)
    expect(open.tenancy.poolStats().disposed.evict).toBeGreaterThan(tenants)
  })

  it('give every descriptor back at close()', async () => {
    const open = await newTenancy()
    for (const text of ['a', 'b', 'c']) await open.tenancy.create(idOf(text))
    await open.tenancy.close()
    expect(descriptorsBelow(`${open.dataPath}/shards`) ?? 0).toBe(0)
  })
})
