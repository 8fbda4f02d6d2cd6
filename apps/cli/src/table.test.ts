import fc from 'fast-check'
import { expect, test } from 'vitest'
import { escapeControls, formatBytes, formatFields, formatTable, textWidth } from './table.ts'

test('columns are as wide as their widest cell, and lines end without spaces', () => {
  const lines = formatTable(
    [{ title: 'id' }, { title: 'n', align: 'right' }, { title: 'x' }],
    [
      ['a', '1', ''],
      ['long', '100', 'y'],
    ],
  )
  expect(lines).toEqual(['id      n  x', '----  ---  -', 'a       1', 'long  100  y'])
})

test('a table without rows has its head', () => {
  expect(formatTable([{ title: 'id' }], [])).toEqual(['id', '--'])
})

test('wide characters take two columns', () => {
  expect(textWidth('日本')).toBe(4)
  expect(textWidth('👨‍👩‍👧')).toBe(2)
  expect(textWidth('é')).toBe(1)
  expect(
    formatTable(
      [{ title: 'a' }, { title: 'b' }],
      [
        ['日', 'x'],
        ['z', 'y'],
      ],
    )[3],
  ).toBe('z   y')
})

test('control characters are shown, not obeyed', () => {
  expect(escapeControls('a\nb\t\x1b[31m\u202e')).toBe('a\\nb\\t\\u{1b}[31m\\u{202e}')
})

test('no text reaches the terminal with a control character in it', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(formatTable([{ title: text }], [[text]]).join('')).not.toMatch(/\p{Cc}/u)
    }),
  )
})

test('fields stand below each other', () => {
  expect(
    formatFields([
      ['id', 'acme'],
      ['state', 'warm'],
    ]),
  ).toEqual(['id     acme', 'state  warm'])
})

test.each([
  [0, '0 bytes'],
  [1023, '1023 bytes'],
  [1536, '1.5 KiB'],
  [300 * 1024, '300 KiB'],
  [2 ** 41, '2.0 TiB'],
])('%d bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text)
})
