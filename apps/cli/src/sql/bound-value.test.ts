import { expect, test } from 'vitest'
import { parseBoundValue } from './bound-value.ts'

test.each([
  ['5', 5n],
  ['-5', -5n],
  ['9223372036854775807', 2n ** 63n - 1n],
  ['2.5', 2.5],
  ['1e3', 1000],
  ['null', null],
  ['NULL', null],
  ['', ''],
  ['007', '007'],
  ['+5', '+5'],
  ['1_000', '1_000'],
  ['Infinity', 'Infinity'],
  ['text:5', '5'],
  ['text:text:5', 'text:5'],
  ['hex:', new Uint8Array()],
  ['hex:00fF', new Uint8Array([0, 255])],
])('%j binds %s', (text, value) => {
  expect(parseBoundValue(text)).toEqual(value)
})

test.each(['hex:0', 'hex:zz', '9223372036854775808', '-9223372036854775809'])('%j is refused', (text) => {
  expect(() => parseBoundValue(text)).toThrow(expect.objectContaining({ code: 'usage' }))
})
