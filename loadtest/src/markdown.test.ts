import { expect, test } from 'vitest'
import { bytesFigure, figure, markdownTable } from './markdown.ts'

test('markdownTable() pads columns, aligns figures right and escapes pipes', () => {
  expect(
    markdownTable(
      ['what', 'ms'],
      [
        ['a|b', '1'],
        ['longer', '1,000'],
      ],
    ),
  ).toBe(['| what   |    ms |', '|--------|------:|', '| a\\|b   |     1 |', '| longer | 1,000 |'].join('\n'))
})

test('markdownTable() fills the cells that a row lacks', () => {
  expect(markdownTable(['a', 'b'], [['1']])).toBe('| a   |   b |\n|-----|----:|\n| 1   |     |')
})

test.each([
  [0.123_456, '0.123'],
  [12.345, '12.3'],
  [1234.5, '1,235'],
  [0, '0'],
  [Number.NaN, '–'],
])('figure(%d) is %s', (value, text) => {
  expect(figure(value)).toBe(text)
})

test('bytesFigure() picks the unit', () => {
  expect([bytesFigure(2048), bytesFigure(3 * 1024 * 1024)]).toEqual(['2 KiB', '3 MiB'])
})
