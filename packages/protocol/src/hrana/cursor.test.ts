import { expect, test } from 'vitest'
import {
  CURSOR_END,
  cursorEntrySchema,
  cursorHead,
  encodeCursorLine,
  errorEntry,
  parseCursorRequest,
  stepEntries,
  stepErrorEntry,
} from './cursor.ts'

const error = { message: 'no', code: 'SQLITE_ERROR' }
const result = {
  columns: [{ name: 'a', decltype: null }],
  rows: [['line\nbreak'], [Number.POSITIVE_INFINITY]],
  rowsAffected: 1,
  lastInsertRowid: 2n ** 62n,
}

test('a cursor request is a baton and a batch', () => {
  const { baton, batch } = parseCursorRequest({ batch: { steps: [{ stmt: { sql: 'select 1' }, later: 1 }] }, later: 2 })
  expect(baton).toBeUndefined()
  expect(batch.steps).toMatchObject([{ condition: undefined, statement: { source: { sql: 'select 1' } } }])
})

test.each([{}, { batch: {} }, { batch: { steps: [{}] } }, { batch: { steps: [] }, baton: 1 }])(
  'the cursor request %j is refused',
  (body) => {
    expect(() => parseCursorRequest(body)).toThrow(expect.objectContaining({ code: 'body_invalid' }))
  },
)

test('a step says its columns, its rows, its end, and its rowid as text', () => {
  expect([...stepEntries(3, result)]).toMatchObject([
    { type: 'step_begin', step: 3, cols: [{ name: 'a', decltype: null }] },
    { type: 'row', row: [{ type: 'text', value: 'line\nbreak' }] },
    { type: 'row', row: [{ type: 'float' }] },
    { type: 'step_end', affected_row_count: 1, last_insert_rowid: '4611686018427387904' },
  ])
})

test('every entry is one line of JSON', () => {
  const lines = [...stepEntries(0, result), stepErrorEntry(1, error), CURSOR_END, errorEntry(error)].map(
    encodeCursorLine,
  )
  for (const line of [encodeCursorLine(cursorHead(undefined)), ...lines])
    expect(line.indexOf('\n')).toBe(line.length - 1)
})

test('every entry with finite values is what its schema says', () => {
  const finite = { ...result, rows: [['a']] }
  for (const entry of [...stepEntries(0, finite), stepErrorEntry(1, error), CURSOR_END, errorEntry(error)]) {
    expect(cursorEntrySchema.safeParse(JSON.parse(encodeCursorLine(entry))).error).toBeUndefined()
  }
})

test('the head says whether the stream lives on', () => {
  expect(cursorHead('b')).toEqual({ baton: 'b', base_url: null })
  expect(cursorHead(undefined)).toEqual({ baton: null, base_url: null })
})
