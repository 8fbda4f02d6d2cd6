import { describe, expect, test } from 'vitest'
import { BATCH_STEPS_MAX, PIPELINE_REQUESTS_MAX } from '../limits.ts'
import { encodeBatchResult } from './batch.ts'
import { encodeDescribeResult } from './describe.ts'
import { encodePipelineReply, parsePipelineRequest, pipelineReplySchema } from './pipeline.ts'
import { encodeStatementResult } from './statement.ts'

const refused = expect.objectContaining({ code: 'body_invalid' })
const select = { sql: 'select 1' }
const statement = { source: { sql: 'select 1' }, args: { positional: [], named: [] }, wantRows: true }

function parse(...requests: unknown[]) {
  return parsePipelineRequest({ baton: null, requests }).requests
}

function batch(...conditions: unknown[]) {
  return { type: 'batch', batch: { steps: conditions.map((condition) => ({ condition, stmt: select })) } }
}

test('every request type is parsed, in order, without unknown members', () => {
  expect(
    parse(
      { type: 'execute', stmt: { ...select, later: 1 }, later: 2 },
      batch(null),
      { type: 'sequence', sql: 'a; b' },
      { type: 'describe', sql: null, sql_id: -1 },
      { type: 'store_sql', sql_id: 7, sql: 'select 7' },
      { type: 'close_sql', sql_id: 7 },
      { type: 'get_autocommit' },
      { type: 'close' },
    ),
  ).toEqual([
    { type: 'execute', statement },
    { type: 'batch', batch: { steps: [{ condition: undefined, statement }] } },
    { type: 'sequence', source: { sql: 'a; b' } },
    { type: 'describe', source: { sqlId: -1 } },
    { type: 'store_sql', sqlId: 7, sql: 'select 7' },
    { type: 'close_sql', sqlId: 7 },
    { type: 'get_autocommit' },
    { type: 'close' },
  ])
})

test.each([
  [{ requests: [] }, undefined],
  [{ baton: null, requests: [] }, undefined],
  [{ baton: 'b', requests: [], later: 1 }, 'b'],
])('the baton of %j is %s', (body, baton) => {
  expect(parsePipelineRequest(body)).toEqual({ baton, requests: [] })
})

test('positional and named values are kept side by side, names as sent', () => {
  const stmt = {
    ...select,
    args: [{ type: 'integer', value: '1' }],
    named_args: [
      { name: 'a', value: { type: 'null' } },
      { name: ':b', value: { type: 'blob', base64: 'AQ' } },
    ],
    want_rows: false,
  }
  expect(parse({ type: 'execute', stmt })).toEqual([
    {
      type: 'execute',
      statement: {
        source: { sql: 'select 1' },
        args: {
          positional: [1n],
          named: [
            { name: 'a', value: null },
            { name: ':b', value: new Uint8Array([1]) },
          ],
        },
        wantRows: false,
      },
    },
  ])
})

describe('the whole pipeline is refused for', () => {
  test.each<[string, unknown]>([
    ['an unknown request', { type: 'open_stream' }],
    ['a statement without text', { type: 'execute', stmt: {} }],
    ['a statement with two texts', { type: 'execute', stmt: { sql: 'a', sql_id: 1 } }],
    ['a sequence without text', { type: 'sequence' }],
    ['a sql_id beyond 32 bits', { type: 'close_sql', sql_id: 2 ** 31 }],
    ['a malformed value', { type: 'execute', stmt: { ...select, args: [{ type: 'integer', value: 'x' }] } }],
    ['a bare JSON value', { type: 'execute', stmt: { ...select, args: [1] } }],
    ['a condition on the same step', batch({ type: 'ok', step: 0 })],
    ['a condition on a later step', batch(null, { type: 'not', cond: { type: 'error', step: 2 } }, null)],
    ['too many steps', batch(...Array(BATCH_STEPS_MAX + 1).fill(null))],
  ])('%s', (_name, request) => {
    expect(() => parse({ type: 'get_autocommit' }, request)).toThrow(refused)
  })

  test('a close that is not last', () => {
    expect(() => parse({ type: 'close' }, { type: 'get_autocommit' })).toThrow(refused)
    expect(() => parse({ type: 'close' }, { type: 'close' })).toThrow(refused)
  })

  test('too many requests', () => {
    expect(() => parse(...Array(PIPELINE_REQUESTS_MAX + 1).fill({ type: 'get_autocommit' }))).toThrow(refused)
  })

  test.each([null, [], {}, { requests: {} }, { requests: [], baton: 5 }])('the body %j', (body) => {
    expect(() => parsePipelineRequest(body)).toThrow(refused)
  })

  test('a malformed value, and says where it stands', () => {
    const stmt = { ...select, named_args: [{ name: 'a', value: { type: 'blob', base64: '!' } }] }
    expect(() => parse({ type: 'execute', stmt })).toThrow(
      expect.objectContaining({
        details: { issues: [{ path: '/requests/0/stmt/named_args/0/value/base64', message: 'malformed base64' }] },
      }),
    )
  })
})

test('a condition may look at any earlier step', () => {
  expect(() => parse(batch(null, { type: 'ok', step: 0 }, { type: 'error', step: 0 }))).not.toThrow()
})

const result = {
  columns: [{ name: 'a', decltype: 'INTEGER' }],
  rows: [[1n], [null]],
  rowsAffected: 2,
  lastInsertRowid: 2n ** 62n,
}

test('a statement result has rows only when they are wanted', () => {
  const wanted = encodeStatementResult(result, { wantRows: true, durationMs: 0.5 })
  expect(wanted).toEqual({
    cols: [{ name: 'a', decltype: 'INTEGER' }],
    rows: [[{ type: 'integer', value: '1' }], [{ type: 'null' }]],
    affected_row_count: 2,
    last_insert_rowid: '4611686018427387904',
    rows_read: 2,
    rows_written: 2,
    query_duration_ms: 0.5,
  })
  expect(encodeStatementResult(result, { wantRows: false, durationMs: 0.5 })).toEqual({ ...wanted, rows: [] })
})

test('a read has no last rowid', () => {
  const read = { ...result, lastInsertRowid: undefined }
  expect(encodeStatementResult(read, { wantRows: true, durationMs: 0 }).last_insert_rowid).toBeNull()
})

test('a batch result has one entry per step in both arrays', () => {
  const ok = encodeStatementResult(result, { wantRows: true, durationMs: 0 })
  const error = { message: 'no', code: 'SQLITE_ERROR' }
  expect(
    encodeBatchResult([{ outcome: 'ok', result: ok }, { outcome: 'error', error }, { outcome: 'skipped' }]),
  ).toEqual({ step_results: [ok, null, null], step_errors: [null, error, null] })
})

test('a reply is what its schema says', () => {
  const ok = encodeStatementResult(result, { wantRows: true, durationMs: 1 })
  const description = encodeDescribeResult({
    parameters: [':a', null],
    columns: result.columns,
    isExplain: false,
    isReadonly: true,
  })
  const reply = encodePipelineReply('baton', [
    { type: 'ok', response: { type: 'execute', result: ok } },
    { type: 'ok', response: { type: 'batch', result: encodeBatchResult([{ outcome: 'skipped' }]) } },
    { type: 'ok', response: { type: 'describe', result: description } },
    { type: 'ok', response: { type: 'get_autocommit', is_autocommit: true } },
    { type: 'error', error: { message: 'no', code: 'SQLITE_CONSTRAINT', extended_code: 'SQLITE_CONSTRAINT_CHECK' } },
    { type: 'ok', response: { type: 'close' } },
  ])
  expect(pipelineReplySchema.safeParse(JSON.parse(JSON.stringify(reply))).error).toBeUndefined()
  expect(description.params).toEqual([{ name: ':a' }, { name: null }])
  expect(encodePipelineReply(undefined, [])).toEqual({ baton: null, base_url: null, results: [] })
})
