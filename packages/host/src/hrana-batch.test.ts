/** Hrana batches and cursors as raw JSON: conditions, steps that fail or are skipped, results streamed line by line. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTenants, execute, type HostBed, member, openHost, pipe, send } from './fixtures/host-bed.ts'

let bed: HostBed
let tenantCount = 0
beforeAll(async () => {
  bed = await openHost({ replyRowsMax: 100 })
})
afterAll(() => bed[Symbol.asyncDispose]())

async function newTenant(): Promise<string> {
  tenantCount += 1
  const id = `t${tenantCount}`
  await createTenants(bed, id)
  await pipe(bed, id, [execute('create table item (id integer primary key, name text)'), { type: 'close' }])
  return id
}

const GOOD = { stmt: { sql: 'select 1' } }
const BAD = { stmt: { sql: 'selec' } }
const when = (condition: object | null) => ({ ...GOOD, condition })
const OK0 = { type: 'ok', step: 0 }
const ERROR0 = { type: 'error', step: 0 }

/** What became of each step: `ok`, the code of its error, or `skipped`. */
async function outcomesOf(steps: readonly object[]): Promise<unknown[]> {
  const { results } = await pipe(bed, await newTenant(), [{ type: 'batch', batch: { steps } }, { type: 'close' }])
  const result = member(member(results[0], 'response'), 'result')
  const errors = listOf(member(result, 'step_errors'))
  const successes = listOf(member(result, 'step_results'))
  expect([errors.length, successes.length]).toEqual([steps.length, steps.length])
  return errors.map((error, index) => {
    if (error !== null) return member(error, 'code')
    return successes[index] === null ? 'skipped' : 'ok'
  })
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}

test('a batch goes on after a step that failed', async () => {
  expect(await outcomesOf([GOOD, BAD, GOOD])).toEqual(['ok', 'SQLITE_ERROR', 'ok'])
})

test.for<[string, object[], unknown[]]>([
  ['ok of a step that succeeded', [GOOD, when(OK0)], ['ok', 'ok']],
  ['ok of a step that failed', [BAD, when(OK0)], ['SQLITE_ERROR', 'skipped']],
  ['error of a step that failed', [BAD, when(ERROR0)], ['SQLITE_ERROR', 'ok']],
  ['error of a step that succeeded', [GOOD, when(ERROR0)], ['ok', 'skipped']],
  ['ok of a skipped step', [GOOD, when(ERROR0), when({ type: 'ok', step: 1 })], ['ok', 'skipped', 'skipped']],
  ['error of a skipped step', [GOOD, when(ERROR0), when({ type: 'error', step: 1 })], ['ok', 'skipped', 'ok']],
  ['not', [GOOD, when({ type: 'not', cond: OK0 }), when({ type: 'not', cond: ERROR0 })], ['ok', 'skipped', 'ok']],
  ['and', [GOOD, when({ type: 'and', conds: [OK0, ERROR0] })], ['ok', 'skipped']],
  ['an empty and', [GOOD, when({ type: 'and', conds: [] })], ['ok', 'ok']],
  ['or', [GOOD, when({ type: 'or', conds: [ERROR0, OK0] })], ['ok', 'ok']],
  ['an empty or', [GOOD, when({ type: 'or', conds: [] })], ['ok', 'skipped']],
  ['no condition, said as null', [GOOD, when(null)], ['ok', 'ok']],
])('a condition holds or not: %s', async ([, steps, outcomes]) => {
  expect(await outcomesOf(steps)).toEqual(outcomes)
})

test('is_autocommit follows the statements of the batch', async () => {
  const steps = [
    when({ type: 'is_autocommit' }),
    { stmt: { sql: 'begin' } },
    when({ type: 'is_autocommit' }),
    when({ type: 'not', cond: { type: 'is_autocommit' } }),
    { stmt: { sql: 'rollback' }, condition: { type: 'not', cond: { type: 'is_autocommit' } } },
  ]
  expect(await outcomesOf(steps)).toEqual(['ok', 'ok', 'skipped', 'ok', 'ok'])
})

test.for<[string, object]>([
  ['itself', { type: 'ok', step: 1 }],
  ['a later step', { type: 'error', step: 2 }],
  ['a step before the first', { type: 'ok', step: -1 }],
  ['half a step', { type: 'ok', step: 0.5 }],
  ['nothing known', { type: 'maybe' }],
  ['a later step, deep inside', { type: 'not', cond: { type: 'and', conds: [{ type: 'ok', step: 9 }] } }],
])('a batch with a condition on %s is refused before any of it runs', async ([, condition]) => {
  const id = await newTenant()
  const steps = [{ stmt: { sql: "insert into item values (1, 'a')" } }, when(condition)]
  for (const route of ['v2/pipeline', 'v3/pipeline', 'v3/cursor']) {
    const json = route === 'v3/cursor' ? { batch: { steps } } : { requests: [{ type: 'batch', batch: { steps } }] }
    const reply = await send(bed, `POST /t/${id}/${route}`, { json })
    expect([reply.status, member(reply.json, 'code')]).toEqual([400, 'BODY_INVALID'])
  }
  const { results } = await pipe(bed, id, [execute('select * from item'), { type: 'close' }])
  expect(member(member(member(results[0], 'response'), 'result'), 'rows')).toEqual([])
})

test('a condition that nests without end is refused', async () => {
  const deep = '{"type":"not","cond":'.repeat(100_000) + JSON.stringify(OK0) + '}'.repeat(100_000)
  const steps = `[{"stmt":{"sql":"select 1"}},{"stmt":{"sql":"select 1"},"condition":${deep}}]`
  const body = `{"requests":[{"type":"batch","batch":{"steps":${steps}}}]}`
  const reply = await send(bed, `POST /t/${await newTenant()}/v3/pipeline`, { body })
  expect([reply.status, member(reply.json, 'code')]).toEqual([400, 'BODY_INVALID'])
})

test('the steps of a batch see the texts of their stream', async () => {
  const { results } = await pipe(bed, await newTenant(), [
    { type: 'store_sql', sql_id: 1, sql: "select 'stored'" },
    { type: 'batch', batch: { steps: [{ stmt: { sql_id: 1 } }, { stmt: { sql_id: 2 } }] } },
    { type: 'close' },
  ])
  expect(results[1]).toMatchObject({
    response: {
      result: {
        step_results: [{ rows: [[{ type: 'text', value: 'stored' }]] }, null],
        step_errors: [null, { code: 'ARGUMENT_INVALID' }],
      },
    },
  })
})

/** The lines of a cursor over `steps`. */
async function cursorOf(id: string, steps: readonly object[], baton?: string | null) {
  const reply = await send(bed, `POST /t/${id}/v3/cursor`, { json: { baton, batch: { steps } } })
  expect(reply.status, reply.text).toBe(200)
  expect(reply.headers.get('content-type')).toBe('application/x-ndjson')
  expect(reply.text.endsWith('\n')).toBe(true)
  const [head, ...entries] = listOf(reply.json)
  return { baton: String(member(head, 'baton')), head, entries }
}

const END = { type: 'replication_index', replication_index: null }

test('a cursor streams a head, then each step with its rows, then its end', async () => {
  const id = await newTenant()
  const insert = { stmt: { sql: "insert into item values (1, 'a'), (2, 'b')" } }
  const { head, entries } = await cursorOf(id, [insert, { stmt: { sql: 'select id, name from item' } }])
  expect(head).toEqual({ baton: expect.any(String), base_url: null })
  const cols = [
    { name: 'id', decltype: 'INTEGER' },
    { name: 'name', decltype: 'TEXT' },
  ]
  const row = (itemId: string, name: string) => ({
    type: 'row',
    row: [
      { type: 'integer', value: itemId },
      { type: 'text', value: name },
    ],
  })
  expect(entries).toEqual([
    { type: 'step_begin', step: 0, cols: [] },
    { type: 'step_end', affected_row_count: 2, last_insert_rowid: '2' },
    { type: 'step_begin', step: 1, cols },
    row('1', 'a'),
    row('2', 'b'),
    { type: 'step_end', affected_row_count: 0, last_insert_rowid: null },
    END,
  ])
})

test('a cursor says which step failed, leaves out what was skipped, and goes on', async () => {
  const { entries } = await cursorOf(await newTenant(), [
    BAD,
    when(OK0),
    { stmt: { sql: "update item set name = 'x'" } },
  ])
  expect(entries).toMatchObject([
    { type: 'step_error', step: 0, error: { code: 'SQLITE_ERROR' } },
    { type: 'step_begin', step: 2 },
    { type: 'step_end' },
    END,
  ])
})

test('a cursor answers no rows of a step that wants none', async () => {
  const { entries } = await cursorOf(await newTenant(), [{ stmt: { sql: 'select 1', want_rows: false } }])
  expect(entries.map((entry) => member(entry, 'type'))).toEqual(['step_begin', 'step_end', 'replication_index'])
})

test('a cursor answers the failure of a reply with too many rows in its place', async () => {
  const many = { stmt: { sql: 'with n(i) as (select 1 union all select i + 1 from n limit 101) select i from n' } }
  const { entries } = await cursorOf(await newTenant(), [many])
  expect(entries).toMatchObject([{ type: 'step_error', step: 0, error: { code: 'REPLY_TOO_LARGE' } }, END])
})

test('a cursor runs in the transaction of its stream, and its baton continues it', async () => {
  const id = await newTenant()
  const begun = await pipe(bed, id, [execute('begin')])
  const insert = { stmt: { sql: "insert into item values (1, 'a')" } }
  const { baton } = await cursorOf(id, [insert], begun.baton)
  const { results } = await pipe(bed, id, [{ type: 'get_autocommit' }, execute('rollback'), { type: 'close' }], {
    baton,
  })
  expect(results[0]).toMatchObject({ response: { is_autocommit: false } })
  expect((await cursorOf(id, [{ stmt: { sql: 'select * from item' } }])).entries).toHaveLength(3)
})

test('a cursor on an unknown tenant, and one without a batch, fail as a whole', async () => {
  const unknown = await send(bed, 'POST /t/nobody/v3/cursor', { json: { batch: { steps: [] } } })
  expect([unknown.status, member(unknown.json, 'code')]).toEqual([404, 'TENANT_NOT_FOUND'])
  const empty = await send(bed, `POST /t/${await newTenant()}/v3/cursor`, { json: {} })
  expect([empty.status, member(empty.json, 'code')]).toEqual([400, 'BODY_INVALID'])
})

test('a cursor whose client hangs up leaves a stream that closes by itself', async () => {
  const id = await newTenant()
  const body = JSON.stringify({ batch: { steps: [{ stmt: { sql: 'select 1' } }] } })
  const headers = { 'content-type': 'application/json' }
  const request = new Request(`http://127.0.0.1/t/${id}/v3/cursor`, { method: 'POST', body, headers })
  await (await bed.fetch(request)).body?.cancel()
  expect((await pipe(bed, id, [execute('select 1'), { type: 'close' }])).results).toHaveLength(2)
})
