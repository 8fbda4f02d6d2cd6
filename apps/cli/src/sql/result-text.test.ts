import type { SqlResult } from '@tenax/kernel'
import { expect, test } from 'vitest'
import { fakeIo } from '../fixtures/fake-context.ts'
import { formatResult, formatValue, printResult } from './result-text.ts'

function result(names: readonly string[], rows: SqlResult['rows']): SqlResult {
  return { columns: names.map((name) => ({ name, decltype: null })), rows, rowsAffected: 2, lastInsertRowid: undefined }
}

test('numbers stand to the right, everything else to the left', () => {
  const rows = [
    [1n, 'a', null],
    [100n, 'bcd', 2.5],
  ]
  expect(formatResult(result(['n', 'text', 'real'], rows))).toEqual([
    '  n  text  real',
    '---  ----  ----',
    '  1  a     NULL',
    '100  bcd    2.5',
  ])
})

test('a statement without columns says how many rows it changed', () => {
  expect(formatResult(result([], []))).toEqual(['rows affected: 2'])
})

test.each([
  [null, 'NULL'],
  [2n ** 63n - 1n, '9223372036854775807'],
  [1, '1.0'],
  [1e300, '1e+300'],
  [Number.NEGATIVE_INFINITY, '-Infinity'],
  [new Uint8Array([0, 255]), "x'00ff'"],
  [new Uint8Array(40), `x'${'00'.repeat(32)}…' (40 bytes)`],
])('the value %s is shown as %s', (value, text) => {
  expect(formatValue(value)).toBe(text)
})

test('JSON is one line, exact where numbers are not', () => {
  const io = fakeIo()
  printResult({ io, json: true }, result(['a', 'b', 'c'], [[2n ** 53n, Number.POSITIVE_INFINITY, new Uint8Array([1])]]))
  expect(io.out()).toBe(
    '{"columns":["a","b","c"],"rows":[["9007199254740992","Infinity",{"base64":"AQ=="}]],"rowsAffected":2,"lastInsertRowid":null}\n',
  )
})
