import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { lineAt, scanSource } from './source-text.ts'

const codeOf = (text: string) => scanSource('a.ts', text).code

describe('scanSource()', () => {
  test('blanks strings but keeps their quotes', () => {
    expect(codeOf(`f("a'b", 'c\\'d')`)).toBe(`f("   ", '    ')`)
  })

  test('blanks comments to the end of their line or mark', () => {
    expect(codeOf('a // b {\nc /* d\n{ */ e')).toBe('a       \nc     \n     e')
  })

  test('blanks a comment line for the shell at the top of a program', () => {
    expect(codeOf('#!/usr/bin/env node\na')).toBe(`${' '.repeat(19)}\na`)
  })

  test('keeps expressions inside nested templates', () => {
    expect(codeOf(`\`x \${a ? \`y \${b}\` : "}"} z\` + c`)).toBe('`   {a ? `   {b}` : " "}  ` + c')
  })

  test('tells a regular expression from a division', () => {
    expect(codeOf('a / b; c = /[/"]{/g.test(d) / 2')).toBe('a / b; c =         .test(d) / 2')
    expect(codeOf('return /x"/')).toBe('return     ')
  })

  test('puts comments into their own view', () => {
    expect(scanSource('a.ts', `'no' // yes`).comments).toBe('     // yes')
  })

  test('collects the contents of strings and template parts', () => {
    const values = scanSource('a.ts', `'one' \`two \${three} four\``).literals.map((literal) => literal.value)
    expect(values).toEqual(['one', 'two ', ' four'])
  })

  test('ends an open string at the end of its line', () => {
    expect(codeOf(`don't\n{ }`)).toContain('\n{ }')
  })

  test('keeps length and lines of any text', () => {
    const text = fc.array(
      fc.constantFrom('`', '${', '}', '{', '/', '*/', '/*', '//', '\n', "'", '"', '\\', 'a ', '[', ')'),
    )
    fc.assert(
      fc.property(text, (parts) => {
        const { code, comments, text: whole } = scanSource('a.ts', parts.join(''))
        for (const view of [code, comments]) {
          expect(view.length).toBe(whole.length)
          expect(view.split('\n').length).toBe(whole.split('\n').length)
        }
      }),
    )
  })
})

test('lineAt() counts from one', () => {
  expect([0, 1, 2, 3].map((at) => lineAt('a\nb\n', at))).toEqual([1, 1, 2, 2])
})
