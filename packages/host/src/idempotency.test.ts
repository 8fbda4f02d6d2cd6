/** `Idempotency-Key`: a request that is sent again is done once, and its first reply is answered again. */
import { ManualClock } from '@tenax/kernel'
import { MemoryDisk } from '@tenax/ledger/contract'
import { describe, expect, test } from 'vitest'
import { execute, type HostBed, member, openHost, type Reply, rowsOf, send } from './fixtures/host-bed.ts'
import { createTenax, type TenaxOptions } from './index.ts'

async function openAcme(options: Omit<TenaxOptions, 'data'> = {}): Promise<HostBed> {
  const bed = await openHost(options)
  await bed.tenax.tenant('acme').create()
  await bed.tenax.tenant('acme').query('create table t (a integer primary key, b text)')
  return bed
}

function query(bed: Pick<HostBed, 'fetch'>, key: string, sql: string, args: readonly unknown[] = []): Promise<Reply> {
  return send(bed, 'POST /t/acme/query', { json: { sql, args }, headers: { 'idempotency-key': key } })
}

function pipeline(bed: HostBed, key: string, requests: readonly object[], version = 'v3'): Promise<Reply> {
  const headers = { 'idempotency-key': key }
  return send(bed, `POST /t/acme/${version}/pipeline`, { json: { baton: null, requests }, headers })
}

const isReplay = ({ headers }: Reply) => headers.get('idempotency-replayed') === 'true'
const INSERT = "insert into t (b) values ('x') returning a"
const count = (bed: Pick<HostBed, 'fetch'>) => rowsOf(bed, 'acme', 'select count(*) from t')

describe('POST /t/:id/query with a key', () => {
  test('is done once; the second reply is the first one, and says so', async () => {
    await using bed = await openAcme()
    const first = await query(bed, 'k1', INSERT)
    const second = await query(bed, 'k1', INSERT)
    expect([isReplay(first), isReplay(second)]).toEqual([false, true])
    expect(second.text).toBe(first.text)
    expect(second.json).toMatchObject({ rows: [[1]] })
    expect(second.headers.get('tenax-lsn')).toBe(first.headers.get('tenax-lsn'))
    expect(await count(bed)).toEqual([[1]])
    expect(isReplay(await query(bed, 'k2', INSERT))).toBe(false)
    expect(await count(bed)).toEqual([[2]])
  })

  test('is done once when many come at the same time', async () => {
    await using bed = await openAcme()
    const replies = await Promise.all(Array.from({ length: 8 }, () => query(bed, 'k', INSERT)))
    expect(replies.filter((reply) => !isReplay(reply))).toHaveLength(1)
    expect(new Set(replies.map(({ text }) => text)).size).toBe(1)
    expect(await count(bed)).toEqual([[1]])
  })

  test('is refused for another body, whatever the spaces, and nothing is done', async () => {
    await using bed = await openAcme()
    await query(bed, 'k', INSERT)
    const other = await query(bed, 'k', 'delete from t')
    expect(other).toMatchObject({ status: 409, json: { code: 'idempotency_key_reused' } })
    expect(await pipeline(bed, 'k', [execute(INSERT)])).toMatchObject({ status: 409 })
    const body = JSON.stringify({ sql: INSERT, args: [] }, null, 4)
    const spaced = await send(bed, 'POST /t/acme/query', {
      body,
      headers: { 'idempotency-key': 'k', 'content-type': 'application/json' },
    })
    expect(isReplay(spaced)).toBe(true)
    expect(await count(bed)).toEqual([[1]])
  })

  test('leaves the rowid that the tenant inserted last', async () => {
    await using bed = await openAcme()
    await query(bed, 'a', "insert into t values (40, 'x')")
    await query(bed, 'b', "insert into t values (41, 'x')")
    expect(await rowsOf(bed, 'acme', 'select last_insert_rowid()')).toEqual([[41]])
  })

  test('that does not fit into the quota says so, and writes nothing', async () => {
    await using bed = await openAcme({ pageCountMax: 16 })
    const insert = 'insert into t (b) values (hex(zeroblob(2000)))'
    const statuses: number[] = []
    for (let row = 0; row < 20; row += 1) statuses.push((await query(bed, `k${row}`, insert)).status)
    expect(new Set(statuses)).toEqual(new Set([200, 507]))
    expect(await rowsOf(bed, 'acme', 'select count(*) from tenax_idempotency')).toEqual(await count(bed))
  })

  test('that failed keeps nothing: it is tried again', async () => {
    await using bed = await openAcme()
    await query(bed, 'a', "insert into t values (1, 'x')")
    const insert = "insert into t values (1, 'y')"
    expect(await query(bed, 'b', insert)).toMatchObject({ status: 400, json: { code: 'sql_error' } })
    await query(bed, 'c', 'delete from t')
    const again = await query(bed, 'b', insert)
    expect([again.status, isReplay(again)]).toEqual([200, false])
  })

  test('is refused for VACUUM, which commits by itself', async () => {
    await using bed = await openAcme()
    expect(await query(bed, 'k', 'VACUUM')).toMatchObject({ status: 400, json: { code: 'idempotency_unsupported' } })
    expect(isReplay(await query(bed, 'k', INSERT))).toBe(false)
    expect(await count(bed)).toEqual([[1]])
  })

  test('keeps no reply of a read: it is read again', async () => {
    await using bed = await openAcme()
    const select = 'select count(*) from t'
    expect((await query(bed, 'r', select)).json).toMatchObject({ rows: [[0]] })
    await query(bed, 'w', INSERT)
    const again = await query(bed, 'r', select)
    expect([isReplay(again), member(again.json, 'rows')]).toEqual([false, [[1]]])
  })

  test('whose reply is larger than 64 KiB is refused and writes nothing', async () => {
    await using bed = await openAcme()
    const big = 'insert into t (b) values (hex(zeroblob(40000))) returning b'
    expect(await query(bed, 'k', big)).toMatchObject({ status: 413, json: { code: 'reply_too_large' } })
    expect(await count(bed)).toEqual([[0]])
  })

  test.each([
    ['an empty one', ''],
    ['one of 256 characters', 'k'.repeat(256)],
    ['one beyond ASCII', 'k\u00e9'],
  ])('refuses a key that is %s', async (_what, key) => {
    await using bed = await openAcme()
    expect(await query(bed, key, INSERT)).toMatchObject({ status: 400, json: { code: 'argument_invalid' } })
    expect(await count(bed)).toEqual([[0]])
    expect((await query(bed, 'k'.repeat(255), INSERT)).status).toBe(200)
  })

  test('is forgotten after seven days, and its row goes', async () => {
    const clock = new ManualClock()
    await using bed = await openAcme({ clock })
    await query(bed, 'old', INSERT)
    clock.advance(7 * 24 * 3_600_000 - 1)
    expect(isReplay(await query(bed, 'old', INSERT))).toBe(true)
    clock.advance(2)
    expect(isReplay(await query(bed, 'old', INSERT))).toBe(false)
    await query(bed, 'other', INSERT)
    clock.advance(8 * 24 * 3_600_000)
    await query(bed, 'new', INSERT)
    expect(await rowsOf(bed, 'acme', 'select key from tenax_idempotency')).toEqual([['new']])
  })

  test('is done once across a restart of the host', async () => {
    const bed = await openAcme()
    const first = await query(bed, 'k', INSERT)
    await bed.tenax.close()
    const again = await createTenax({ data: bed.dataPath })
    const second = await query(again, 'k', INSERT)
    expect([isReplay(second), second.text]).toEqual([true, first.text])
    await again.close()
    await bed[Symbol.asyncDispose]()
  })

  test('waits at the gate like any other, replays included', async () => {
    const disk = new MemoryDisk()
    await using bed = await openAcme({ ledgerFiles: disk })
    const resume = disk.stall('sync')
    const answered: boolean[] = []
    const both = [query(bed, 'k', INSERT), query(bed, 'k', INSERT)]
    for (const reply of both) void reply.then((one) => answered.push(isReplay(one)))
    for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setImmediate(resolve))
    const early = [...answered]
    resume()
    await Promise.all(both)
    expect([early, answered.toSorted()]).toEqual([[], [false, true]])
  })

  test('is read by the tenant, never written', async () => {
    await using bed = await openAcme()
    await query(bed, 'k', INSERT)
    expect(await rowsOf(bed, 'acme', 'select key, status from tenax_idempotency')).toEqual([['k', 200]])
    for (const sql of ['delete from tenax_idempotency', "update tenax_idempotency set reply = ''"]) {
      expect(await query(bed, 'forge', sql)).toMatchObject({ status: 403, json: { code: 'sql_refused' } })
    }
  })

  test('leaves nothing in an import of an export of its tenant', async () => {
    await using bed = await openAcme()
    await query(bed, 'k', INSERT)
    const file = await (await bed.fetch(new Request('http://localhost/v1/tenants/acme/export'))).arrayBuffer()
    const headers = { 'content-type': 'application/vnd.sqlite3' }
    expect(await send(bed, 'PUT /v1/tenants/copy/import', { body: file, headers })).toMatchObject({ status: 201 })
    expect(await rowsOf(bed, 'copy', 'select count(*) from tenax_idempotency')).toEqual([[0]])
  })
})

const step = (sql: string, condition?: object) => ({ stmt: { sql }, ...(condition === undefined ? {} : { condition }) })
const ok = (index: number) => ({ type: 'ok', step: index })

/** A batch as stock clients send one: each step if the one before went well, and ROLLBACK if COMMIT did not. */
function transaction(...statements: string[]): object {
  const texts = ['BEGIN IMMEDIATE', ...statements, 'COMMIT']
  const steps = texts.map((sql, index) => step(sql, index === 0 ? undefined : ok(index - 1)))
  const rollback = step('ROLLBACK', { type: 'not', cond: ok(texts.length - 1) })
  return { type: 'batch', batch: { steps: [...steps, rollback] } }
}

const CLOSE = { type: 'close' }

describe('a pipeline with a key', () => {
  test('of one execute is done once, on v2 and v3 alike, and its stream is closed', async () => {
    await using bed = await openAcme()
    const first = await pipeline(bed, 'k', [execute(INSERT)])
    const second = await pipeline(bed, 'k', [execute(INSERT)], 'v2')
    expect([isReplay(first), isReplay(second), second.text === first.text]).toEqual([false, true, true])
    expect(first.json).toMatchObject({ baton: null, results: [{ type: 'ok', response: { type: 'execute' } }] })
    expect(await count(bed)).toEqual([[1]])
  })

  test('of one transaction is done once, all of it', async () => {
    await using bed = await openAcme()
    const requests = [transaction(INSERT, INSERT), CLOSE]
    const first = await pipeline(bed, 'k', requests)
    const second = await pipeline(bed, 'k', requests)
    expect([isReplay(first), isReplay(second), second.text === first.text]).toEqual([false, true, true])
    const results = member(first.json, 'results')
    expect(results).toMatchObject([{ response: { result: { step_errors: [null, null, null, null, null] } } }, {}])
    expect(await count(bed)).toEqual([[2]])
  })

  test('whose transaction fails keeps nothing', async () => {
    await using bed = await openAcme()
    const requests = [transaction("insert into t values (1, 'x')", "insert into t values (1, 'y')"), CLOSE]
    for (let time = 0; time < 2; time += 1) {
      const reply = await pipeline(bed, 'k', requests)
      expect([reply.status, isReplay(reply)]).toEqual([200, false])
      expect(reply.text).toContain('UNIQUE')
    }
    expect(await count(bed)).toEqual([[0]])
    expect(await rowsOf(bed, 'acme', 'select key from tenax_idempotency')).toEqual([])
  })

  test('whose COMMIT fails says so at that step, and keeps nothing', async () => {
    await using bed = await openAcme()
    const child = 'create table child (p references t (a) deferrable initially deferred)'
    await bed.tenax.tenant('acme').query(child)
    const reply = await pipeline(bed, 'k', [transaction('insert into child values (7)'), CLOSE])
    const errors = [null, null, { code: 'SQLITE_CONSTRAINT' }, null]
    expect(reply.json).toMatchObject({ results: [{ response: { result: { step_errors: errors } } }, {}] })
    expect(await rowsOf(bed, 'acme', 'select count(*) from child')).toEqual([[0]])
    expect(await rowsOf(bed, 'acme', 'select key from tenax_idempotency')).toEqual([])
  })

  test.each([
    ['two executes', [execute(INSERT), execute(INSERT)]],
    ['a script', [{ type: 'sequence', sql: INSERT }]],
    ['statements without a transaction', [{ type: 'batch', batch: { steps: [step(INSERT), step(INSERT)] } }]],
    [
      'a statement after the transaction',
      [{ type: 'batch', batch: { steps: ['begin', INSERT, 'commit', INSERT].map((sql) => step(sql)) } }],
    ],
    [
      'two transactions',
      [{ type: 'batch', batch: { steps: ['begin', INSERT, 'commit', 'begin'].map((sql) => step(sql)) } }],
    ],
  ])('that is %s is refused, and nothing is done', async (_what, requests) => {
    await using bed = await openAcme()
    const reply = await pipeline(bed, 'k', requests)
    expect(reply).toMatchObject({ status: 400, json: { code: 'IDEMPOTENCY_UNSUPPORTED' } })
    expect(await count(bed)).toEqual([[0]])
  })

  test('of transaction control alone fails at its place', async () => {
    await using bed = await openAcme()
    expect(await pipeline(bed, 'k', [execute('begin')])).toMatchObject({
      status: 200,
      json: { results: [{ type: 'error' }] },
    })
  })

  test('is refused on the cursor', async () => {
    await using bed = await openAcme()
    const json = { batch: { steps: [step(INSERT)] } }
    const reply = await send(bed, 'POST /t/acme/v3/cursor', { json, headers: { 'idempotency-key': 'k' } })
    expect(reply).toMatchObject({ status: 400, json: { code: 'IDEMPOTENCY_UNSUPPORTED' } })
  })
})
